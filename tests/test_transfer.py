"""Downloads over connections that break, from servers that cannot do everything, of files that are not what was published."""

import hashlib
import io

import numpy as np
import pytest
from archives import serving

from unsup_jax.data.transfer import RemoteFile, Web, public
from unsup_jax.errors import InputError

CONTENT = np.random.default_rng(0).bytes(3 * 2**20 + 17)
SHA256 = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
WEB = Web(attempts=3, wait=0.01, timeout=5)


@pytest.fixture
def server():
    with serving() as served:
        served.files["/a.zip"] = CONTENT
        yield served


def wanted(server, checksum=SHA256, **known):
    return RemoteFile("a.zip", f"{server.base}/a.zip", checksum=checksum, **known)


def fetched(server, tmp_path, checksum=SHA256, **known):
    place = tmp_path / "a.zip"
    sha256 = WEB.download(wanted(server, checksum, **known), place)
    assert place.read_bytes() == CONTENT and f"sha256:{sha256}" == SHA256
    assert [each.name for each in tmp_path.iterdir()] == ["a.zip"]


def test_a_broken_connection_is_gone_on_with(server, tmp_path):
    """More often than it may fail, for each time something came."""
    server.breaks["/a.zip"] = [2**20, 2**19, 2**19, 2**19]
    fetched(server, tmp_path)
    assert [span for _, span in server.asked][:2] == [None, "bytes=1048576-"] and len(server.asked) == 5
    assert server.sent == len(CONTENT)


def test_without_ranges_it_begins_anew(server, tmp_path):
    server.ranges, server.breaks["/a.zip"] = False, [2**20]
    fetched(server, tmp_path)
    assert server.sent == len(CONTENT) + 2**20


def test_what_an_earlier_process_left_is_gone_on_with_unless_the_file_is_another_one(server, tmp_path):
    class Killed(BaseException):
        pass

    def killed(done, total):
        if done >= 2**20:
            raise Killed

    with pytest.raises(Killed):
        WEB.download(wanted(server), tmp_path / "a.zip", killed)
    assert (tmp_path / "a.zip.part").stat().st_size >= 2**20
    kept = (tmp_path / "a.zip.part").read_bytes()
    server.tag = '"2"'                                              # the file has changed since
    fetched(server, tmp_path)
    (tmp_path / "a.zip").unlink()
    (tmp_path / "a.zip.part").write_bytes(kept)
    (tmp_path / "a.zip.part.of").write_text('"2"')
    server.sent = 0
    fetched(server, tmp_path)
    assert server.sent == len(CONTENT) - len(kept)


def test_without_a_tag_and_a_checksum_nothing_is_gone_on_with(server, tmp_path):
    server.tag, server.breaks["/a.zip"] = None, [2**20]
    fetched(server, tmp_path, checksum=None)
    assert [span for _, span in server.asked] == [None, None]


def test_a_part_that_is_whole_already(server, tmp_path):
    (tmp_path / "a.zip.part").write_bytes(CONTENT)
    (tmp_path / "a.zip.part.of").write_text('"1"')
    fetched(server, tmp_path, size=len(CONTENT))


def test_a_busy_server_is_asked_again_and_another_one_is_not(server, tmp_path):
    server.answers["/a.zip"] = [503, 429]
    fetched(server, tmp_path)
    for code, said in ((404, "the archive may have moved it"), (403, "make a new one"), (401, "signed --link"), (202, "wants to see a browser")):
        server.answers["/a.zip"], server.asked[:] = [code], []
        with pytest.raises(InputError, match=said):
            WEB.download(wanted(server), tmp_path / "b.zip")
        assert len(server.asked) == 1
    server.answers["/a.zip"] = [500] * 3
    with pytest.raises(InputError, match="answers 500"):
        WEB.download(wanted(server), tmp_path / "b.zip")


@pytest.mark.parametrize("checksum,known,said", [
    ("sha256:" + "0" * 64, {}, "instead of the published 0000"), ("md5:" + "0" * 32, {}, "md5"), (None, {"size": 12}, "bytes 3145745 instead")])
def test_another_content_than_the_published_is_not_kept(server, tmp_path, checksum, known, said):
    with pytest.raises(InputError, match=said) as raised:
        WEB.download(wanted(server, checksum, **known), tmp_path / "a.zip")
    assert "\n" not in str(raised.value) and not list(tmp_path.iterdir())


def test_a_checksum_of_an_unknown_kind_and_a_text_without_end(server, tmp_path, monkeypatch):
    with pytest.raises(InputError, match="by 'crc32'"):
        WEB.download(wanted(server, "crc32:1234"), tmp_path / "a.zip")
    assert not server.asked
    monkeypatch.setattr("unsup_jax.data.transfer._TEXT", 2**20)
    with pytest.raises(InputError, match="more than 1 MB where a text"):
        WEB.json(f"{server.base}/a.zip")


def test_a_disk_without_room_is_found_before(server, tmp_path):
    server.lengths["/a.zip"] = 10**15
    with pytest.raises(InputError, match="953674316 MB are needed"):
        WEB.download(wanted(server), tmp_path / "a.zip")


def test_a_server_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match="cannot be reached"):
        WEB.download(RemoteFile("a", "http://127.0.0.1:9/a"), tmp_path / "a")
    with pytest.raises(InputError, match="no http or https"):
        WEB.text("file:///etc/passwd")


def test_parts_of_a_file_are_read_as_of_a_file(server):
    opened, held = WEB.opened(f"{server.base}/a.zip"), io.BytesIO(CONTENT)
    assert opened.size == len(CONTENT)
    for place, count in ((5, 10), (2**20 - 3, 2**20 + 9), (len(CONTENT) - 4, 100), (len(CONTENT) + 4, 3)):
        opened.seek(place), held.seek(place)
        assert opened.read(count) == held.read(count) and opened.tell() == held.tell()
    opened.seek(-7, io.SEEK_END)
    assert opened.read() == CONTENT[-7:]
    server.ranges = False
    assert WEB.opened(f"{server.base}/a.zip") is None


def test_what_is_secret_in_an_address_is_not_shown(server, tmp_path):
    assert public("https://me:word@host/a.tar?Signature=abc#x") == "https://host/a.tar"
    with pytest.raises(InputError) as raised:
        WEB.download(RemoteFile("a", f"{server.base}/missing?Signature=secret"), tmp_path / "a")
    assert "secret" not in str(raised.value)
