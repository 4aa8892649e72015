"""Which files are meant, which belong together, and outputs that are complete or not there."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from unsup_jax import config
from unsup_jax.core import Measurement
from unsup_jax.data import Data, Stream
from unsup_jax.data.dataset import read
from unsup_jax.errors import InputError
from unsup_jax.files import check_apart, check_output, destinations, images, listed, make_folder, matched, open_image, replacing, write_image, writer
from unsup_jax.files.names import parted, stem_and_end
from unsup_jax.modalities import Camera
from unsup_jax.operators import Identity

RAMP = (np.arange(3 * 10 * 12) % 251).reshape(3, 10, 12).astype(np.uint16)


def touch(folder, *names):
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        (folder / name).touch()
    return folder


@pytest.mark.parametrize("name, stem, end", [
    ("a.tif", "a", ".tif"), ("a.b.ome.tiff", "a.b", ".ome.tiff"), ("x.nii.gz", "x", ".nii.gz"), ("e.map.gz", "e", ".map.gz"),
    ("i.ome.zarr", "i", ".ome.zarr"), ("n", "n", ""),
])
def test_a_name_is_a_stem_and_an_end(name, stem, end):
    assert stem_and_end(name) == (stem, end)


def test_a_dataset_is_named_behind_its_file():
    for end in ("h5", "hdf5", "hdf", "nwb"):
        file, dataset = parted(f"x/a.{end}:raw/one")
        assert (str(file), dataset) == (f"x/a.{end}", "raw/one")
    assert parted("C:/a.tif")[1] == ""


def test_listing_counts_as_people_do_and_leaves_out_what_is_not_complete(tmp_path):
    folder = touch(tmp_path / "raw", "b10.tif", "b2.tif", "B1.tif", ".b.partial.tif", "._b2.tif", "notes.txt")
    (folder / "sub.tif").mkdir()
    assert [p.name for p in listed(folder)] == ["B1.tif", "b2.tif", "b10.tif"]
    assert [p.name for p in listed(folder / "b*.tif")] == ["b2.tif", "b10.tif"]
    with pytest.raises(InputError, match="not completed"):
        listed(folder / ".b.partial.tif")
    with pytest.raises(InputError, match="no file matches"):
        listed(folder / ".b*")
    with pytest.raises(InputError, match="not on this machine"):
        listed("s3://bucket/a.zarr")
    assert [str(p) for p in listed(touch(tmp_path, "a.h5") / "*.h5:raw")] == [f"{tmp_path}/a.h5:raw"]


PAIRS = {
    "numbers without zeros": (["img_1", "img_2", "img_10"], ["gt_01", "gt_02", "gt_10"]),
    "suffixes": (["a_noisy", "b_noisy"], ["a_clean", "b_clean"]),
    "the same names": (["x1", "y1", "z"], ["x1", "y1", "z"]),
    "numbers in both ends": (["s1_cell3_avg1", "s1_cell12_avg1"], ["s1_cell3_avg50", "s1_cell12_avg50"]),
    "two numbers": (["t1_z1", "t1_z2", "t2_z1"], ["T01-Z01", "T01-Z02", "T02-Z01"]),
    "words of their own": (["1_left", "2_right"], ["clean1", "clean2"]),
}


@pytest.mark.parametrize("first, second", PAIRS.values(), ids=PAIRS)
def test_partners_share_their_names_or_numbers(tmp_path, first, second):
    one, other = touch(tmp_path / "a", *(f"{n}.tif" for n in first)), touch(tmp_path / "b", *(f"{n}.png" for n in second))
    found = {p.stem: q.stem for p, q in matched(one, other)}
    assert found == dict(zip(first, second))
    assert {p.stem: q.stem for p, q in matched(one / "*.tif", other / "*.png")} == found


STRANGERS = {
    "one other is missing on each side": (["img_1", "img_2", "img_3"], ["gt_1", "gt_3", "gt_4"], "img_2"),
    "other counts": (["img_1", "img_2"], ["gt_1"], "img_2"),
    "one too many": (["img_1"], ["gt_1", "gt_2"], "gt_2"),
    "counted from 0 and from 1": (["i0", "i1"], ["g1", "g2"], "i0"),
    "a number twice": (["i1", "i01"], ["g1", "g01x"], "i"),
    "other names": (["a_noisy", "b_noisy"], ["a_clean", "c_clean"], "b_noisy"),
    "one file each": (["img_1"], ["gt_2"], "img_1"),
}


@pytest.mark.parametrize("first, second, named", STRANGERS.values(), ids=STRANGERS)
def test_files_that_do_not_match_are_named(tmp_path, first, second, named):
    one, other = touch(tmp_path / "a", *(f"{n}.tif" for n in first)), touch(tmp_path / "b", *(f"{n}.tif" for n in second))
    with pytest.raises(InputError, match=f"{named}.*has its name or number"):
        matched(one, other)


def test_a_file_is_no_partner_of_its_own(tmp_path):
    folder = touch(tmp_path / "a", "1.tif", "2.tif")
    for first, second in ((folder / "1.tif", folder / ".." / "a" / "1.tif"), (folder, folder), (folder / "*.tif", folder)):
        with pytest.raises(InputError, match="both mean"):
            matched(first, second)
    assert matched(folder / "1*.tif", tmp_path / "named.tif") == [(folder / "1.tif", tmp_path / "named.tif")]
    assert matched(tmp_path / "a.h5:raw", tmp_path / "a.h5:clean")


def test_files_below_numbered_folders_match(tmp_path):
    for i in (1, 2, 10):
        touch(tmp_path / f"cell{i}", "noisy.tif", "clean.tif")
    pairs = matched(tmp_path / "cell*" / "noisy.tif", tmp_path / "cell*" / "clean.tif")
    assert [a.parent for a, _ in pairs] == [b.parent for _, b in pairs] and len(pairs) == 3


def test_pairs_and_truths_are_read_by_their_numbers(tmp_path):
    for i in range(1, 12):
        for folder, name in (("noisy", f"img_{i}"), ("truth", f"gt_{i:02d}"), ("pair", f"again {i}")):
            (tmp_path / folder).mkdir(exist_ok=True)
            np.save(tmp_path / folder / name, np.full((8, 9), i, np.float32))
    data = Data(**{name: str(tmp_path / folder) for name, folder in (("path", "noisy"), ("truth", "truth"), ("pair", "pair"))})
    own, _ = data.measure(Camera(), 0)
    assert [m.y.max() for m in own] == list(range(1, 12))
    assert all((m.y == m.truth).all() and (m.y == m.pair).all() for m in own)
    np.save(tmp_path / "truth" / "gt_03.npy", np.zeros((8, 8), np.float32))
    with pytest.raises(InputError, match="gt_03.*8 x 8|gt_03.*must agree"):
        data.measure(Camera(), 0)


def test_a_folder_of_more_files_than_may_be_open(tmp_path):
    for i in range(80):
        np.save(tmp_path / f"{i}.npy", np.full((4, 5), i, np.float32))
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    found = read(str(tmp_path), None, 2)
    assert [image[0, 0, 0] for (image,) in found] == list(range(80))
    assert not before or len(os.listdir("/proc/self/fd")) <= before + 4


def test_a_folder_of_files(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", RAMP[i])
    (tmp_path / "notes.txt").write_text("not an image")
    assert [i[0, 1, 0] for (i,) in read(str(tmp_path), None, 2)] == [RAMP[i, 0, 1] for i in range(3)]
    assert [i[0, 1, 0] for (i,) in read(str(tmp_path / "[12].npy"), None, 2)] == [RAMP[i, 0, 1] for i in (1, 2)]
    with pytest.raises(InputError, match="no file matches"):
        read(str(tmp_path / "*.png"), None, 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="no image file"):
        read(str(tmp_path / "empty"), None, 2)


def picture(path):
    np.save(path, np.zeros((4, 6), np.float32))
    return open_image(path)


@pytest.mark.parametrize("end", [KeyboardInterrupt, SystemExit, ValueError])
@pytest.mark.parametrize("suffix", [".tif", ".npy", ".h5", ".zarr", ".mrc"])
def test_an_output_is_complete_or_not_there(tmp_path, suffix, end):
    source = picture(tmp_path / "a.npy")
    with pytest.raises(end), writer(source, tmp_path / f"out{suffix}") as pixels:
        pixels[0] = 1
        raise end
    assert [p.name for p in tmp_path.iterdir()] == ["a.npy"]


def test_an_old_output_outlives_a_new_one_that_fails(tmp_path):
    source = picture(tmp_path / "a.npy")
    for suffix in (".npy", ".zarr"):
        for value in (1, 2):
            with writer(source, tmp_path / f"out{suffix}") as pixels:
                pixels[...] = np.full((4, 6), value, np.float32)
        with pytest.raises(ValueError), writer(source, tmp_path / f"out{suffix}") as pixels:
            raise ValueError
        assert (np.asarray(open_image(tmp_path / f"out{suffix}").array[:]) == 2).all()
    assert len(list(tmp_path.iterdir())) == 3


def test_a_signal_to_end_leaves_nothing(tmp_path):
    code = (f"import time; from unsup_jax.files import replacing\nwith replacing({str(tmp_path / 'o.h5')!r}) as place:\n"
            "    place.touch(); print('there', flush=True); time.sleep(60)")
    for number in (signal.SIGTERM, signal.SIGHUP):
        with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout.readline() == "there\n" and list(tmp_path.iterdir())
            child.send_signal(number)
            assert child.wait(20) == 128 + number and not list(tmp_path.iterdir())


def test_an_output_is_no_input_by_any_path(tmp_path):
    folder = touch(tmp_path / "raw", "a.tif", "b.tif")
    (tmp_path / "link.tif").symlink_to(folder / "a.tif")
    (tmp_path / "folder").symlink_to(folder)
    os.link(folder / "b.tif", tmp_path / "hard.tif")
    (tmp_path / "i.zarr").mkdir()
    (tmp_path / "i.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "i.zarr" / "0").mkdir()
    inputs = [*listed(folder), tmp_path / "a.h5:raw", tmp_path / "i.zarr" / "0"]
    for output in ("link.tif", "folder/a.tif", "raw/../raw/b.tif", "hard.tif", "a.h5"):
        with pytest.raises(InputError, match="is the input"):
            check_apart([tmp_path / output], inputs)
    with pytest.raises(InputError, match="lies around"):
        check_apart([tmp_path / "i.zarr"], inputs)
    with pytest.raises(InputError, match="lies in the input"):
        check_apart([tmp_path / "i.zarr" / "0" / "o.zarr"], inputs)
    check_apart([tmp_path / "raw" / "c.tif", tmp_path / "o.zarr"], inputs)


def test_an_array_of_no_file_is_written_below_the_working_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    write_image("runs/map.mrc", np.arange(24, dtype=np.float32).reshape(2, 3, 4), "ZYX")
    assert open_image("runs/map.mrc").array.shape == (2, 3, 4)


def test_an_output_is_found_wanting_before_the_work(tmp_path, monkeypatch):
    (tmp_path / "d.tif").mkdir()
    (tmp_path / "mine.zarr").mkdir()
    for name, message in {
        "o.xyz": "accepted are .npy, .tif", "missing/o.tif": "does not exist", "d.tif": "is a folder", "mine.zarr": "accepted are|is a folder",
    }.items():
        with pytest.raises(InputError, match=message):
            check_output(tmp_path / name, (".tif", ".npy", ".zarr") if name == "mine.zarr" else (".tif", ".npy"))
    with pytest.raises(InputError, match="GB"):
        check_output(tmp_path / "o.tif", [".tif"], size=10**18)

    def refused(*arguments, **settings):
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(InputError, match="Read-only file system"):
        check_output(tmp_path / "o.tif", [".tif"])


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path):
    make_folder(tmp_path / "a" / "b")
    touch(tmp_path, "file")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(InputError, match="cannot be written"):
            make_folder(path)


def test_a_disk_that_is_full_is_one_line(tmp_path):
    with pytest.raises(InputError, match="No space left"), replacing(tmp_path / "o.npy") as place:
        place.touch()
        raise OSError(28, "No space left on device")
    assert not list(tmp_path.iterdir())


def test_where_outputs_go(tmp_path):
    folder = touch(tmp_path / "raw", "a2.tif", "a10.tif")
    assert [place.name for _, place in destinations(folder, tmp_path / "out")] == ["a2.tif", "a10.tif"]
    assert destinations(folder / "a2.tif", tmp_path / "x.tif") == [(folder / "a2.tif", tmp_path / "x.tif")]
    with pytest.raises(InputError, match="names a file"):
        destinations(folder / "a*.tif", tmp_path / "x.tif")
    touch(tmp_path / "raw" / "1", "c.tif"), touch(tmp_path / "raw" / "2", "c.tif")
    with pytest.raises(InputError, match="both be written"):
        destinations(folder / "*" / "c.tif", tmp_path / "out")


@pytest.mark.parametrize("planes", [1, 3, 5, 7])
def test_thin_stacks_are_drawn_whole_in_depth(planes):
    volume = Measurement(np.random.default_rng(0).random((planes, 40, 33, 1), np.float32), Identity())
    for patch, expected in ((16, (planes, 16, 16)), ((1, 8, 12), (1, 8, 12))):
        batch = next(Stream([volume], batch=4, patch=patch, augment=True, seed=0).batches())
        assert batch.y.shape == (4, *expected, 1)
    with pytest.raises(InputError, match=f"{planes} x 40 x 33 pixels is smaller.*--data.patch {planes} 40 32 or less"):
        Stream([volume], batch=4, patch=48, augment=True, seed=0)


def test_patches_have_a_width_for_each_axis():
    assert Data(dimensions=3, patch=(5, 64, 48)).patch == (5, 64, 48)
    assert config.from_json(Data(dimensions=3), config.to_json(Data(dimensions=3, patch=(5, 64, 64)))).patch == (5, 64, 64)
    for patch in ((5, 64), (5, 4, 64), 4):
        with pytest.raises(InputError, match="patch is"):
            Data(dimensions=3, patch=patch)


def test_images_of_other_channels_make_no_batch():
    images = [Measurement(np.zeros((16, 16, channels), np.float32), Identity()) for channels in (1, 3)]
    with pytest.raises(InputError, match="1 and of 3 channels"):
        Stream(images, batch=2, patch=8, augment=False, seed=0)


def test_a_count_that_may_be_depth_is_named(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    with pytest.raises(InputError, match=r"if T is depth, give --axes ZYX \(to train, --data.axes ZYX\)"):
        images(open_image(tmp_path / "a.npy", "TYX"), 3)
