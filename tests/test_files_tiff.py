"""TIFF: what is read, what is refused, and what a written file says, as others read it."""

from itertools import permutations

import numpy as np
import ome_types
import pytest
import tifffile

from unsup_jax.data.dataset import read
from unsup_jax.errors import InputError
from unsup_jax.files import open_image, writer
from unsup_jax.files.metadata import Channel, Scale, symbol, unit_name
from unsup_jax.files.picture import Picture

SCHEMA = "http://www.openmicroscopy.org/Schemas/OME"


def random(*shape, dtype=np.uint16):
    return np.random.default_rng(sum(shape)).integers(0, 200, shape).astype(dtype)


def rewritten(path, output=None, axes=None):
    """What was read of a file, and a file written of it pixel by pixel."""
    picture = open_image(path, axes)
    output = output or path.with_name(f"out_{path.name}")
    with writer(picture, output) as pixels:
        pixels[...] = picture.array[...]
    return picture, output


def rounded(picture):
    return {a: (round(s.step, 9), s.unit, round(s.origin, 9)) for a, s in picture.metadata.scales.items()}


def ome_xml(size, sizes, order, blocks, *, version="2016-06", more="", uuid="0"):
    """A document as acquisition software writes it."""
    sizes = {"C": 1, "Z": 1, "T": 1} | sizes
    counts = " ".join(f'Size{a}="{n}"' for a, n in sizes.items())
    channels = "".join(f'<Channel ID="Channel:0:{c}" SamplesPerPixel="1"/>' for c in range(sizes["C"]))
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><OME xmlns="{SCHEMA}/{version}" UUID="urn:uuid:{uuid}"><Image ID="Image:0">'
        f'<Pixels ID="Pixels:0" DimensionOrder="{order}" Type="uint16" SizeX="{size[1]}" SizeY="{size[0]}" {counts} {more}>'
        f"{channels}{blocks}</Pixels></Image></OME>"
    ).encode()


def write_pages(path, pages, description=None, **settings):
    """One page after the other, with no word on how they belong together but the description."""
    with tifffile.TiffWriter(path) as file:
        for k, page in enumerate(pages):
            file.write(page, description=description if k == 0 else None, metadata=None, contiguous=False, **settings)


GREY, RGB = {"photometric": "minisblack"}, {"photometric": "rgb"}
LAYOUTS = {
    "plain": ((4, 20, 24), np.uint16, GREY),
    "big-endian": ((4, 20, 24), np.int16, GREY | {"byteorder": ">"}),
    "big-endian deflate": ((4, 20, 24), np.float32, GREY | {"byteorder": ">", "compression": "zlib", "predictor": True}),
    "LZW strips": ((4, 20, 24), np.uint16, GREY | {"compression": "lzw", "rowsperstrip": 3}),
    "Zstandard tiles": ((4, 50, 70), np.uint16, GREY | {"compression": "zstd", "tile": (16, 32)}),
    "JPEG": ((20, 24, 3), np.uint8, RGB | {"compression": "jpeg"}),
    "RGB tiles": ((20, 24, 3), np.uint8, RGB | {"tile": (16, 16)}),
    "RGB planes": ((3, 20, 24), np.uint16, RGB | {"planarconfig": "separate"}),
    "RGB planes, deflate": ((3, 20, 24), np.uint16, RGB | {"planarconfig": "separate", "compression": "zlib", "tile": (16, 16)}),
    "five samples": ((20, 24, 5), np.uint8, GREY | {"planarconfig": "contig"}),
    "white is zero": ((20, 24), np.uint8, {"photometric": "miniswhite"}),
    "one bit": ((20, 24), bool, {}),
    "float16": ((20, 24), np.float16, {}),
    "int64": ((20, 24), np.int64, {}),
    "BigTIFF": ((4, 20, 24), np.uint16, GREY | {"bigtiff": True}),
    "axes of one": ((4, 1, 20, 24, 1), np.uint16, GREY | {"compression": "zlib", "metadata": {"axes": "TZYXC"}}),
}


