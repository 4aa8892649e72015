"""MRC in and out: what its header says of the axes, the place and the kind of its pixels."""

import gzip

import mrcfile
import numpy as np
import pytest

from unsup_jax.errors import InputError
from unsup_jax.files import Picture, open_image, writer
from unsup_jax.files.metadata import Metadata, Scale

VOLUME = (np.arange(3 * 10 * 12) % 251).reshape(3, 10, 12).astype(np.float32)
pytestmark = pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")


def made(path, array=VOLUME, **header):
    """An MRC with these words in its header."""
    with mrcfile.new(path, array, overwrite=True) as file:
        for name, value in header.items():
            file.header[name] = value
    return path


def rewritten(path, output):
    """A file with every pixel less one, as it is stored."""
    picture = open_image(path)
    with writer(picture, output) as pixels:
        pixels[...] = np.asarray(picture.array) - np.asarray(picture.array).dtype.type(1)
    return mrcfile.open(output, permissive=True)


@pytest.mark.parametrize("end", [".mrc", ".mrc.gz"])
def test_the_header_is_kept(tmp_path, end):
    path = tmp_path / f"a{end}"
    extended = np.arange(1024, dtype=np.uint8)
    with mrcfile.new(path, VOLUME, compression="gzip" if end.endswith("gz") else None) as file:
        file.voxel_size = (1.7, 1.8, 3.0)
        file.nstart = (-5, -6, -7)
        file.header.mapc, file.header.mapr, file.header.maps = 3, 2, 1
        file.header.origin = (1, 2, 3)
        file.header.cellb.alpha = 80
        file.set_extended_header(extended)
        file.header.exttyp = b"CCP4"
        file.add_label("of a microscope")
        before = file.header.copy()
    with rewritten(path, tmp_path / f"b{end}") as file:
        after = file.header
        kept = set(before.dtype.names) - {"dmin", "dmax", "dmean", "rms", "nversion"}
        assert not [name for name in kept if before[name].tobytes() != after[name].tobytes()]
        np.testing.assert_array_equal(file.data, VOLUME - 1)
        np.testing.assert_array_equal(file.extended_header.view(np.uint8), extended)
        assert after.dmax == VOLUME.max() - 1 and abs(after.dmean - VOLUME.mean() + 1) < 1e-3


def test_axes_are_in_the_order_of_the_map(tmp_path):
    for columns, rows, sections, axes in ((1, 2, 3, "ZYX"), (3, 2, 1, "XYZ"), (2, 1, 3, "ZXY"), (0, 0, 0, "ZYX")):
        assert open_image(made(tmp_path / "a.mrc", mapc=columns, mapr=rows, maps=sections)).axes == axes


KINDS = {
    "volume": (".mrc", {"ispg": 1}, "ZYX"),
    "volume of space group 0": (".mrc", {"ispg": 0, "mz": 3}, "ZYX"),
    "stack": (".mrc", {"ispg": 0, "mz": 1}, "IYX"),
    "stack by its suffix": (".mrcs", {"ispg": 1, "mz": 3}, "IYX"),
    "tilt series": (".mrc", {"ispg": 0, "mz": 3, "exttyp": b"SERI"}, "IYX"),
}


@pytest.mark.parametrize("suffix, header, axes", KINDS.values(), ids=KINDS)
def test_volumes_are_told_from_stacks(tmp_path, suffix, header, axes):
    path = made(tmp_path / f"a{suffix}", **header)
    assert open_image(path).axes == axes
    rewritten(path, tmp_path / f"b{suffix}").close()
    assert open_image(tmp_path / f"b{suffix}").axes == axes


def test_a_stack_stays_one_under_another_name(tmp_path):
    path = made(tmp_path / "a.mrcs", ispg=1, mz=3)
    with rewritten(path, tmp_path / "b.mrc") as file:
        assert file.is_image_stack() and file.header.mz == 1
    assert open_image(tmp_path / "b.mrc").axes == "IYX"


def test_bytes_have_the_sign_that_imod_gives(tmp_path):
    pixels = np.array([[0, 100, 200, 255]], np.uint8)
    path = made(tmp_path / "a.mrc", pixels.view(np.int8))
    assert open_image(path).array.dtype == np.int8
    content = bytearray(path.read_bytes())
    for flags, dtype in ((0, np.uint8), (1, np.int8)):
        content[152:160] = np.array([1146047817, flags], "<i4").tobytes()
        path.write_bytes(content)
        picture = open_image(path)
        np.testing.assert_array_equal(picture.array, pixels.view(dtype))
        with writer(picture, tmp_path / "b.mrc") as out:
            out[...] = picture.array
        again = open_image(tmp_path / "b.mrc")
        assert again.array.dtype == dtype
        np.testing.assert_array_equal(again.array, picture.array)
        with mrcfile.open(tmp_path / "b.mrc", permissive=True) as file:
            assert (file.header.dmin, file.header.dmax) == (picture.array[...].min(), picture.array[...].max())


def test_the_other_byte_order_and_half_precision(tmp_path):
    with mrcfile.new(tmp_path / "a.mrc", VOLUME.astype(np.float16)) as file:
        file.voxel_size = 2
    with rewritten(tmp_path / "a.mrc", tmp_path / "b.mrc") as file:
        assert file.data.dtype == np.float16 and file.voxel_size.x == 2
    with mrcfile.new(tmp_path / "big.mrc", VOLUME.astype(">f4")) as file:
        file.header.nxstart = -5
        assert file.header.mode.dtype.byteorder == ">"
    with rewritten(tmp_path / "big.mrc", tmp_path / "c.mrc") as file:
        np.testing.assert_array_equal(file.data, VOLUME - 1)
        assert file.header.nxstart == -5


def test_what_an_mrc_does_not_hold_is_named(tmp_path):
    with pytest.raises(InputError, match="complex64"):
        open_image(made(tmp_path / "a.mrc", VOLUME.astype(np.complex64)))
    path = made(tmp_path / "short.mrc")
    path.write_bytes(path.read_bytes()[:1200])
    with pytest.raises(InputError, match="fewer than its header says"):
        open_image(path)
    with writer(Picture(tmp_path / "x.npy", "npy", np.zeros((2, 4, 5), np.int16), "TYX"), tmp_path / "t.mrc") as out:
        out[...] = 1
    assert open_image(tmp_path / "t.mrc").axes == "IYX"
    for array, axes in ((np.zeros((4, 4), np.float64), "YX"), (np.zeros((2, 4, 4), np.uint8), "CYX"), (np.zeros((4, 4, 2), np.int16), "YXT")):
        with pytest.raises(InputError, match="an MRC holds"), writer(Picture(tmp_path / "x.npy", "npy", array, axes), tmp_path / "o.mrc"):
            pass


def test_other_files_become_an_mrc(tmp_path):
    scales = {"Z": Scale(0.002, "µm", 0.01), "Y": Scale(1.5, "nm"), "X": Scale(15, "Å")}
    picture = Picture(tmp_path / "x.npy", "npy", VOLUME.astype(np.uint8), "ZYX", Metadata(scales=scales))
    with writer(picture, tmp_path / "o.map.gz") as out:
        out[1] = VOLUME[1].astype(np.uint8)
    with gzip.open(tmp_path / "o.map.gz") as packed:
        assert packed.read(1024)[208:211] == b"MAP"
    with mrcfile.open(tmp_path / "o.map.gz") as file:
        np.testing.assert_array_equal(file.data[1], VOLUME[1])
        np.testing.assert_allclose([file.voxel_size[a] for a in "xyz"], [15, 15, 20], rtol=1e-6)
        assert file.is_volume() and file.header.origin.z == 100
