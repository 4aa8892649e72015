"""Files of other machines over HTTP: downloads that resume, whose checksums are verified, and parts of files that are too large to have whole."""

import hashlib
import io
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from unsup_jax.errors import InputError
from unsup_jax.files import make_folder
from unsup_jax.lazy import Lazy

requests, urllib3 = Lazy("requests"), Lazy("urllib3")

_BLOCK = 2**16  # bytes that a broken connection may lose
_TEXT = 2**25
_ROOM = 64 * 2**20  # bytes that a download leaves free on the disk
_AGAIN = (408, 425, 429, 500, 502, 503, 504)  # answers that another try may change


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded."""

    name: str
    """Path below the folder of its data set."""
    address: str
    """http or https."""
    size: int | None = None
    """Bytes, where the archive says them."""
    checksum: str | None = None
    """"sha256:..." or "md5:...", where one is published."""


@dataclass(frozen=True)
class Web:
    """How patiently servers are asked. Every method raises `InputError` in one line where a server cannot be reached, refuses, or answers
    something else than was asked for."""

    attempts: int = 5
    """Tries in a row that bring nothing, before a download is given up; what has come stays, and the next one goes on with it."""
    wait: float = 1.0
    """Seconds before the second try; twice as many before each further one."""
    timeout: float = 60.0
    """Seconds without an answer, or without a byte."""

    def json(self, address: str) -> Any:
        """What an interface of a server answers."""
        text = self.text(address)
        try:
            return json.loads(text)
        except ValueError as error:
            raise InputError(f"{public(address)}: answered no JSON ({str(error)[:100]})") from error

    def text(self, address: str) -> str:
        """A text of 32 MB at most, which is needed whole."""
        return self._patiently(address, lambda: self._whole(address))

    def download(
        self, file: RemoteFile, place: Path, progress: Callable[[int, int | None], None] = lambda done, total: None,
    ) -> str:
        """Download a file to `place`, where it appears when it is complete and its checksum is right; returns its sha256.

        What a broken connection leaves is in NAME.part, and the rest alone is asked for where the server still has the same file, by its
        ETag or its date. Raises `InputError` too where the disk has no room, and where size or checksum are not those that are published.
        """
        algorithm, _, published = (file.checksum or "sha256:").partition(":")
        if algorithm not in hashlib.algorithms_guaranteed:
            raise InputError(f"{public(file.address)}: its checksum is one by {algorithm!r}, which is not known here")
        make_folder(place.parent)
        part = place.with_name(place.name + ".part")
        self._patiently(file.address, lambda: self._rest(file, part, progress), came=lambda: part.stat().st_size if part.exists() else 0)
        size = part.stat().st_size
        found = digest(part, algorithm)
        for what, wanted, is_ in (("bytes", file.size, size), (algorithm, published or None, found)):
            if wanted is not None and wanted != is_:
                _forget(part)
                raise InputError(f"{public(file.address)}: {what} {is_} instead of the published {wanted}; what came was removed, try again, and "
                                 "if it comes again the file is not the one that was described")
        sha256 = found if algorithm == "sha256" else digest(part, "sha256")
        part.rename(place)
        _forget(part)
        return sha256

    @contextmanager
    def stream(self, address: str) -> Iterator[Any]:
        """A file as something to read forwards, of which no more comes than is read."""
        try:
            with self._asked(address) as answer:
                yield answer.raw
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            raise InputError(f"{public(address)}: {_reason(error) or _refused(error)}") from error

    def opened(self, address: str) -> "RangeFile | None":
        """A file to read parts of; None where the server sends whole files alone."""
        def first():
            with self._asked(address, {"Range": "bytes=0-0"}) as answer:
                span = re.fullmatch(r"bytes 0-0/(\d+)", answer.headers.get("Content-Range", ""))
                return int(span[1]) if answer.status_code == 206 and span else None

        size = self._patiently(address, first)
        return None if size is None else RangeFile(self, address, size)

    def part(self, address: str, start: int, stop: int) -> bytes:
        """The bytes from `start` up to `stop` of a file."""
        def asked():
            with self._asked(address, {"Range": f"bytes={start}-{stop - 1}"}) as answer:
                if answer.status_code != 206:
                    raise InputError(f"{public(address)}: the server sent the whole file, of which a part was asked for")
                content = answer.content
                if len(content) != stop - start:
                    raise requests.ConnectionError("cut short")
                return content

        return self._patiently(address, asked)

    def _patiently(self, address, ask, came=lambda: 0):
        """ask(), again after failures that may pass; those that bring bytes are not counted."""
        failed, before = 0, came()
        while True:
            try:
                return ask()
            except requests.RequestException as error:              # of which a full disk is none
                failed, before = (0 if came() > before else failed) + 1, came()
                reason = _reason(error)
                if reason is None or failed >= self.attempts:
                    kept = f"; {before} bytes are kept, and the next try goes on from there" if before else ""
                    raise InputError(f"{public(address)}: {reason or _refused(error)}{kept}") from error
                time.sleep(self.wait * 2 ** (failed - 1))

    @contextmanager
    def _asked(self, address, headers={}):  # noqa: B006
        if urlsplit(address).scheme not in ("http", "https"):
            raise InputError(f"{public(address)}: is no http or https address")
        headers = {"Accept-Encoding": "identity", "User-Agent": "unsup-jax", **headers}
        with requests.get(address, headers=headers, stream=True, timeout=self.timeout) as answer:
            if answer.status_code not in (200, 206, 416):
                raise requests.HTTPError(response=answer)
            yield answer

    def _whole(self, address):
        with self._asked(address) as answer:
            content = b""
            for block in answer.iter_content(_BLOCK):
                content += block
                if len(content) > _TEXT:
                    raise InputError(f"{public(address)}: answers more than {_TEXT / 2**20:.0f} MB where a text was asked for")
            return content.decode("utf-8", "replace")

    def _rest(self, file, part, progress):
        """Append to the part what is still missing of the file."""
        have = part.stat().st_size if part.exists() else 0
        same = _remembered(part)
        if have and same is None and file.checksum is None:         # nothing says that the rest would be of the same file
            have = 0
        headers = {"Range": f"bytes={have}-"} | ({"If-Range": same} if same else {}) if have else {}
        with self._asked(file.address, headers) as answer:
            span = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
            goes_on = answer.status_code == 206 and span is not None and int(span[1]) == have
            if answer.status_code == 416 or answer.status_code == 206 and not goes_on:
                if answer.status_code == 416 and have == file.size:
                    return
                _forget(part)
                raise requests.ConnectionError("the server has another file now")
            if not goes_on:
                have = 0
            length = answer.headers.get("Content-Length")
            total = have + int(length) if length else file.size
            _check_room(part, (total or 0) - have)
            _remember(part, answer.headers)
            with part.open("r+b" if goes_on else "wb") as written:
                written.seek(have)
                progress(have, total)
                for block in answer.iter_content(_BLOCK):
                    written.write(block)
                    have += len(block)
                    progress(have, total)
            if total is not None and have < total:
                raise requests.ConnectionError(f"the connection broke after {have} of {total} bytes")


class RangeFile(io.RawIOBase):
    """A file of another machine, of which the blocks that are read come over."""

    def __init__(self, web: Web, address: str, size: int, block: int = 2**20):
        self._web, self._address, self.size, self._block = web, address, size, block
        self._at, self._held = 0, {}

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Move to a place, from the beginning, from here or from the end; returns it."""
        self._at = max(0, offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self.size}[whence])
        return self._at

    def tell(self) -> int:
        """The place where it stands."""
        return self._at

    def readinto(self, buffer) -> int:
        """Fill a buffer from where the file stands; how many bytes that were."""
        wanted = max(0, min(len(buffer), self.size - self._at))
        done = 0
        while done < wanted:
            number, inside = divmod(self._at, self._block)
            if number not in self._held:
                stop = min(self.size, (number + 1) * self._block)
                self._held = dict([*self._held.items()][-7:]) | {number: self._web.part(self._address, number * self._block, stop)}
            piece = self._held[number][inside : inside + wanted - done]
            buffer[done : done + len(piece)] = piece
            done, self._at = done + len(piece), self._at + len(piece)
        return done