@pytest.mark.parametrize("shape, dtype, settings", LAYOUTS.values(), ids=LAYOUTS)
def test_every_layout_is_read_by_parts_and_written_as_it_was(tmp_path, shape, dtype, settings):
    pixels = random(*shape) > 100 if dtype is bool else random(*shape, dtype=dtype)
    tifffile.imwrite(tmp_path / "a.tif", pixels, **settings)
    pixels = tifffile.imread(tmp_path / "a.tif").reshape(shape)                # a JPEG is not what went in
    picture, output = rewritten(tmp_path / "a.tif")
    assert picture.array.shape == shape and picture.array.dtype == pixels.dtype
    for index in (np.s_[0], np.s_[-1, 3:11], np.s_[1:3, ..., 5:17], np.s_[::2, 4:2:-1], np.s_[..., 0], np.s_[2:2]):
        np.testing.assert_array_equal(picture.array[index], pixels[index])
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(output) as b:
        np.testing.assert_array_equal(b.asarray().reshape(shape), pixels)
        assert b.pages.first.dtype == a.pages.first.dtype and b.pages.first.planarconfig == a.pages.first.planarconfig
        assert b.pages.first.photometric == (tifffile.PHOTOMETRIC.RGB if settings == LAYOUTS["JPEG"][2] else a.pages.first.photometric)
        assert b.series[0].axes == a.series[0].axes


def test_of_a_large_compressed_file_little_is_decoded(tmp_path, monkeypatch):
    """A window of one plane costs the tiles that it touches."""
    pixels = random(3, 128, 160)
    tifffile.imwrite(tmp_path / "a.tif", pixels, compression="zlib", tile=(32, 32), **GREY)
    array, read = open_image(tmp_path / "a.tif").array, []
    from unsup_jax.files import pages

    whole = pages._read
    monkeypatch.setattr(pages, "_read", lambda file, offset, count: read.append(offset) or whole(file, offset, count))
    np.testing.assert_array_equal(array[1, 40:60, 70:100], pixels[1, 40:60, 70:100])
    assert len(read) == 2                                                          # rows 32 to 63, columns 64 to 127
    np.testing.assert_array_equal(array[1, 40:70, 70:100], pixels[1, 40:70, 70:100])
    assert len(read) == 4                                                          # the next row of tiles; the first was kept


def test_files_are_open_only_while_they_are_read(tmp_path):
    import os

    held = []
    before = len(os.listdir("/dev/fd"))
    for k in range(40):
        tifffile.imwrite(tmp_path / f"{k}.tif", random(8, 9, dtype=np.float32), compression="zlib" if k % 2 else None)
        held.append(open_image(tmp_path / f"{k}.tif"))
        held.append(np.asarray(held[-1].array[...], np.float32))
    assert len(os.listdir("/dev/fd")) <= before + 1


@pytest.mark.parametrize("order", ["".join(p) for p in permutations("CZT")])
def test_planes_of_an_ome_tiff_may_lie_in_any_order(tmp_path, order):
    pages, places = random(12, 6, 7), np.random.default_rng(3).permutation(12)
    sizes = {"C": 2, "Z": 3, "T": 2}
    blocks = "".join(
        f'<TiffData FirstC="{c}" FirstZ="{z}" FirstT="{t}" IFD="{places[(c * 3 + z) * 2 + t]}" PlaneCount="1"/>'
        for c, z, t in np.ndindex(2, 3, 2)
    )
    write_pages(tmp_path / "a.ome.tif", pages, ome_xml((6, 7), sizes, f"XY{order}", blocks))
    expected = pages[places].reshape(2, 3, 2, 6, 7).transpose(["CZT".index(a) for a in reversed(order)] + [3, 4])
    picture, output = rewritten(tmp_path / "a.ome.tif")
    assert picture.axes == order[::-1] + "YX"
    np.testing.assert_array_equal(picture.array[...], expected)
    np.testing.assert_array_equal(tifffile.imread(output), expected)
    (block,) = ome_types.from_tiff(output).images[0].pixels.tiff_data_blocks
    assert block.ifd == 0 and block.plane_count == 12


