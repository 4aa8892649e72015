"""PNG and JPEG: what is read, what is refused, and what a written file holds."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from unsup_jax.errors import InputError
from unsup_jax.files import open_image, writer


def random(*shape, dtype=np.uint8):
    return np.random.default_rng(sum(shape)).integers(0, np.iinfo(dtype).max, shape).astype(dtype)


def png(pixels, color, *chunks, depth=None):
    """A PNG by its definition: rows as they are, each after a byte that says so."""
    depth = depth or 8 * pixels.dtype.itemsize
    rows = [pixels[i].astype(pixels.dtype.newbyteorder(">")).tobytes() for i in range(len(pixels))]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, color, 0, 0, 0)
    body = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [(b"IHDR", header), *chunks, (b"IDAT", body), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(part)) + name + part + struct.pack(">I", zlib.crc32(name + part)) for name, part in parts)


def rewritten(path, output):
    picture = open_image(path)
    with writer(picture, output) as pixels:
        pixels[...] = picture.array
    return picture, open_image(output)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels, color", [((), 0), ((3,), 2)])
def test_all_bits_of_grey_and_color_are_kept(tmp_path, dtype, channels, color):
    pixels = random(7, 5, *channels, dtype=dtype)
    (tmp_path / "a.png").write_bytes(png(pixels, color))
    for picture in rewritten(tmp_path / "a.png", tmp_path / "b.png"):
        assert picture.array.dtype == dtype and picture.axes == ("YXC" if channels else "YX")
        np.testing.assert_array_equal(picture.array, pixels)


def test_what_a_png_says_of_its_image_is_kept(tmp_path):
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "exposure 20 ms")
    Image.fromarray(random(7, 5)).save(tmp_path / "a.png", pnginfo=note, dpi=(254, 254), icc_profile=b"profile")
    rewritten(tmp_path / "a.png", tmp_path / "b.png")
    a, b = (Image.open(tmp_path / name) for name in ("a.png", "b.png"))
    b.load()
    assert b.info == a.info and b.info["Comment"] == "exposure 20 ms" and b.info["icc_profile"] == b"profile"


def test_a_palette_is_read_as_its_colors(tmp_path):
    places, colors = random(7, 5) % 4, random(4, 3)
    (tmp_path / "a.png").write_bytes(png(places, 3, (b"PLTE", colors.tobytes())))
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").array, colors[places])
    (tmp_path / "a.png").write_bytes(png(places, 3, (b"PLTE", np.repeat(colors[:, :1], 3, 1).tobytes())))
    np.testing.assert_array_equal(open_image(tmp_path / "a.png").array, colors[places, 0])


TRANSPARENT = {
    "grey and alpha": png(random(7, 5, 2), 4), "RGB and alpha": png(random(7, 5, 4, dtype=np.uint16), 6),
    "one grey level": png(random(7, 5), 0, (b"tRNS", b"\0\7")),
    "palette": png(random(7, 5) % 2, 3, (b"PLTE", bytes(6)), (b"tRNS", b"\0")),
}


@pytest.mark.parametrize("data", TRANSPARENT.values(), ids=TRANSPARENT)
def test_transparency_is_refused(tmp_path, data):
    (tmp_path / "a.png").write_bytes(data)
    with pytest.raises(InputError, match="alpha"):
        open_image(tmp_path / "a.png")


def test_animations_and_damaged_files_are_refused(tmp_path):
    Image.fromarray(random(7, 5)).save(tmp_path / "a.png", save_all=True, append_images=[Image.fromarray(random(7, 5)[::-1])])
    with pytest.raises(InputError, match="animation"):
        open_image(tmp_path / "a.png")
    for name, data in (("b.png", png(random(70, 50), 0)), ("c.jpg", None)):
        if data is None:
            Image.fromarray(random(70, 50)).save(tmp_path / name)
            data = (tmp_path / name).read_bytes()
        for bad in (data[: len(data) // 2], data[:20], b"", b"nonsense"):
            (tmp_path / name).write_bytes(bad)
            with pytest.raises(InputError, match="not a readable (png|jpeg) file"):
                open_image(tmp_path / name)


def test_a_jpeg_is_read_upright_and_written_with_little_loss(tmp_path):
    y, x = np.mgrid[:40, :56]
    pixels = np.stack([4 * y, 2 * x, x + y], -1).astype(np.uint8)
    exif = Image.Exif()
    exif[274], exif[271] = 6, "a microscope"                                       # turned by a quarter, and its maker
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95, subsampling=0, exif=exif, dpi=(254, 254))
    first, again = rewritten(tmp_path / "a.jpg", tmp_path / "b.jpeg")
    assert np.abs(np.rot90(first.array.astype(int)) - pixels).max() < 8
    assert np.abs(first.array.astype(int) - again.array).max() < 8
    said = Image.open(tmp_path / "b.jpeg")
    assert said.getexif()[271] == "a microscope" and said.getexif().get(274, 1) == 1 and said.info["dpi"] == (254, 254)
    Image.fromarray(random(7, 5, 4)).convert("CMYK").save(tmp_path / "c.jpg")
    with pytest.raises(InputError, match="CMYK"):
        open_image(tmp_path / "c.jpg")


@pytest.mark.parametrize("shape, dtype, suffix", [
    ((7, 5), np.uint16, ".jpg"), ((7, 5), np.float32, ".png"), ((7, 5, 2), np.uint8, ".png"), ((7, 5, 4), np.uint8, ".jpg"),
    ((7, 5, 6), np.uint8, ".png"),
])
def test_what_they_cannot_hold_is_refused_before_it_is_made(tmp_path, shape, dtype, suffix):
    np.save(tmp_path / "a.npy", np.ones(shape, dtype))
    picture = open_image(tmp_path / "a.npy", "YXC"[: len(shape)])
    with pytest.raises(InputError, match="holds one 8-"), writer(picture, tmp_path / f"b{suffix}"):
        raise AssertionError("work was done")
    assert not list(tmp_path.glob(".*")) and not (tmp_path / f"b{suffix}").exists()
