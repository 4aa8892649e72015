"""What is in archives, taken out one file at a time; archives that would write elsewhere, or fill the disk, are refused before anything is.

A zip is read where it lies, so that of one on another machine the wanted files alone come over; a tar is read forwards.
"""

import fnmatch
import lzma
import shutil
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from unsup_jax.errors import InputError
from unsup_jax.files.names import natural

LARGE = 2**26
RATIO = 200
"""An archive is refused that unpacks to more than `LARGE` bytes and `RATIO` times its own: images are packed to a fifth, rarely a hundredth."""
_DAMAGED = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, RuntimeError, ValueError)


def kind(name: str) -> str | None:
    """"zip" or "tar" by the name of a file; None where it is no archive."""
    if name.lower().endswith(".zip"):
        return "zip"
    return "tar" if name.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.xz", ".tar.bz2")) else None


def members(
    name: str, opened: IO[bytes], size: int | None, patterns: Iterable[str], folder: Path, *, forwards: bool = False,
) -> Iterator[tuple[str, Path]]:
    """(name, file) of each member that one of the patterns means, one after another: each file below `folder` is there until the next.

    A zip's come in the natural order of their names, a tar's as well unless it is read `forwards`. `name` is that of the archive, for its
    kind and for what is said of it; `size` its bytes. Raises `InputError` in one line on an archive that is damaged or cut short, that
    has a member outside of it, a link or a device, or that unpacks to far more than images do.
    """
    patterns = tuple(patterns)
    listed = _zipped if kind(name) == "zip" else _in_tar
    try:
        for member, write in listed(name, opened, size, patterns, forwards):
            place = folder / PurePosixPath(member).name
            try:
                with place.open("wb") as file:
                    write(file)
                yield member, place
            finally:
                place.unlink(missing_ok=True)
    except InputError:
        raise
    except _DAMAGED as error:
        raise InputError(f"{name}: is damaged or cut short ({(str(error) or type(error).__name__).splitlines()[0][:150]}); get it again") from error


def means(pattern: str, member: str) -> bool:
    """Whether a pattern of names means a path in an archive, or the end of one."""
    return fnmatch.fnmatchcase(member, pattern) or fnmatch.fnmatchcase(member, f"*/{pattern}")


def _zipped(name, opened, size, patterns, forwards):
    with zipfile.ZipFile(opened) as archive:
        infos = archive.infolist()
        for info in infos:
            check_name(name, info.filename, "\\" in info.orig_filename)
            if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
                raise InputError(f"{name}: holds a link or a device, {info.filename!r}; it is not unpacked")
            if info.flag_bits & 1:
                raise InputError(f"{name}: {info.filename!r} is encrypted, and there is no password")
        packed = size or sum(info.compress_size for info in infos)
        _check_sum(name, sum(info.file_size for info in infos), packed)
        wanted = [info for info in infos if not info.is_dir() and _wanted(info.filename, patterns)]
        for info in sorted(wanted, key=lambda info: natural(Path(info.filename))):
            yield info.filename, lambda file, info=info: _copy(archive.open(info), file)


def _in_tar(name, opened, size, patterns, forwards):
    with tarfile.open(fileobj=opened, mode="r|*" if forwards else "r:*") as archive:
        total, found = 0, []
        for member in archive:
            check_name(name, member.name)
            if not (member.isreg() or member.isdir()):
                raise InputError(f"{name}: holds a link or a device, {member.name!r}; it is not unpacked")
            total += member.size
            if size is not None:
                _check_sum(name, total, size)
            if member.isreg() and _wanted(member.name, patterns):
                if forwards:
                    yield member.name, lambda file, member=member: _copy(archive.extractfile(member), file)
                else:
                    found.append(member)
        if not forwards:
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):  # which ends a tar, and where tarfile would end without it
                raise tarfile.ReadError("it has no end")
        for member in sorted(found, key=lambda member: natural(Path(member.name))):
            yield member.name, lambda file, member=member: _copy(archive.extractfile(member), file)


def _copy(source, file):
    with source:
        shutil.copyfileobj(source, file, 2**20)


def _wanted(member, patterns):
    hidden = any(part.startswith((".", "__MACOSX")) for part in PurePosixPath(member).parts)
    return not hidden and any(means(pattern, member) for pattern in patterns)


def check_name(archive: str, member: str, backslash: bool = False) -> None:
    """`InputError` where the name of a file of an archive means a place outside of the folder it is unpacked into."""
    path = PurePosixPath(member)
    if backslash or not path.name or path.is_absolute() or ".." in path.parts or ":" in member[:2] or "\0" in member:
        raise InputError(f"{archive}: would write outside of its folder, to {member!r}; it is not unpacked")


def _check_sum(archive, unpacked, packed):
    if unpacked > LARGE and unpacked > RATIO * max(1, packed):
        raise InputError(f"{archive}: unpacks to {unpacked / 2**20:.0f} MB of {packed / 2**20:.2g} MB, more than {RATIO} times; it is taken for a "
                         "bomb and not unpacked")
