"""Data sets that were got once and are then read by their names: downloaded, unpacked, and stored as records of images.

    ROOT/NAME/set.json        what it is: its source, licence, citation, checksums and parts
    ROOT/NAME/LICENCE.txt, CITATION.txt
    ROOT/NAME/images          the measurements, as records (see `tfds`) or as the files that an instrument reads
    ROOT/NAME/truth           and so on: what belongs to them, read as NAME:truth
    ROOT/downloads/NAME       what was downloaded whole, or in part; may be deleted
    ROOT/first-seen.json      checksums of first downloads, where none is published

ROOT is `UNSUP_JAX_DATA`, else unsup_jax/data in the user's cache folder. NAME is there when it is complete.
"""

import itertools
import json
import os
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from unsup_jax import user_folders
from unsup_jax.data import unpack
from unsup_jax.data.catalogue import ALL, Source
from unsup_jax.data.catalogue.omezarr import OmeZarr
from unsup_jax.data.transfer import RemoteFile, Web, public
from unsup_jax.errors import InputError
from unsup_jax.files import is_image, make_folder, mrc, open_image, stored, zarr
from unsup_jax.files.picture import Picture, checked_axes

try:
    import fcntl
except ImportError:  # Windows has none
    fcntl = None

_SET, _SEEN = "set.json", "first-seen.json"
_WHOLE = (np.uint8, np.uint16, np.int8, np.int16, np.float16)  # types whose every number float32 has

Progress = Callable[[str, int, int | None], None]


def root(directory: str | Path | None = None) -> Path:
    """The folder of all prepared data sets."""
    return Path(directory if directory is not None else os.environ.get("UNSUP_JAX_DATA") or user_folders.cache() / "data")


def described(name: str, directory: str | Path | None = None) -> dict[str, Any] | None:
    """What a prepared data set says of itself; None where there is none of that name."""
    place = root(directory) / name / _SET
    return json.loads(place.read_text()) if place.exists() else None


def located(path: str) -> str:
    """Where the files or records of a prepared data set are, NAME or NAME:PART by its name or its folder; any other path as it is.

    Raises `InputError` on a part that it has not, and on a name of the catalogue that was not got yet.
    """
    for name, part in ((path, ""), path.rpartition(":")[::2]):
        folder = Path(name) if (Path(name) / _SET).exists() else root() / name
        if name and (Path(name) == folder or re.fullmatch(r"[\w.-]+", name) and not Path(path).exists()) and (folder / _SET).exists():
            parts = json.loads((folder / _SET).read_text())["parts"]
            if part not in parts:
                raise InputError(f"{path}: {name} has no part {part!r}; it has {', '.join(f'{name}:{each}' for each in parts if each) or 'none'}")
            found = folder / _folder_of(part)
            inside = [] if (found / "dataset_info.json").exists() else [each for each in found.iterdir() if not each.name.startswith(".")]
            return str(inside[0] if len(inside) == 1 else found)
        if name in ALL and not Path(path).exists():
            raise InputError(f"{path}: is in the catalogue and not on this machine; `data get {name}` gets it")
    return path


