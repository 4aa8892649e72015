"""Zarr in and out: OME-Zarr 0.4 and 0.5, and single arrays."""

import json

import numpy as np
import pytest
import tensorstore as ts
import yaozarrs

from unsup_jax.errors import InputError
from unsup_jax.files import Picture, open_image, writer
from unsup_jax.files.metadata import Channel, Metadata, Scale

DATA = (np.arange(2 * 3 * 20 * 24) % 999).reshape(2, 3, 20, 24).astype(np.uint16)


def array(path, version, data):
    """A Zarr array."""
    spec = {"driver": "zarr3"} if version == "0.5" else {"driver": "zarr", "metadata": {"dimension_separator": "/"}}
    store = ts.open({**spec, "kvstore": {"driver": "file", "path": str(path)}}, create=True, dtype=ts.dtype(data.dtype), shape=data.shape).result()
    store[...] = data


def group(path, version, said):
    """A Zarr group that says this of itself as OME does."""
    path.mkdir(parents=True)
    if version == "0.5":
        (path / "zarr.json").write_text(json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", **said}}}))
    else:
        (path / ".zgroup").write_text('{"zarr_format": 2}')
        (path / ".zattrs").write_text(json.dumps(said))
    return path


def image(path, version):
    """An image of two channels and two resolutions, beside labels."""
    axes = [{"name": "c", "type": "channel"}, *({"name": a, "type": "space", "unit": "micrometer"} for a in "zyx")]
    levels = [{"path": f"{k}", "coordinateTransformations": [{"type": "scale", "scale": [1, 0.5, width, width]}]} for k, width in enumerate((0.1, 0.2))]
    multiscale = {"axes": axes, "datasets": levels, "name": "cell"} | ({"version": "0.4"} if version == "0.4" else {})
    shown = [{"label": name, "color": "00FF00", "window": {"start": 0, "end": 100, "min": 0, "max": 999}} for name in ("DAPI", "GFP")]
    group(path, version, {"multiscales": [multiscale], "omero": {"channels": shown}})
    array(path / "0", version, DATA), array(path / "1", version, DATA[..., ::2, ::2])
    group(path / "labels", version, {"labels": ["nuclei"]})
    return path


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_an_image_keeps_its_axes_scale_and_channels(tmp_path, version):
    path = image(tmp_path / "a.ome.zarr", version)
    picture = open_image(path)
    assert picture.axes == "CZYX" and picture.array.shape == DATA.shape and picture.metadata.scales["Z"] == Scale(0.5, "µm")
    assert [c.name for c in picture.metadata.channels] == ["DAPI", "GFP"]
    assert open_image(path / "0").metadata == picture.metadata and open_image(path / "1").metadata.scales["X"].step == 0.2
    with writer(picture, tmp_path / "b.ome.zarr") as out:
        for c in range(2):
            out[c, :, :7], out[c, :, 7:] = DATA[c, :, :7], DATA[c, :, 7:]
    again = open_image(tmp_path / "b.ome.zarr")
    np.testing.assert_array_equal(again.array[:], DATA)
    assert again.metadata == picture.metadata and again.axes == picture.axes
    stored = tmp_path / "b.ome.zarr" / ("zarr.json" if version == "0.5" else ".zattrs")
    said = json.loads(stored.read_text())
    checked = yaozarrs.v05.Image.model_validate(said["attributes"]["ome"]) if version == "0.5" else yaozarrs.v04.Image.model_validate(said)
    assert checked.multiscales[0].datasets[0].path == "0"


def test_axes_are_stored_in_the_order_of_the_format(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 255, (20, 24, 3), np.uint8)
    metadata = Metadata(scales={"Y": Scale(2, "nm", 5.0)}, channels=(Channel("red"), Channel(), Channel()))
    with writer(Picture(tmp_path / "x.png", "png", pixels, "YXS", metadata), tmp_path / "o.zarr") as out:
        out[:, 3:9] = pixels[:, 3:9]
    again = open_image(tmp_path / "o.zarr")
    assert again.axes == "CYX" and again.metadata.scales["Y"] == Scale(2, "nm", 5.0) and again.metadata.channels[0].name == "red"
    np.testing.assert_array_equal(again.array[:, :, 3:9], pixels[:, 3:9].transpose(2, 0, 1))


def test_arrays_name_their_axes(tmp_path):
    array(tmp_path / "a.zarr", "0.4", DATA[0])
    (tmp_path / "a.zarr" / ".zattrs").write_text(json.dumps({"_ARRAY_DIMENSIONS": ["time", "y", "x"]}))
    picture = open_image(tmp_path / "a.zarr")
    assert picture.axes == "TYX"
    with writer(picture, tmp_path / "b.zarr") as out:
        out[...] = DATA[0]
    assert (tmp_path / "b.zarr" / ".zarray").exists() and open_image(tmp_path / "b.zarr").axes == "TYX"
    group(tmp_path / "g.zarr", "0.4", {})
    array(tmp_path / "g.zarr" / "only", "0.4", DATA[0])
    np.testing.assert_array_equal(open_image(tmp_path / "g.zarr", "TYX").array[:], DATA[0])


def test_a_collection_of_one_is_its_image(tmp_path):
    path = group(tmp_path / "a.zarr", "0.4", {"bioformats2raw.layout": 3})
    image(path / "0", "0.4")
    assert open_image(path).metadata == open_image(path / "0").metadata
    image(path / "1", "0.4")
    with pytest.raises(InputError, match="2 images .*choose one, for example .*a.zarr/0"):
        open_image(path)


def test_what_is_no_single_image_is_named(tmp_path):
    for version in ("0.4", "0.5"):
        group(tmp_path / version / "plate.zarr", version, {"plate": {"wells": [{"path": "A/1"}, {"path": "A/2"}]}})
        group(tmp_path / version / "well.zarr", version, {"well": {"images": [{"path": "0"}]}})
        group(tmp_path / version / "none.zarr", version, {})
    group(tmp_path / "0.4" / "old.zarr", "0.4", {"multiscales": [{"version": "0.2", "datasets": [{"path": "0"}]}]})
    for name, message in {
        "0.4/plate.zarr": "plate.*choose one, for example .*A/1/0", "0.5/plate.zarr": "plate", "0.5/well.zarr": "well.*well.zarr/0",
        "0.5/none.zarr": "0 arrays", "0.4/old.zarr": "old.zarr: not OME-Zarr 0.4 or 0.5",
    }.items():
        with pytest.raises(InputError, match=message):
            open_image(tmp_path / name)
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / ".zarray").write_text("{}")
    with pytest.raises(InputError, match="not a readable zarr file") as said:
        open_image(tmp_path / "bad.zarr")
    assert len(str(said.value)) < 400
