"""Images on the disk: the same batches and runs as of images in memory, from what is cropped alone."""

import dataclasses
import json
import resource
from pathlib import Path

import imagecodecs
import jax
import numpy as np
import pytest
import tensorstore as ts
import tifffile

import unsup_jax.files
from unsup_jax.core import Measurement
from unsup_jax.data import Data, Stream
from unsup_jax.data.parts import crop, in_memory, middle_part, sampled, shown_part
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment, run
from unsup_jax.files import Stored, images, open_image, stored
from unsup_jax.methods import GaussianFilter, Noise2Void
from unsup_jax.modalities import Camera
from unsup_jax.networks import UNet
from unsup_jax.operators import Identity
from unsup_jax.runs import load_trained
from unsup_jax.train import Train

STACK = np.random.default_rng(0).poisson(400, (5, 70, 90)).astype(np.uint16)


def write(folder, suffix, stack):
    """A stack ZYX in a format that says its axes, and the path of it."""
    path = folder / f"stack{suffix}"
    if suffix == ".tif":
        tifffile.imwrite(path, stack, metadata={"axes": "ZYX"})
    elif suffix == ".tiled.tif":
        tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}, tile=(32, 48), compression="zlib")
    elif suffix == ".npy":
        np.save(path, np.asfortranarray(stack))
    elif suffix == ".mrc":
        import mrcfile

        with mrcfile.new(path) as file:
            file.set_data(stack)
            file.set_volume()
    elif suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            file.create_dataset("raw", data=stack, chunks=(1, 32, 32), compression="gzip").attrs["axes"] = "ZYX"
    elif suffix == "":
        path.mkdir()
        for k, plane in enumerate(stack):
            (path / f"{k}.png").write_bytes(imagecodecs.png_encode(plane))
    else:
        path.mkdir()
        axes = [{"name": name, "type": "space"} for name in "zyx"]
        image = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 1.0]}]}]}
        (path / "zarr.json").write_text(json.dumps(
            {"zarr_format": 3, "node_type": "group", "attributes": {"ome": {"version": "0.5", "multiscales": [image]}}}))
        grid = {"name": "regular", "configuration": {"chunk_shape": [1, 32, 32]}}
        ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path / "0")}, "metadata": {"chunk_grid": grid}},
                create=True, dtype=ts.uint16, shape=stack.shape).result()[...] = stack
    return path


class Counting:
    """An array that counts what was read of it."""

    def __init__(self, array):
        self.array, self.shape, self.ndim, self.dtype, self.read = array, array.shape, array.ndim, array.dtype, 0

    def __getitem__(self, index):
        part = self.array[index]
        self.read += part.size
        return part


@pytest.fixture
def on_disk(monkeypatch, tmp_path):
    """No image is small enough for the memory; the arrays that a test's files hold count what is read of them.

    A stream of an earlier test may still read ahead.
    """
    opened = []

    def counting(path, axes=None):
        picture = open_image(path, axes)
        counted = Counting(picture.array)
        if Path(path).is_relative_to(tmp_path):
            opened.append(counted)
        return dataclasses.replace(picture, array=counted)

    monkeypatch.setattr(unsup_jax.files, "IN_MEMORY", 0)
    monkeypatch.setattr(unsup_jax.files, "open_image", counting)
    return opened


def lists(path, dimensions, **data):
    data = Data(path=str(path), dimensions=dimensions, **data)
    return data.arrange(data.measure(Camera(), 0), (), 0)


@pytest.mark.parametrize("suffix,dimensions", [
    (".ome.zarr", 2), (".ome.zarr", 3), (".mrc", 3), (".h5", 2), (".tif", 3), (".tiled.tif", 2), (".npy", 2), ("", 2)])
def test_batches_are_those_of_images_in_memory_and_read_from_what_is_cropped(tmp_path, suffix, dimensions, request):
    path = write(tmp_path, suffix, STACK)
    patch = {2: (16, 24), 3: (4, 16, 24)}[dimensions]
    settings = {"batch": 3, "patch": patch, "augment": True, "seed": 5}
    held = Stream(lists(path, dimensions).train, **settings)
    opened = request.getfixturevalue("on_disk")
    train = lists(path, dimensions).train
    assert all(isinstance(m.y, Stored) for m in train)
    assert sum(array.read for array in opened) == 0
    lazily = Stream(train, **settings)
    for one, other in zip(held.fixed(4), lazily.fixed(4)):
        assert one.y.dtype == other.y.dtype == np.float32
        np.testing.assert_array_equal(one.y, other.y)
    if suffix != "":
        assert sum(array.read for array in opened) == 4 * 3 * np.prod(patch)
    one, other = next(held.batches()), next(lazily.batches())
    jax.tree.map(np.testing.assert_array_equal, one, other)


def test_windows_of_windows_and_channels(tmp_path):
    colours = np.random.default_rng(1).integers(0, 255, (3, 4, 20, 30), np.uint8)
    np.save(tmp_path / "a.npy", colours)
    picture = open_image(tmp_path / "a.npy", "CZYX")
    (held,), (lazy,) = images(picture, 3), stored(picture, 3)
    assert lazy.shape == held.shape == (4, 20, 30, 3) and lazy.size == held.size
    window = np.s_[1:, 5:15, :20]
    again = np.s_[:2, 2:, 3:7]
    np.testing.assert_array_equal(np.asarray(lazy[window][again]), held[window][again])
    with pytest.raises(IndexError, match="step 1"):
        lazy[np.s_[::2, :, :]]
    with pytest.raises(IndexError, match="each axis of space"):
        lazy[np.s_[:, :, :, :2]]