def get(
    source: Source, *, subset: int | None = None, directory: str | Path | None = None, as_files: bool = False, web: Web = Web(),
    say: Callable[[str], None] = lambda text: None, progress: Progress = lambda name, done, total: None,
) -> Path:
    """Download a data set, or the first `subset` images of each of its parts, and prepare it; returns its folder.

    Of a zip, of a stack in MRC and of an OME-Zarr a subset alone comes over, where the server sends parts of files. `as_files` keeps the
    files of all parts as they are. Raises `InputError` in one line on whatever is wrong; what was prepared before then stays as it was.
    """
    if subset is not None and subset < 1:
        raise InputError(f"--subset is {subset}; it is a number of images, 1 or more")
    top = root(directory)
    place, found = top / source.name, described(source.name, directory)
    patterns = {part.name: [part.pattern, part.axes] for part in source.parts}
    wanted = {"subset": subset, "dimensions": source.dimensions, "as_files": as_files, "patterns": patterns}
    if found is not None and {key: found.get(key) for key in wanted} == wanted:
        say(f"{source.name} is prepared already, in {place}")
        return place
    partial = top / f".{source.name}.partial-{os.getpid()}"
    with _alone(top, source.name):
        try:
            getting = _Getting(source, subset, top, partial, as_files, web, say, progress)
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir()
            about = {"name": source.name, "shows": source.shows, "modality": source.modality, "archive": source.archive.title,
                     "address": public(source.archive.address), "licence": source.licence, "citation": source.citation,
                     **({} if source.licence else source.archive.said(web)), **wanted, "parts": getting.parts(), "files": getting.came,
                     "checksums": source.archive.pinned, "date": time.strftime("%Y-%m-%d")}
            (partial / "LICENCE.txt").write_text(f"{about['licence']}\n{about['address']}\n")
            (partial / "CITATION.txt").write_text(f"{about['citation']}\n")
            (partial / _SET).write_text(json.dumps(about, indent=2))
            _publish(partial, place)
        finally:
            shutil.rmtree(partial, ignore_errors=True)
    return place


@contextmanager
def _alone(top, name):
    """One process at a time gets a data set."""
    make_folder(top / "downloads")
    with (top / "downloads" / f".{name}.lock").open("w") as lock:
        try:
            if fcntl is not None:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InputError(f"{name}: another process is getting it already; wait for that") from None
        yield


