"""Public data sets, from archives of the same layouts on this machine: what they become, and what is refused of them."""

import dataclasses
import gzip
import hashlib
import io
import json
import re
import stat
import tarfile
import warnings
import zipfile

import mrcfile
import numpy as np
import pytest
import tensorstore as ts
import tifffile
from archives import serving

from experiments.__main__ import main
from unsup_jax.data import Data, catalogue, prepared
from unsup_jax.data.catalogue import ALL, Part, Source, find
from unsup_jax.data.catalogue.agreed import Agreed
from unsup_jax.data.catalogue.empiar import Empiar
from unsup_jax.data.catalogue.web import Address
from unsup_jax.data.transfer import Web
from unsup_jax.errors import InputError
from unsup_jax.modalities import Camera

WEB = Web(attempts=2, wait=0.01, timeout=5)
RNG = np.random.default_rng(0)
FRAMES = RNG.poisson(200, (6, 24, 20)).astype(np.uint16)


@pytest.fixture
def server():
    with serving() as served:
        yield served


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("UNSUP_JAX_DATA", str(tmp_path / "data"))
    return tmp_path / "data"


def tiff(array, **settings):
    file = io.BytesIO()
    tifffile.imwrite(file, array, **settings)
    return file.getvalue()


def zipped(members, compression=zipfile.ZIP_DEFLATED):
    """A zip of {name or ZipInfo: bytes}."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def tarred(members, links=()):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
        for name in links:
            info = tarfile.TarInfo(name)
            info.type, info.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(info)
    return file.getvalue()


def local(source, server):
    """A data set of the catalogue on this machine's server, whose files have no published checksum yet."""
    source = source.at(server.base)
    return dataclasses.replace(source, archive=dataclasses.replace(source.archive, checksum=None)) if isinstance(source.archive, Address) else source


def got(source, **settings):
    """The images of each part of a data set."""
    prepared.get(source, web=WEB, **settings)
    about = prepared.described(source.name)
    return {part: [np.asarray(image)[..., 0] for image in Data(path=source.name)._images(f"{source.name}:{part}" if part else source.name)]
            for part in about["parts"]}


def challenge(server, count=6):
    """The zip of a Cell Tracking Challenge, two movies and their annotations."""
    members = {f"Fluo-N2DH-GOWT1/{movie}/t{k:03d}.tif": tiff(FRAMES[k] + 10 * m) for m, movie in enumerate(("01", "02")) for k in range(count)}
    members |= {"Fluo-N2DH-GOWT1/01_GT/TRA/man_track000.tif": tiff(FRAMES[0]), "__MACOSX/Fluo-N2DH-GOWT1/01/t000.tif": b"x",
                "Fluo-N2DH-GOWT1/01_GT/SEG/": b""}
    server.files["/training-datasets/Fluo-N2DH-GOWT1.zip"] = zipped(members)
    return local(ALL["fluo-n2dh-gowt1"], server)


def test_every_data_set_says_what_must_be_said():
    for source in ALL.values():
        assert source.shows and source.modality and source.licence and source.citation and source.parts[0].name == ""
        assert source.archive.address.startswith("https://") and re.fullmatch("[a-z0-9-]+", source.name)
        if isinstance(source.archive, Address) and source.archive.checksum:
            assert re.fullmatch("sha256:[0-9a-f]{64}", source.archive.checksum) and source.archive.by
    kinds = {type(source.archive).__name__ for source in ALL.values()}
    assert kinds == {"Address", "Zenodo", "Figshare", "BioStudies", "OmeZarr", "Empiar", "BioImageIO", "Agreed"}


def test_a_cell_tracking_challenge(server, home):
    (images,) = got(challenge(server)).values()
    np.testing.assert_array_equal(images, np.concatenate([FRAMES, FRAMES + 10]))
    folder = home / "fluo-n2dh-gowt1"
    assert "conditions of use" in (folder / "LICENCE.txt").read_text() and "Maska" in (folder / "CITATION.txt").read_text()
    assert '"uint16"' in (folder / "images" / "features.json").read_text()
    said = json.loads((folder / "set.json").read_text())
    sha256 = hashlib.sha256(server.files["/training-datasets/Fluo-N2DH-GOWT1.zip"]).hexdigest()
    assert said["files"][0]["sha256"] == sha256 and said["parts"] == {"": {"images": 12}} and "first download" in said["checksums"]
    assert sorted(path.name for path in home.iterdir()) == ["downloads", "first-seen.json", "fluo-n2dh-gowt1"]