def test_what_ome_says_is_kept_and_what_is_new_is_valid(tmp_path):
    """Names, colours, steps, positions of planes and annotations, in a file of the same and of the other kind of axes."""
    metadata = {
        "axes": "TCYX", "Name": "cells & <more>", "Description": "20 ms", "PhysicalSizeX": 0.1, "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": 200, "PhysicalSizeYUnit": "nm", "TimeIncrement": 2.5, "TimeIncrementUnit": "min",
        "Channel": {"Name": ["DAPI", "GFP"], "Color": [65535, 16711935]}, "Plane": {"DeltaT": [0.0, 0.5, 2.5, 3.0]},
        "MapAnnotation": {"Namespace": "lab", "sample": "no 7"},
    }
    tifffile.imwrite(tmp_path / "a.ome.tif", random(2, 2, 8, 9), metadata=metadata, **GREY)
    picture, output = rewritten(tmp_path / "a.ome.tif", tmp_path / "out.tif")
    assert picture.metadata.scales == {"X": Scale(0.1, "µm"), "Y": Scale(200, "nm"), "T": Scale(2.5, "min")}
    assert picture.metadata.channels == (Channel("DAPI", (0, 0, 255)), Channel("GFP", (0, 255, 0)))
    said, kept = ome_types.from_tiff(tmp_path / "a.ome.tif"), ome_types.from_tiff(output)
    assert kept.uuid != said.uuid and kept.structured_annotations == said.structured_annotations
    assert kept.images == said.images
    other = Picture(picture.path, "npy", picture.array, picture.axes, picture.metadata)  # what another format could have said
    with writer(other, tmp_path / "new.tif") as pixels:
        pixels[...] = picture.array[...]
    image = ome_types.from_tiff(tmp_path / "new.tif").images[0]
    assert (image.name, image.description) == ("cells & <more>", "20 ms")
    assert [(c.name, c.color.as_rgb_tuple()) for c in image.pixels.channels] == [("DAPI", (0, 0, 255)), ("GFP", (0, 255, 0))]
    assert (image.pixels.physical_size_y, image.pixels.physical_size_y_unit.value, image.pixels.time_increment) == (200, "nm", 2.5)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "new.tif"), picture.array[...])


def test_ome_that_is_old_or_not_quite_valid_is_read(tmp_path):
    more = 'PhysicalSizeX="0.25" PhysicalSizeY="0" PhysicalSizeZ="NaN" TimeIncrement="soon"'
    write_pages(tmp_path / "a.ome.tif", random(3, 6, 7), ome_xml((6, 7), {"Z": 3}, "XYZCT", "<TiffData/>", version="2010-06", more=more))
    picture, output = rewritten(tmp_path / "a.ome.tif")
    assert picture.axes == "ZYX" and picture.metadata.scales == {"X": Scale(0.25, "µm")}
    assert 'PhysicalSizeX="0.25"' in tifffile.TiffFile(output).ome_metadata
    bare = ome_xml((6, 7), {"Z": 3}, "XYZCT", '<TiffData IFD="0" PlaneCount="3"/>').replace(f' xmlns="{SCHEMA}/2016-06"'.encode(), b"")
    write_pages(tmp_path / "b.ome.tif", random(3, 6, 7), bare)
    _, output = rewritten(tmp_path / "b.ome.tif")
    assert tifffile.TiffFile(output).series[0].axes == "ZYX"