@pytest.mark.slow
def test_a_run_is_the_same_to_the_bit(tmp_path, request, standard_promotion):
    path = write(tmp_path, ".ome.zarr", STACK)
    truth = tmp_path / "truth.npy"
    np.save(truth, np.broadcast_to(np.linspace(300, 500, 90, dtype=np.float32), STACK.shape))
    experiment = Experiment(
        Noise2Void(UNet(width=4, depth=1)), Camera(), Data(path=str(path), truth=str(truth), test=0.5, patch=16),
        Train(steps=3, batch=4, checkpoint_every=3, validation_batches=1), references=(GaussianFilter(),),
    )
    results = [run(experiment, "n2v", tmp_path / "held", quiet=True)]
    request.getfixturevalue("on_disk")
    results.append(run(experiment, "n2v", tmp_path / "disk", quiet=True))
    states = [load_trained(experiment.method, experiment.train, tmp_path / name)[0] for name in ("held", "disk")]
    jax.tree.map(np.testing.assert_array_equal, *states)
    for one, other in zip(*results):
        assert "psnr" in one.row
        np.testing.assert_equal({**one.row, "seconds": 0, "train_seconds": 0}, {**other.row, "seconds": 0, "train_seconds": 0})
        assert len(one.estimates) == 2 and len(other.estimates) == 1                # one is shown, all were scored
        np.testing.assert_array_equal(one.estimates[0], other.estimates[0])
    page = (tmp_path / "disk" / "report.html").read_text()
    assert "the images stay on the disk" in page and "shows each of 2 images of 70 x 90" in page


def test_what_is_shown_of_an_image_above_memory_is_its_middle_and_said(tmp_path, on_disk, monkeypatch):
    monkeypatch.setattr("unsup_jax.data.parts.WHOLE", 6000)
    monkeypatch.setattr("unsup_jax.data.parts.SHOWN", 1500)
    found = lists(write(tmp_path, ".ome.zarr", STACK), 2)
    (one,) = found.test                                             # of five: nothing is scored
    rows, columns = middle_part((70, 90, 1), 1500)
    assert one.y.shape[:2] == (rows.stop - rows.start, columns.stop - columns.start) and one.y.size == 38**2
    np.testing.assert_array_equal(np.asarray(one.y)[..., 0], STACK[0, rows, columns])
    assert "the run shows the middle 38 x 38 pixels of the first of 5 images of 70 x 90;" in found.said[0]
    assert sum(array.read for array in on_disk) == one.y.size
    assert middle_part((4, 70, 90, 1), 8000) == (slice(0, 4), slice(13, 57), slice(23, 67))     # thin volumes in all their depth


def test_pixels_that_are_not_finite_are_found_where_they_are_read(tmp_path, on_disk):
    stack = STACK.astype(np.float32)
    stack[1, 3, 4] = np.nan
    path = write(tmp_path, ".tif", stack)
    first, second = lists(path, 2, test=0.0, validation=0.0).train[:2]
    assert np.isfinite(in_memory(first).y).all() and np.isfinite(in_memory(crop(second, np.s_[10:, :])).y).all()
    stream = Stream([second], batch=1, patch=70, augment=False, seed=0)
    with pytest.raises(InputError, match="1 pixels are NaN"):
        for batch in stream.batches():
            assert np.isfinite(batch.y).all()


def test_any_number_of_files_is_read(tmp_path, on_disk):
    for k in range(60):
        np.save(tmp_path / f"{k}.npy", STACK[k % 5])
        write(tmp_path, ".h5", STACK[:1]).rename(tmp_path / f"{k}.h5")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(place.name) for place in Path("/proc/self/fd").iterdir())
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, hard))
    try:
        for kind in ("*.npy", "*.h5"):
            train = lists(tmp_path / kind, 2, validation=0.0).train
            (batch,) = Stream(train, batch=60, patch=32, augment=False, seed=0).fixed(1)
            assert len(train) == 60 and batch.y.shape == (60, 32, 32, 1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_noise_is_measured_from_middles_where_there_are_many_pixels(tmp_path, monkeypatch):
    many = stored(open_image(write(tmp_path, ".ome.zarr", STACK)), 2)
    np.testing.assert_array_equal(sampled(many), STACK[..., None])
    monkeypatch.setattr("unsup_jax.data.parts.IN_MEMORY", STACK.size // 2)
    some = sampled(many)
    rows, columns = middle_part((70, 90, 1), STACK.size // 16 // 5)
    np.testing.assert_array_equal(some, STACK[:, rows, columns, None])


def test_what_is_checked_of_a_method_is_asked_of_a_part(monkeypatch, tmp_path):
    monkeypatch.setattr("unsup_jax.data.parts.WHOLE", 6000)
    monkeypatch.setattr("unsup_jax.data.parts.SHOWN", 500)
    (lazy,) = stored(open_image(write(tmp_path, ".npy", STACK), "ZYX"), 3)
    whole, held = Measurement(lazy, Identity()), Measurement(np.asarray(lazy), Identity())
    assert shown_part(whole).y.size <= 500 and shown_part(held) is held