def test_a_subset_of_a_zip_brings_its_files_alone(server, monkeypatch):
    monkeypatch.setattr("unsup_jax.data.transfer.RangeFile.__init__.__defaults__", (2048,))
    source = challenge(server)
    whole = len(server.files["/training-datasets/Fluo-N2DH-GOWT1.zip"])
    (images,) = got(source, subset=2).values()
    np.testing.assert_array_equal(images, FRAMES[:2])
    assert server.sent < whole / 2
    assert "CRC" in prepared.described(source.name)["files"][0]["part"]
    server.ranges = False
    (images,) = got(source, subset=3).values()                      # another subset, of a server that sends whole files alone
    np.testing.assert_array_equal(images, FRAMES[:3])
    assert len(got(source)[""]) == 12 and prepared.described(source.name)["subset"] is None


def test_what_is_prepared_is_not_got_again(server):
    source, said = challenge(server), []
    place = prepared.get(source, web=WEB)
    server.asked.clear()
    assert prepared.get(source, web=WEB, say=said.append) == place and not server.asked and "prepared already" in said[0]


def test_two_processes_do_not_get_the_same(server, home):
    fcntl = pytest.importorskip("fcntl")
    (home / "downloads").mkdir(parents=True)
    with (home / "downloads" / ".fluo-n2dh-gowt1.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(InputError, match="another process is getting it"):
            prepared.get(challenge(server), web=WEB)
    prepared.get(challenge(server), web=WEB)


def test_trust_on_first_use(server, home):
    source = challenge(server)
    prepared.get(source, web=WEB)
    (home / "downloads" / source.name / "Fluo-N2DH-GOWT1.zip").unlink()
    challenge(server, count=5)
    with pytest.raises(InputError, match="is not that of its first download"):
        prepared.get(source, subset=None, directory=None, as_files=True, web=WEB)
    assert len(got(source)[""]) == 12                               # what was prepared is still there


def test_a_published_checksum_is_held_against(server, home):
    challenge(server)
    with pytest.raises(InputError, match="instead of the published 1a7bd9a7"):
        prepared.get(ALL["fluo-n2dh-gowt1"].at(server.base), web=WEB)
    assert not (home / "fluo-n2dh-gowt1").exists() and not list(home.rglob("*.zip*"))


def test_zenodo_with_a_calibration(server):
    content = zipped({"Convallaria_diaphragm/20190520_tl_25um_50msec_05pc_488_130EM_Conv.tif": tiff(FRAMES, metadata={"axes": "TYX"}),
                      "Convallaria_diaphragm/20190726_tl_50um_500msec_wf_130EM_FD.tif": tiff(FRAMES[::-1], metadata={"axes": "TYX"})})
    link = "/api/records/5156913/files/Convallaria_diaphragm.zip/content"
    file = {"key": "Convallaria_diaphragm.zip", "size": len(content), "checksum": f"md5:{hashlib.md5(content).hexdigest()}",
            "links": {"self": server.base + link}}
    record = {"doi": "10.5281/zenodo.5156913", "files": [file], "metadata": {
        "title": "Convallaria", "license": {"id": "cc-by-4.0"}, "creators": [{"name": "Prakash"}]}}
    server.files |= {link: content, "/api/records/5156913": json.dumps(record).encode()}
    found = got(ALL["convallaria"].at(server.base))
    np.testing.assert_array_equal(found[""], FRAMES)
    np.testing.assert_array_equal(found["calibration"], FRAMES[::-1])
    unnamed = find("zenodo:5156913").at(server.base)                # a record that the catalogue says nothing of
    assert len(got(unnamed)[""]) == 12
    assert len(got(dataclasses.replace(unnamed, parts=(Part("*_FD.tif"),)))[""]) == 6
    said = prepared.described(unnamed.name)
    assert said["licence"] == "cc-by-4.0" and "Prakash, Convallaria" in said["citation"]


def test_figshare_with_truths_in_a_tar(server):
    import imagecodecs

    png = lambda image: imagecodecs.png_encode(image.astype(np.uint8))
    noisy, clean = FRAMES % 256, FRAMES // 2 % 256
    names = [f"{kind}_{k}.png" for k, kind in enumerate(("Confocal_MICE", "Confocal_FISH", "WideField_BPAE_R"))]
    content = tarred({f"test_mix/gt/{name}": png(clean[k]) for k, name in enumerate(names)}
                     | {f"test_mix/raw/{name}": png(noisy[k]) for k, name in reversed([*enumerate(names)])} | {"test_mix/avg2/x.png": png(noisy[3])})
    md5 = hashlib.md5(content).hexdigest()
    files = [{"name": "test_mix.tar", "size": len(content), "download_url": f"{server.base}/files/43648128", "computed_md5": md5},
             {"name": "Confocal_MICE.tar", "size": 10**9, "download_url": f"{server.base}/files/1", "computed_md5": ""}]
    server.files |= {"/files/43648128": content, "/v2/articles/24744648": json.dumps({"files": files, "license": {"name": "CC BY-SA 4.0"}}).encode()}
    found = got(ALL["fmd-test"].at(server.base), subset=2)
    order = [1, 0]                                                  # by their names
    np.testing.assert_array_equal(found[""], noisy[order])
    np.testing.assert_array_equal(found["truth"], clean[order])
    lists = Data(path="fmd-test", truth="fmd-test:truth", patch=16, test=0.5)
    own, _ = lists.measure(Camera(), 0)
    np.testing.assert_array_equal(own[0].truth[..., 0], clean[1])
    with pytest.raises(InputError, match="has no part 'pair'; it has fmd-test:truth"):
        Data(path="fmd-test", pair="fmd-test:pair").measure(Camera(), 0)


def test_a_subset_of_a_tar_is_its_beginning(server):
    content = tarred({f"Confocal_MICE/raw/{k}/a.tif": tiff(np.full((64, 64), k, np.uint16), compression=None) for k in range(200)})
    files = [{"name": "Confocal_MICE.tar", "size": len(content), "download_url": f"{server.base}/files/2"}]
    server.files |= {"/files/2": content, "/v2/articles/24744648": json.dumps({"files": files}).encode()}
    source = dataclasses.replace(ALL["fmd-confocal-mice"].at(server.base), parts=(Part("raw/*/*.tif"),))
    (images,) = got(source, subset=3).values()
    assert [image[0, 0] for image in images] == [0, 1, 2]


def test_biostudies_lists_its_files_in_pages(server, monkeypatch):
    monkeypatch.setattr("unsup_jax.data.catalogue.biostudies._PAGE", 4)
    names = [f"img training/{k}.tif" for k in range(6)]
    sizes = {name: len(tiff(FRAMES[k])) for k, name in enumerate(names)}
    page = lambda some: json.dumps({"items": [{"path": name, "Size": sizes[name]} for name in some]}).encode()
    api = "/api/v1/studies/S-BIAD2193"
    study = {"attributes": [{"name": "Title", "value": "Cells"}], "section": {"attributes": [{"name": "License", "value": "CC0"}]}}
    server.files |= {f"{api}/info": b'{"files": 6}', f"{api}/files?limit=4&offset=0": page(names[:4]), api: json.dumps(study).encode(),
                     f"{api}/files?limit=4&offset=4": page(names[2:])}   # past the end, the last page comes again
    server.files |= {f"/files/S-BIAD2193/img%20training/{k}.tif": tiff(FRAMES[k]) for k in range(6)}
    (images,) = got(ALL["s-biad2193"].at(server.base)).values()
    np.testing.assert_array_equal(images, FRAMES)
    (images,) = got(dataclasses.replace(find("biostudies:S-BIAD2193").at(server.base)), subset=2).values()
    assert len(images) == 2 and len([path for path, _ in server.asked if path.startswith("/files")]) == 8
    assert prepared.described("biostudies-s-biad2193")["licence"] == "CC0"
    server.files["/api/v1/studies/S-BIAD9/info"] = b"{}"
    with pytest.raises(InputError, match="no study of this accession"):
        prepared.get(find("biostudies:S-BIAD9").at(server.base), web=WEB)


def test_empiar_folders_and_stacks(server, tmp_path, home):
    stack = RNG.normal(0, 1, (50, 16, 16)).astype(np.float32)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with mrcfile.new(tmp_path / "a.mrcs") as file:
            file.set_data(stack)
            file.set_image_stack()
    content = (tmp_path / "a.mrcs").read_bytes()
    data = "/10028/data/Particles"
    index = b'<html><a href="?C=N;O=D">Name</a> <a href="/empiar/">Parent</a> <a href="a%201.mrcs">a 1</a> <a href="b.mrcs">b</a></html>'
    server.files |= {f"{data}/MRC_0601/": index, f"{data}/MRC_0601/a%201.mrcs": content, f"{data}/MRC_0601/b.mrcs": content,
                     f"{data}/shiny_2sets.star": b"data_\n"}
    source = ALL["empiar-10028"].at(server.base)
    found = prepared.get(source, subset=3, web=WEB)
    assert (found / "table" / "shiny_2sets.star").read_bytes() == b"data_\n"
    np.testing.assert_array_equal([np.asarray(image)[..., 0] for image in Data()._images("empiar-10028")], stack[:3])
    assert server.sent < 2 * len(content) and not (home / "downloads" / "empiar-10028" / "Particles" / "MRC_0601").exists()
    prepared.get(source, web=WEB)
    assert len(Data()._images("empiar-10028")) == 100
    with pytest.raises(InputError, match="no MRC"):
        server.files[f"{data}/MRC_0601/a%201.mrcs"] = b"nonsense" * 400
        prepared.get(dataclasses.replace(source, name="other"), subset=2, web=WEB)
    assert isinstance(find("empiar:10028/Particles/MRC_0601/").archive, Empiar)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_chunks_of_an_ome_zarr(server, tmp_path, version):
    path = tmp_path / "6001240.zarr"
    axes = [{"name": name, "type": "channel" if name == "c" else "space"} for name in "czyx"]
    image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0] * 4}]}]}
    path.mkdir()
    if version == "0.4":
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps({"multiscales": [image | {"version": "0.4"}]}))
        layout = {"driver": "zarr", "metadata": {"chunks": [1, 1, 24, 20], "dimension_separator": "/"}}
    else:
        (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", "multiscales": [image]}}}))
        layout = {"driver": "zarr3", "metadata": {"chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [1, 1, 24, 20]}}}}
    store = {**layout, "kvstore": {"driver": "file", "path": str(path / "0")}}
    ts.open(store, create=True, dtype=ts.uint16, shape=(2, 6, 24, 20)).result()[...] = np.stack([FRAMES, FRAMES + 1])
    server.files |= {f"/idr/zarr/v0.4/idr0062A/{file.relative_to(tmp_path)}": file.read_bytes() for file in path.rglob("*") if file.is_file()}
    source = ALL["idr-6001240"].at(server.base)
    prepared.get(source, subset=2, web=WEB)
    images = Data()._images("idr-6001240")
    np.testing.assert_array_equal(images[1], np.stack([FRAMES[1], FRAMES[1] + 1], -1))
    chunks = [place for place, _ in server.asked if re.search(r"/0/(c/)?\d/\d/\d/\d$", place)]
    assert len(images) == 2 and len(chunks) == 4
    assert len(got(find(f"{server.base}/idr/zarr/v0.4/idr0062A/6001240.zarr"))[""]) == 6
    with pytest.raises(InputError, match="404"):
        prepared.get(find("idr:idr0062A/1").at(server.base), web=WEB)


def test_a_model_of_bioimage_io(server, home):
    weights, described = b"weights", {
        "type": "model", "license": "MIT", "cite": [{"text": "Someone", "doi": "10.1/2"}], "weights": {"onnx": {"source": "weights.onnx"}},
        "inputs": [{"test_tensor": {"source": "test.npy"}}], "documentation": {"source": "https://elsewhere/README.md"}}
    described["weights"]["onnx"]["sha256"] = hashlib.sha256(weights).hexdigest()
    place = "/affable-shark/1.2/files"
    server.files |= {f"{place}/rdf.yaml": json.dumps(described).encode(), f"{place}/weights.onnx": weights, f"{place}/test.npy": b"x"}
    prepared.get(find("bioimageio:affable-shark/1.2").at(server.base), web=WEB)
    folder = home / "bioimageio-affable-shark-1-2" / "images"
    assert sorted(path.name for path in folder.iterdir()) == ["rdf.yaml", "test.npy", "weights.onnx"]
    assert prepared.described("bioimageio-affable-shark-1-2")["citation"] == "Someone 10.1/2"
    server.files[f"{place}/weights.onnx"] = b"others"
    with pytest.raises(InputError, match="instead of the published"):
        prepared.get(ALL["bioimageio-affable-shark"].at(server.base), web=WEB)


def test_own_links(server, home, capsys):
    """From the command line: one line says what to do, and the link's signature is kept nowhere."""
    assert main(["data", "get", "fastmri-knee"]) == 2
    assert "agree to their terms at https://fastmri.med.nyu.edu" in capsys.readouterr().err
    server.files["/v2.0/knee.tar.xz?Signature=secret"] = tarred({"singlecoil_val/file1.h5": b"a", "singlecoil_val/file2.h5": b"b"})
    server.files["/v2.0/knee.tar?Signature=secret"] = server.files.pop("/v2.0/knee.tar.xz?Signature=secret")
    assert main(["data", "get", "fastmri-knee", "--link", f"{server.base}/v2.0/knee.tar?Signature=secret"]) == 0
    assert "2 files: --data.path fastmri-knee" in capsys.readouterr().out
    assert sorted(path.name for path in (home / "fastmri-knee" / "images").iterdir()) == ["file1.h5", "file2.h5"]
    assert not any(b"secret" in path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert main(["data", "get", "n2v-sem", "--link", "https://a"]) == 2
    assert isinstance(ALL["hcp"].archive, Agreed) and "aws s3 presign" in ALL["hcp"].archive.how


def test_the_command_line_lists_and_describes(server, capsys):
    prepared.get(challenge(server), subset=2, web=WEB)
    assert main(["data", "list", "fluo-"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert len(out) == 2 and out[0].startswith("* fluo-n2dh-gowt1") and out[1].startswith("  fluo-c2dl-msc")
    assert main(["data", "info", "fluo-n2dh-gowt1"]) == 0
    assert "2 images" in (out := capsys.readouterr().out) and "sha256, recorded by torch-em" in out
    for arguments, said in (
        (["get", "convalaria"], "like it are convallaria"), (["bla"], "data takes one of list, info, get"), (["get", "fluo-n2dh-gowt1", "--subset", "0"], "1 or more"),
        (["get", "n2v-sem", "--dimensions", "4"], "accepted are 2 and 3"),
    ):
        assert main(["data", *arguments]) == 2
        assert said in (err := capsys.readouterr().err) and err.count("\n") == 1
    with pytest.raises(InputError, match="`data get fmd-test` gets it"):
        Data(path="fmd-test").measure(Camera(), 0)


def link():
    info = zipfile.ZipInfo("x/01/t000.tif")
    info.create_system, info.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    return info


def encrypted():
    content = bytearray(zipped({"x/01/t000.tif": tiff(FRAMES[0])}))
    at = content.index(b"PK\x01\x02")
    content[at + 8] |= 1
    return bytes(content)


GOOD = {"x/01/t001.tif": tiff(FRAMES[0])}


@pytest.mark.parametrize("name,content,said", [
    ("a.zip", lambda: zipped(GOOD)[:-60], "damaged or cut short"),
    ("a.zip", lambda: zipped({"x/01/t001.tif": tiff(RNG.integers(0, 999, (99, 99)))}, zipfile.ZIP_STORED).replace(b"II*\0", b"II+\0", 1), "damaged or cut short"),
    ("a.zip", lambda: zipped(GOOD | {"../../escaped.tif": b"x"}), "would write outside of its folder, to '../../escaped.tif'"),
    ("a.zip", lambda: zipped(GOOD | {"/etc/01/t000.tif": b"x"}), "would write outside"),
    ("a.zip", lambda: zipped(GOOD | {"C:/01/t000.tif": b"x"}), "would write outside"),
    ("a.zip", lambda: zipped(GOOD | {"..\\01\\t000.tif": b"x"}), "would write outside"),
    ("a.zip", lambda: zipped(GOOD | {link(): b"/etc/passwd"}), "holds a link or a device"),
    ("a.zip", lambda: zipped(GOOD | {"x/01/t002.tif": bytes(70 * 2**20)}), "is taken for a bomb"),
    ("a.zip", encrypted, "is encrypted"),
    ("a.zip", lambda: zipped({"x/readme.txt": b"nothing"}), "none of its files is 0[12]/t*.tif"),
    ("a.tar", lambda: tarred(GOOD | {"../escaped.tif": b"x"}), "would write outside"),
    ("a.tar", lambda: tarred(GOOD, links=["x/01/t000.tif"]), "holds a link or a device"),
    ("a.tar", lambda: tarred(GOOD)[:600], "damaged or cut short"),
    ("a.tar", lambda: tarred(GOOD)[: -(-len(GOOD["x/01/t001.tif"]) // 512 + 1) * 512], "damaged or cut short"),  # where a file ends
    ("a.tar.gz", lambda: gzip.compress(tarred(GOOD | {"x/01/t002.tif": bytes(70 * 2**20)}), 1), "is taken for a bomb"),
    ("a.tar.gz", lambda: gzip.compress(tarred(GOOD))[:300], "damaged or cut short"),
    ("a.zip", lambda: zipped({"x/01/t001.tif": b"no image"}), "not a readable tiff"),
])
def test_archives_that_are_refused(server, tmp_path, home, name, content, said):
    """In one line, with nothing written outside, and nothing that looks ready."""
    server.files[f"/{name}"] = content()
    source = Source("bad", "x", "y", Address(name, base=server.base), "z", "c", (Part("0[12]/t*.tif"),))
    with pytest.raises(InputError, match=re.escape(said)) as raised:
        prepared.get(source, web=WEB)
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in home.iterdir()) == ["downloads", "first-seen.json"]
    assert not list(tmp_path.rglob("*escaped*"))


def test_a_file_of_the_web(server, capsys):
    server.files |= {"/some/stack.tif": tiff(FRAMES, metadata={"axes": "TYX"}), "/notes.txt": b"words"}
    assert main(["data", "get", f"{server.base}/some/stack.tif"]) == 0
    out = capsys.readouterr().out
    assert "6 images: --data.path stack-tif" in out and f"licence: not stated; cite {server.base}/some/stack.tif" in out
    np.testing.assert_array_equal([np.asarray(image)[..., 0] for image in Data()._images("stack-tif")], FRAMES)
    assert main(["data", "get", f"{server.base}/notes.txt"]) == 2
    assert "it has notes.txt" in (err := capsys.readouterr().err) and err.count("\n") == 1


def test_names_of_files_are_not_believed(server, home):
    server.files["/v2/articles/1"] = json.dumps({"files": [{"name": "../../a.tif", "size": 1, "download_url": f"{server.base}/a"}]}).encode()
    with pytest.raises(InputError, match="would write outside"):
        prepared.get(catalogue.find("figshare:1").at(server.base), web=WEB)


def test_another_folder_is_read_by_its_path(server, tmp_path):
    source = challenge(server)
    place = prepared.get(source, subset=2, directory=tmp_path / "mine", web=WEB)
    assert place == tmp_path / "mine" / source.name
    assert len(Data()._images(str(place))) == 2 and prepared.described(source.name) is None