def test_positions_are_stacked_and_written_apart(tmp_path):
    positions = random(3, 2, 8, 9)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif", ome=True) as file:
        for k, position in enumerate(positions):
            file.write(position, metadata={"axes": "TYX", "Name": f"well {k}"}, **GREY)
    picture, output = rewritten(tmp_path / "a.ome.tif")
    assert picture.axes == "ITYX" and picture.array.shape == positions.shape
    with tifffile.TiffFile(output) as file:
        assert [s.name for s in file.series] == ["well 0", "well 1", "well 2"]
        np.testing.assert_array_equal([s.asarray() for s in file.series], positions)
    block = '<TiffData IFD="0" PlaneCount="2"><UUID FileName="p0.ome.tif">urn:uuid:0</UUID></TiffData>'
    images = ome_xml((8, 9), {"T": 2}, "XYZCT", block).decode()
    head, image, tail = images[: images.index("<Image")], images[images.index("<Image") : images.index("</OME>")], "</OME>"
    second = image.replace("p0.ome", "p1.ome").replace("uuid:0", "uuid:1")
    for k in (0, 1):
        write_pages(tmp_path / f"p{k}.ome.tif", positions[k], (head.replace("uuid:0", f"uuid:{k}") + image + second + tail).encode())
    picture, _ = rewritten(tmp_path / "p1.ome.tif", tmp_path / "b.ome.tif")           # a file for each position
    np.testing.assert_array_equal(picture.array[...], positions[:2])
    assert [part.name for part in picture.parts] == ["p0.ome.tif"]


def test_a_set_of_files_is_read_from_any_of_them(tmp_path):
    frames = random(3, 6, 7)
    block = '<TiffData FirstT="{0}" IFD="0" PlaneCount="1"><UUID FileName="{0}.ome.tif">urn:uuid:{0}</UUID></TiffData>'
    blocks = "".join(map(block.format, range(3)))
    for t, frame in enumerate(frames):
        write_pages(tmp_path / f"{t}.ome.tif", [frame], ome_xml((6, 7), {"T": 3}, "XYZCT", blocks, uuid=t))
    picture, output = rewritten(tmp_path / "1.ome.tif", tmp_path / "whole.ome.tif")
    np.testing.assert_array_equal(picture.array[...], frames)
    np.testing.assert_array_equal(tifffile.imread(output), frames)
    with pytest.raises(InputError, match="is the input"), writer(picture, tmp_path / "2.ome.tif"):
        raise AssertionError("a part of the input was written over")
    output.unlink()
    with pytest.raises(InputError, match="is one image together with .*1.ome.tif"):
        read(str(tmp_path), None, 2)
    elsewhere = f'<?xml version="1.0"?><OME xmlns="{SCHEMA}/2016-06"><BinaryOnly MetadataFile="all.companion.ome" UUID="urn:uuid:9"/></OME>'
    (tmp_path / "all.companion.ome").write_bytes(ome_xml((6, 7), {"T": 3}, "XYZCT", blocks, uuid=9))
    for t, frame in enumerate(frames):
        write_pages(tmp_path / f"{t}.ome.tif", [frame], elsewhere.encode())
    np.testing.assert_array_equal(open_image(tmp_path / "2.ome.tif").array[...], frames)
    (tmp_path / "0.ome.tif").unlink()
    with pytest.raises(InputError, match="cannot be read in full: .*0.ome.tif"):
        open_image(tmp_path / "2.ome.tif")
    (tmp_path / "all.companion.ome").unlink()
    with pytest.raises(InputError, match="all.companion.ome, is not beside it"):
        open_image(tmp_path / "2.ome.tif")


def test_of_a_pyramid_the_full_resolution_is_read(tmp_path):
    pixels = random(64, 80)
    with tifffile.TiffWriter(tmp_path / "a.ome.tif") as file:
        file.write(pixels, subifds=1, tile=(32, 32), compression="zlib", metadata={"axes": "YX"})
        file.write(pixels[::2, ::2], subfiletype=1, tile=(32, 32), compression="zlib")
    _, output = rewritten(tmp_path / "a.ome.tif")
    np.testing.assert_array_equal(tifffile.imread(output), pixels)