class _Getting:
    """One data set on its way from an archive into a folder that is not its own yet."""

    def __init__(self, source, subset, top, folder, as_files, web, say, progress):
        self._source, self._subset, self._folder, self._as_files = source, subset, folder, as_files
        self._downloads, self._seen = top / "downloads" / source.name, top / _SEEN
        self._web, self._say, self._progress = web, say, progress
        self.came = []
        """What is known of each file that came, or of which a part came."""
        files = [file for file in source.archive.files(web) if unpack.means(source.takes, file.name)]
        for file in files:
            unpack.check_name(source.archive.address, file.name)
        self._files = [file for file in files if unpack.kind(file.name) or any(self._is_of(part, file.name) for part in source.parts)]
        if not self._files:
            raise InputError(f"{source.name}: no file of {public(source.archive.address)} is {' or '.join(part.pattern for part in source.parts)}; "
                             f"it has {', '.join(file.name for file in files[:5]) or 'none'}")

    def parts(self) -> dict[str, dict[str, Any]]:
        """Each part, prepared, and how much of what it is. Without measurements there is no data set; what belongs to them may be missing."""
        found = {}
        for part in self._source.parts:
            place = self._folder / _folder_of(part.name)
            if part.as_files or self._as_files:
                count, what = self._keep(part, place), "files"
            else:
                count, what = self._records(part, place), "images"
            if count:
                found[part.name] = {what: count}
            elif not part.name:
                raise InputError(f"{self._source.name}: none of its files is {part.pattern}")
        return found

    def _records(self, part, place):
        from unsup_jax.data.tfds import prepare  # imports slowly

        images, count = self._images(part), 0
        first = next(images, None)
        if first is None:
            return 0

        def counted():
            nonlocal count
            for count, image in enumerate(itertools.chain([first], images), 1):
                yield image

        prepare(counted(), place)
        return count

    def _keep(self, part, place):
        count = 0
        for name, path in itertools.islice(self._part_files(part), self._subset):
            make_folder(place)
            flat = place / PurePosixPath(name).name
            flat = flat if not flat.exists() else place / name.replace("/", "-")
            shutil.copyfile(path, flat)
            count += 1
        return count

    def _images(self, part) -> Iterator[np.ndarray]:
        """The images [*S, C] of a part in the type of their files, as many as are asked for."""
        def every():
            for path, picture in self._pictures(part):
                for image in stored(picture, self._source.dimensions):
                    yield np.asarray(image).astype(image.stored_dtype if image.stored_dtype in _WHOLE else np.float32)

        return itertools.islice(every(), self._subset)

    def _pictures(self, part):
        if isinstance(self._source.archive, OmeZarr):
            address = self._source.archive.address
            array, axes, metadata = zarr.read_remote(address, self._web.text)
            self.came.append({"name": address.rpartition("/")[2], "address": public(address), "of it": "chunks"})
            yield address, Picture(Path(self._source.name), "zarr", array, checked_axes(address, axes, False, array.shape), metadata)
            return
        for name, path in self._part_files(part):
            if self._is_of(part, name):
                yield name, open_image(path, part.axes)

    def _is_of(self, part, name):
        return unpack.means(part.pattern, name) and (part.as_files or self._as_files or is_image(name))

    def _part_files(self, part) -> Iterator[tuple[str, Path]]:
        """(name, file) of each file of a part, which is there until the next one is asked for."""
        scratch = self._folder / "scratch"
        scratch.mkdir(exist_ok=True)
        for file in self._files:
            if unpack.kind(file.name) == "zip" and self._subset and not self._here(file) and (opened := self._web.opened(file.address)):
                self._note(file, part="some of the zip's files, each held against its CRC")
                with opened:
                    yield from unpack.members(file.name, opened, opened.size, [part.pattern], scratch)
            elif unpack.kind(file.name) == "tar" and self._subset and not self._here(file) and len(self._source.parts) == 1:
                self._note(file, part="the beginning of the archive")
                with self._web.stream(file.address) as opened:
                    yield from unpack.members(file.name, opened, file.size, [part.pattern], scratch, forwards=True)
            elif unpack.kind(file.name):
                path = self._downloaded(file)
                with path.open("rb") as opened:
                    yield from unpack.members(file.name, opened, path.stat().st_size, [part.pattern], scratch)
            elif self._is_of(part, file.name):
                yield file.name, self._head(file, scratch) or self._downloaded(file)

    def _head(self, file: RemoteFile, scratch) -> Path | None:
        """The first images of a stack in MRC, where they are asked for and the server sends parts of files."""
        stack = file.name.lower().endswith((".mrc", ".mrcs")) and self._source.dimensions == 2
        if not (stack and self._subset) or self._as_files or self._here(file) or (opened := self._web.opened(file.address)) is None:
            return None
        place = scratch / PurePosixPath(file.name).name
        if not mrc.head(opened, self._subset, place):
            return None
        self._note(file, part="the first images of the stack")
        return place

    def _here(self, file):
        return (self._downloads / file.name).exists()

    def _downloaded(self, file: RemoteFile) -> Path:
        """The file, whole and held against its checksum, or against that of its first download."""
        place = self._downloads / file.name
        if place.exists():
            if not any(each["name"] == file.name for each in self.came):
                self._note(file)
            return place
        self._say(f"downloading {file.name}{f' ({file.size / 2**20:.0f} MB)' if file.size else ''} from {public(file.address)} ...")
        sha256 = self._web.download(file, place, lambda done, total: self._progress(file.name, done, total))
        if file.checksum is None:
            self._hold(file, place, sha256)
        self._note(file, sha256=sha256)
        return place

    def _hold(self, file, place, sha256):
        """Trust on first use: a later download must be of the same content."""
        seen = json.loads(self._seen.read_text()) if self._seen.exists() else {}
        first = seen.setdefault(public(file.address), sha256)
        if first != sha256:
            place.unlink()
            raise InputError(f"{public(file.address)}: sha256 {sha256} is not that of its first download, {first}; if the archive has changed it, "
                             f"remove its line from {self._seen}")
        written = self._seen.with_name(f".{_SEEN}.partial")
        written.write_text(json.dumps(seen, indent=2))
        written.rename(self._seen)

    def _note(self, file, **known):
        note = {"name": file.name, "address": public(file.address), **({"published": file.checksum} if file.checksum else {}), **known}
        if note not in self.came:
            self.came.append(note)


def _folder_of(part: str) -> str:
    return part or "images"


def _publish(partial, place):
    """The folder under its name, in place of what was there."""
    shutil.rmtree(partial / "scratch", ignore_errors=True)
    before = partial.with_name(f".{place.name}.before-{os.getpid()}")
    if place.exists():
        place.rename(before)
    partial.rename(place)
    shutil.rmtree(before, ignore_errors=True)