def digest(path: Path, algorithm: str = "sha256") -> str:
    """The checksum of a file, in hexadecimal digits."""
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, algorithm).hexdigest()


def public(address: str) -> str:
    """An address without what may be secret in it: a signature, a user, a password."""
    parts = urlsplit(address)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def _reason(error):
    """Why a server did not answer, where it may answer another time; else None."""
    if isinstance(error, requests.HTTPError):
        code = error.response.status_code
        return f"the server answers {code} ({error.response.reason})" if code in _AGAIN else None
    if isinstance(error, requests.Timeout):
        return "the server does not answer"
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.MissingSchema | requests.TooManyRedirects):
        return None
    return str(error.args[0]) if error.args and isinstance(error.args[0], str) else "it cannot be reached, or the connection broke"


def _refused(error):
    if isinstance(error, requests.HTTPError):
        code, reason = error.response.status_code, error.response.reason
        hint = {202: "; it wants to see a browser", 401: "; it wants credentials: give a signed --link", 403: "; a signed link may have expired: make a new one",
                404: "; the archive may have moved it", 410: "; the archive has removed it"}.get(code, "")
        return f"the server answers {code} ({reason}){hint}"
    return str(error)[:200]


def _check_room(part, needed):
    free = shutil.disk_usage(part.parent).free
    if needed + _ROOM > free:
        raise InputError(f"{part.parent}: {needed / 2**20:.0f} MB are needed and {free / 2**20:.0f} MB are free; give another --directory")


def _note(part):
    return part.with_name(part.name + ".of")


def _remember(part, headers):
    """By what the rest of a file is known to be of the same one: a strong ETag, or a date."""
    tag = headers.get("ETag", "")
    same = tag if tag and not tag.startswith("W/") else headers.get("Last-Modified")
    _note(part).write_text(same or "")


def _remembered(part):
    return (_note(part).read_text() or None) if _note(part).exists() else None


def _forget(part):
    part.unlink(missing_ok=True)
    _note(part).unlink(missing_ok=True)