def test_what_imagej_shows_is_kept(tmp_path):
    tables = [np.outer(color, np.arange(256)).astype(np.uint8) for color in ((1, 0, 0), (0, 1, 1))]
    said = {
        "axes": "TZCYX", "unit": "um", "spacing": 0.5, "finterval": 2.0, "mode": "composite", "loop": True, "min": 3.0, "max": 250.0,
        "xorigin": 4.0, "Labels": [f"plane {k}" for k in range(12)], "Ranges": (0.0, 300.0, 5.0, 9.0), "LUTs": tables,
        "Info": "exposure 20 ms, 37 °C", "Overlays": [b"abc", b"de"], "ROI": b"xyz", "Properties": {"dye": "µ"},
    }
    tifffile.imwrite(tmp_path / "a.tif", random(2, 3, 2, 8, 9), imagej=True, resolution=(10, 5), metadata=said)
    picture, output = rewritten(tmp_path / "a.tif")
    assert rounded(picture) == {"X": (0.1, "µm", -0.4), "Y": (0.2, "µm", 0), "Z": (0.5, "µm", 0), "T": (2, "s", 0)}
    assert picture.metadata.channels == (Channel(None, (255, 0, 0), (0, 300)), Channel(None, (0, 255, 255), (5, 9)))
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(output) as b:
        np.testing.assert_equal(b.imagej_metadata, a.imagej_metadata)
        assert b.pages.first.resolution == a.pages.first.resolution and b.series[0].axes == "TZCYX"
    _, output = rewritten(tmp_path / "a.tif", tmp_path / "b.ome.tif")
    pixels = ome_types.from_tiff(output).images[0].pixels
    assert (pixels.physical_size_z, pixels.physical_size_z_unit.value, pixels.size_t, pixels.time_increment) == (0.5, "µm", 2, 2)
    assert pixels.planes[0].position_x == pytest.approx(-0.4)


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_a_unit_of_micrometres_is_ascii_to_nobody(tmp_path, encoding):
    description = "ImageJ=1.53t\nimages=1\nunit=µm\nmin=0.0\n".encode(encoding)
    tifffile.imwrite(tmp_path / "a.tif", random(6, 7), description=description, metadata=None, resolution=(5, 5))
    picture, output = rewritten(tmp_path / "a.tif")
    assert picture.metadata.scales["X"] == Scale(0.2, "µm")
    assert tifffile.TiffFile(output).imagej_metadata["unit"] == "µm"


def test_a_color_table_of_imagej_is_no_palette(tmp_path):
    table = np.arange(768).reshape(3, 256).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", random(6, 7, dtype=np.uint8), imagej=True, colormap=table)
    _, output = rewritten(tmp_path / "a.tif")
    with tifffile.TiffFile(output) as file:
        np.testing.assert_array_equal(file.pages.first.colormap, table)


def test_plain_tags_and_descriptions_are_kept(tmp_path):
    tifffile.imwrite(
        tmp_path / "a.tif", random(6, 7), description="exposure 20 ms, 37 °C".encode(), datetime="2024:05:06 07:08:09",
        resolution=(20000, 10000), resolutionunit="centimeter", iccprofile=b"profile", extratags=[(274, "H", 1, 6, False)],
    )
    picture, output = rewritten(tmp_path / "a.tif")
    assert rounded(picture) == {"X": (0.5, "µm", 0), "Y": (1, "µm", 0)}
    with tifffile.TiffFile(tmp_path / "a.tif") as a, tifffile.TiffFile(output) as b:
        for tag in ("ImageDescription", "DateTime", "XResolution", "YResolution", "ResolutionUnit", "InterColorProfile", "Orientation"):
            assert b.pages.first.tags[tag].value == a.pages.first.tags[tag].value, tag


def test_other_formats_give_a_tiff_what_they_know(tmp_path):
    array = random(4, 6, 7)
    np.save(tmp_path / "a.npy", array)
    picture = open_image(tmp_path / "a.npy", "YXZ")                # planes are Y by X in a TIFF, whatever the order of the array
    _, output = rewritten(tmp_path / "a.npy", tmp_path / "a.tif", axes="YXZ")
    assert picture.axes == "YXZ"
    with tifffile.TiffFile(output) as file:
        assert file.series[0].axes == "ZYX"
        np.testing.assert_array_equal(file.asarray(), array.transpose(2, 0, 1))
    np.save(tmp_path / "b.npy", array.astype(np.float16))
    with pytest.raises(InputError, match="an OME-TIFF has axes of TZCYXS .* not IYX of float16"):
        rewritten(tmp_path / "b.npy", tmp_path / "b.ome.tif", axes="IYX")


