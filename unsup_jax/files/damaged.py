"""Files that are damaged, or none: what the libraries that read them raise, each its own kinds, in one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from unsup_jax.errors import InputError


@contextmanager
def reading(path: str | Path, kind: str) -> Iterator[None]:
    """What is raised inside becomes one `InputError` which says that the file cannot be read as its kind, unless it is one that names it."""
    try:
        yield
    except InputError as error:
        raise error if str(path) in str(error) else InputError(f"{path}: {error}") from error
    except Exception as error:
        raise InputError(f"{path}: not a readable {kind} file ({(str(error).splitlines() or [type(error).__name__])[0][:200]})") from error


def holds(path: str | Path, *names: str) -> bool:
    """Whether a file is an HDF5 with all of these groups or data sets; not one that is damaged, of which the reader of images says so."""
    import h5py

    try:
        if not Path(path).is_file() or not h5py.is_hdf5(path):
            return False
        with h5py.File(path, "r") as file:
            return all(name in file for name in names)
    except Exception:
        return False
