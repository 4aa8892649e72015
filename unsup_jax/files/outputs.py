"""Outputs: found wanting before the work, complete under their name or not there at all, and never the input."""

import errno
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from unsup_jax.errors import InputError
from unsup_jax.files.names import is_several, is_zarr, listed, parted, partial, suffix

_REFUSED = (errno.EEXIST, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM)


def destinations(source: str | Path, output: str | Path, end=lambda path: None) -> list[tuple[Path, Path]]:
    """(input, output) for each file that `source` means: `output` itself, or in the folder `output` under the input's name.

    `end` gives the suffix of an output that is not to have its input's, else None. Raises `InputError` where several
    inputs are to become one file, or two of them would.
    """
    output, found = Path(output), listed(source)
    if not is_several(source):
        return [(found[0], output)]
    if suffix(output) and not output.is_dir() or is_zarr(output):
        raise InputError(f"{source} means several files, which go into a folder; {output} names a file")
    if output.exists() and not output.is_dir():
        raise InputError(f"{output}: is a file; {source} means several, which go into a folder")
    result: dict[Path, Path] = {}
    for path in found:
        file = parted(path)[0]
        place = output / (file.name if end(file) is None else file.name.removesuffix(file.suffix) + end(file))
        if place in result:
            raise InputError(f"{result[place]} and {path} would both be written to {place}; reconstruct them one by one")
        result[place] = path
    return [(path, place) for place, path in result.items()]


def make_folder(output: str | Path) -> None:
    """Make the folder that outputs go into, where it is not there; `InputError` where it cannot be made or written into."""
    try:
        Path(output).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=output) as file:
            file.write(bytes(4096))  # a full disk opens files, and holds nothing
    except OSError as error:
        raise InputError(f"{output}: cannot be written ({error.strerror})") from error


def check_apart(outputs: Iterable[str | Path], inputs: Iterable[str | Path]) -> None:
    """Raise `InputError` where an output is one of the inputs, by whatever path or link, lies in one, or around one."""
    files = [parted(path)[0].resolve() for path in inputs]
    same = {(stat.st_dev, stat.st_ino): file for file in files if file.exists() for stat in [file.stat()]}
    inside, around = {file: file for file in files}, {parent: file for file in files for parent in file.parents}
    for output in map(Path, outputs):
        place = output.resolve()
        stat = output.stat() if output.exists() else None
        if place in inside or stat and (stat.st_dev, stat.st_ino) in same:
            raise InputError(f"{output}: is the input; give another output")
        if place in around:
            raise InputError(f"{output}: lies around the input {around[place]}; give another output")
        for parent in place.parents:
            if parent in inside:
                raise InputError(f"{output}: lies in the input {parent}; give another output")


def check_output(output: str | Path, suffixes: Iterable[str], *, size: int = 0) -> None:
    """Raise `InputError` unless `output` can be written: before any work is done.

    Its suffix is one of `suffixes`; its folder is there, can be written and has `size` bytes left; it is no folder, but a
    Zarr may be replaced by another, and no file that is protected.
    """
    output, known = Path(output), sorted(suffixes)
    if output.is_dir() and not is_zarr(output):
        raise InputError(f"{output}: is a folder; give the name of a file")
    if suffix(output) not in known:
        raise InputError(f"{output}: nothing is written as {suffix(output) or '(no suffix)'!r}; accepted are {', '.join(known)}")
    folder = output.parent
    if not folder.is_dir():
        raise InputError(f"{output}: the folder {folder} does not exist")
    if output.exists() and not os.access(output, os.W_OK):
        raise InputError(f"{output}: is there already, and protected")
    with _refusals_in_one_line(output), tempfile.TemporaryFile(dir=folder):
        free = shutil.disk_usage(folder).free
    if size > free:
        raise InputError(f"{output}: takes {size / 1e9:.3g} GB; {free / 1e9:.3g} are free in {folder.resolve()}")


@contextmanager
def replacing(output: str | Path) -> Iterator[Path]:
    """The hidden path to write to, which becomes `output` when all is done; whatever else ends the work removes it.

    That is an exception, Ctrl-C, and a signal to end. A disk that is full or protected is an `InputError`.
    """
    output = Path(output)
    place = partial(output)
    _remove(place)
    try:
        with _refusals_in_one_line(output), _signals_raised():
            yield place
            old = place.with_name(place.name + ".old")
            if output.is_dir():  # a Zarr: only files are replaced in one move
                output.rename(old)
            place.rename(output)
            _remove(old)
    finally:
        _remove(place)


@contextmanager
def _refusals_in_one_line(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _REFUSED:
            raise
        raise InputError(f"{output}: cannot be written ({os.strerror(error.errno)})") from error


@contextmanager
def _signals_raised() -> Iterator[None]:
    """The signals to end, which by themselves stop a program where it stands, as an exception that runs what cleans up."""
    def stop(number, frame):
        raise SystemExit(128 + number)

    ends = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    ends = [number for number in ends if signal.getsignal(number) is signal.SIG_DFL]
    if threading.current_thread() is not threading.main_thread():
        ends = []  # handlers belong to the main thread
    for number in ends:
        signal.signal(number, stop)
    try:
        yield
    finally:
        for number in ends:
            signal.signal(number, signal.SIG_DFL)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