def refused(path, kind):
    """A file that would be taken for something else."""
    if kind == "several sizes":
        write_pages(path, [random(6, 7), random(8, 9)])
    elif kind == "one page of another size":
        write_pages(path, [random(6 if k != 4 else 5, 7) for k in range(12)])
    elif kind == "alpha":
        tifffile.imwrite(path, random(6, 7, 4, dtype=np.uint8), photometric="rgb", extrasamples=["unassalpha"])
    elif kind == "grey and alpha":
        tifffile.imwrite(path, random(6, 7, 2), planarconfig="contig", extrasamples=["assocalpha"], **GREY)
    elif kind == "palette":
        tifffile.imwrite(path, random(6, 7, dtype=np.uint8), photometric="palette", colormap=np.zeros((3, 256), np.uint16))
    elif kind == "CMYK":
        tifffile.imwrite(path, random(6, 7, 4, dtype=np.uint8), photometric="separated")
    elif kind == "complex":
        tifffile.imwrite(path, random(6, 7).astype(np.complex64))
    elif kind == "planes missing":
        write_pages(path, random(3, 6, 7), ome_xml((6, 7), {"Z": 4}, "XYZCT", "<TiffData/>"))
    elif kind == "planes too many":
        write_pages(path, random(3, 6, 7), ome_xml((6, 7), {"Z": 2}, "XYZCT", "<TiffData/>"))
    elif kind == "planes nowhere":
        write_pages(path, random(3, 6, 7), ome_xml((6, 7), {"Z": 3}, "XYZCT", ""))
    elif kind in ("pages lost", "cut off"):
        write_pages(path, random(5, 40, 50), compression="zlib")
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2 if kind == "pages lost" else -20])
    elif kind == "cut off, plain":
        tifffile.imwrite(path, random(5, 40, 50), imagej=True)
        path.write_bytes(path.read_bytes()[:9000])


REFUSED = {
    "several sizes": "several shapes", "one page of another size": "page 5 differs", "alpha": "alpha", "grey and alpha": "alpha",
    "palette": "palette", "CMYK": "SEPARATED", "complex": "complex64", "planes missing": "3 of 4 planes|missing 1 frames",
    "planes too many": "expected 2 frames, got 3", "planes nowhere": "does not say", "pages lost": "in full", "cut off": "cut off",
    "cut off, plain": "in full",
}


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_be_dropped_or_misread_is_refused_in_a_line(tmp_path, kind):
    refused(tmp_path / "a.tif", kind)
    with pytest.raises(InputError, match=REFUSED[kind]) as error:
        open_image(tmp_path / "a.tif")
    assert "\n" not in str(error.value) and str(error.value).startswith(str(tmp_path / "a.tif"))


def test_a_damaged_page_is_named(tmp_path):
    pages = random(3, 40, 50)
    write_pages(tmp_path / "a.tif", pages, compression="zlib")
    with tifffile.TiffFile(tmp_path / "a.tif") as file:
        place = file.pages[1].dataoffsets[0]
    damaged = bytearray((tmp_path / "a.tif").read_bytes())
    damaged[place + 10 : place + 60] = bytes(50)
    (tmp_path / "a.tif").write_bytes(damaged)
    picture = open_image(tmp_path / "a.tif")
    np.testing.assert_array_equal(picture.array[2], pages[2])
    with pytest.raises(InputError, match="page 2 cannot be decoded"):
        picture.array[1]


def test_units():
    for spelled in ("um", "µm", "μm", "\\u00B5m", "micron", "microns", "Micrometre", "micrometers"):
        assert symbol(spelled) == "µm"
    assert (symbol("angstrom"), symbol("A"), symbol("sec"), symbol("pixel")) == ("Å", "Å", "s", "pixel")
    assert unit_name("µm") == "micrometer" and Scale(5, "Å", 10).to("nm") == Scale(0.5, "nm", 1.0)
    assert Scale(1, "s").to("nm") is None and Scale(1, "pixel").to("µm") is None
