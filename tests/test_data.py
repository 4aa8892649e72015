"""Images in and out, phantoms, splits, and the stream."""

import jax
import numpy as np
import pytest
import tifffile
from helpers import noisy_images
from PIL import Image

from unsup_jax.data import Brain, Bundled, Data, Phantoms, Stream
from unsup_jax.data.dataset import read, split
from unsup_jax.data.parts import crop
from unsup_jax.errors import InputError
from unsup_jax.files import as_stored, channels_last, images, indices, open_image, to_dtype, writer
from unsup_jax.modalities import Camera, Inpainting

RAMP = (np.arange(3 * 10 * 12) % 251).reshape(3, 10, 12).astype(np.uint16)


def write(path, array, axes):
    """The same array in each format."""
    if path.suffix == ".tif":
        tifffile.imwrite(path, array, metadata={"axes": axes})
    elif path.suffix == ".png":
        Image.fromarray(array).save(path)
    elif path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".h5":
        import h5py

        with h5py.File(path, "w") as file:
            file["data"] = array
            file["data"].attrs["axes"] = axes
    else:
        import tensorstore as ts

        store = ts.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": str(path)},
                         "metadata": {"dimension_names": list(axes.lower())}},
                        create=True, dtype=ts.dtype(array.dtype), shape=array.shape).result()
        store[...] = array
    return path


@pytest.mark.parametrize("suffix", [".tif", ".npy", ".h5", ".zarr", ".png"])
def test_every_format_round_trips(tmp_path, suffix):
    array, axes = (RAMP[0], "YX") if suffix == ".png" else (RAMP, "ZYX")
    picture = open_image(write(tmp_path / f"a{suffix}", array, axes), axes)
    assert [i.shape for i in images(picture, 2)] == [(10, 12, 1)] * (1 if suffix == ".png" else 3)
    with writer(picture, tmp_path / f"b{suffix}") as out:
        for place, image in zip(indices(picture, 2), images(picture, 2)):
            out[place] = as_stored(picture, 2, image + 0.3)
    again = open_image(tmp_path / f"b{suffix}", axes)
    np.testing.assert_array_equal(np.asarray(again.array[...] if suffix == ".zarr" else again.array), array)
    assert again.array.dtype == array.dtype and not list(tmp_path.glob(".*partial*"))


def test_axes_order_channels_and_volumes(tmp_path):
    stack = np.random.default_rng(0).random((2, 4, 8, 9, 3)).astype(np.float32)
    path = tmp_path / "a.npy"
    np.save(path, stack)
    picture = open_image(path, "TZYXC")
    assert [i.shape for i in images(picture, 3)] == [(4, 8, 9, 3)] * 2
    assert len(images(picture, 2)) == 8
    np.save(path, stack.transpose(0, 4, 1, 2, 3))
    other = open_image(path, "TCZYX")
    np.testing.assert_array_equal(images(other, 3)[1], stack[1])
    image = channels_last(other, 3)(np.asarray(other.array[1]))
    np.testing.assert_array_equal(as_stored(other, 3, image), other.array[1])


BAD = {
    "no such file": (None, None, "no such file"),
    "unknown format": ("a.xyz", None, "unknown format"),
    "not an image": ("a.tif", b"nonsense", "not a readable tiff"),
    "empty": ("a.npy", np.zeros((0, 4)), "is empty"),
    "complex": ("a.npy", np.zeros((4, 4), complex), "complex128"),
    "too many axes": ("a.npy", np.zeros((2, 2, 2, 4, 4)), "name them"),
}


@pytest.mark.parametrize("name, content, message", BAD.values(), ids=BAD)
def test_bad_files_are_named(tmp_path, name, content, message):
    path = tmp_path / (name or "missing.tif")
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        np.save(path, content)
    elif name:
        path.touch()
    with pytest.raises(InputError, match=message):
        open_image(path)


def test_bad_axes_and_pixels_are_named(tmp_path):
    path = tmp_path / "a.npy"
    np.save(path, RAMP)
    for axes in ("YX", "ZYY", "ZYQ", "ZY1"):
        with pytest.raises(InputError, match=axes):
            open_image(path, axes)
    with pytest.raises(InputError, match="lack"):
        images(open_image(path, "TYX"), 3)
    np.save(path, np.where(RAMP == 7, np.nan, 1.0))
    with pytest.raises(InputError, match="NaN or infinite"):
        images(open_image(path), 2)


def test_integers_are_rounded_and_clipped():
    np.testing.assert_array_equal(to_dtype(np.array([-3.0, 1.6, 300.0]), np.dtype(np.uint8)), [0, 2, 255])


def test_tfds_round_trip(tmp_path):
    from unsup_jax.data.tfds import prepare

    arrays = [image[..., None].astype(np.float32) for image in RAMP] + [np.ones((5, 6, 1), np.float32)]
    folder = prepare(arrays, tmp_path)
    (found,) = read(str(folder), None, 2)
    for a, b in zip(found, arrays, strict=True):
        np.testing.assert_array_equal(a, b)
    assert any("array_record" in path.name for path in folder.iterdir())
    with pytest.raises(InputError, match="neither a file nor"):
        read("no_such_data_set", None, 2)


@pytest.mark.parametrize("name", ["tissue", "cell", "retina", "camera"])
def test_bundled_images(name):
    (image,) = Bundled(name, bin=2).images()
    assert image.ndim == 3 and image.shape[-1] == 1 and image.min() == 0 and np.isfinite(image).all() and image.std() > 1


@pytest.mark.parametrize("kind", ["nuclei", "filaments", "beads"])
@pytest.mark.parametrize("shape", [(48, 40), (16, 24, 20)])
def test_phantoms(kind, shape):
    a, b = Phantoms(kind, count=2, shape=shape).images()
    assert a.shape == (*shape, 1) and a.std() > 1 and np.isfinite(a).all() and a.min() >= -1 and a.max() < 250
    assert np.abs(a - b).max() > 1
    np.testing.assert_array_equal(a, Phantoms(kind, count=2, shape=shape).images()[0])


def test_splits_do_not_overlap():
    (image,) = noisy_images(count=1)
    test, rest = split([image], 0.5, first=True)
    train, watched = split(rest, 0.25, first=False)
    together = np.concatenate([part[0].y.ravel() for part in (test, train, watched)])
    np.testing.assert_array_equal(np.sort(together), np.sort(image.y.ravel()))
    many = [image] * 10
    assert [len(part) for part in split(many, 0.3, first=True)] == [3, 7]
    assert [len(part) for part in split(many, 0.3, first=False)] == [7, 3]


def test_who_trains_on_what():
    data = Data(source=Phantoms(count=8, shape=(32, 32)), test=0.5, validation=0.25)
    blind, sighted = data.load(Camera(), set(), 0), data.load(Camera(), {"truth"}, 0)
    assert (len(blind.train), len(blind.validation), len(blind.test)) == (6, 2, 4)
    assert (len(sighted.train), len(sighted.validation), len(sighted.test)) == (3, 1, 4)
    scored = {m.y.tobytes() for m in sighted.test}
    assert not scored & {m.y.tobytes() for m in [*sighted.train, *sighted.validation]}
    np.testing.assert_array_equal(blind.test[0].y, sighted.test[0].y)  # the same measurement for every method


def test_own_images_need_what_the_method_sees(tmp_path):
    np.save(tmp_path / "a.npy", RAMP)
    data = Data(path=str(tmp_path / "a.npy"), axes="TYX")
    assert len(data.load(Camera(), set(), 0).test) == 3
    with pytest.raises(InputError, match="give --data.truth"):
        data.load(Camera(), {"truth"}, 0)
    np.save(tmp_path / "b.npy", RAMP[:2])
    with pytest.raises(InputError, match="must agree"):
        Data(path=str(tmp_path / "a.npy"), pair=str(tmp_path / "b.npy"), axes="TYX").load(Camera(), {"pair"}, 0)


def test_a_movie_becomes_a_pair(tmp_path):
    np.save(tmp_path / "a.npy", RAMP[:3])
    data = Data(path=str(tmp_path / "a.npy"), axes="TYX", frames="halves")
    (one,) = data.load(Camera(), {"pair"}, 0).test
    np.testing.assert_allclose(one.y[..., 0], (RAMP[0].astype(float) + RAMP[2]) / 2)
    np.testing.assert_allclose(one.pair[..., 0], RAMP[1])
    with pytest.raises(InputError, match="2 frames or more"):
        Data(path=str(tmp_path / "a.npy"), axes="ZYX", dimensions=3, frames="halves").load(Camera(), {"pair"}, 0)


def test_noise_models_of_own_images(tmp_path):
    generator = np.random.default_rng(0)
    scene = generator.uniform(50, 150, (40, 40))
    np.save(tmp_path / "frames.npy", scene + generator.normal(0, 6, (30, 40, 40)))
    for i, sigma in enumerate((4, 8)):
        np.save(tmp_path / f"y{i}.npy", scene + generator.normal(0, sigma, scene.shape))
        np.save(tmp_path / f"s{i}.npy", scene)
    deviation = lambda m: float(np.sqrt(np.mean(m.noise.variance(np.full((1, 1, 1), 100, np.float32)))))
    calibrated = Data(path=str(tmp_path / "y*.npy"), calibration=str(tmp_path / "frames.npy"), noise_model="histogram")
    assert all(abs(deviation(m) / 6 - 1) < 0.15 for m in calibrated.load(Camera(), set(), 0).test)
    bootstrapped = Data(path=str(tmp_path / "y*.npy"), signal=str(tmp_path / "s*.npy")).load(Camera(), set(), 0).test
    np.testing.assert_allclose([deviation(m) for m in bootstrapped], [4, 8], rtol=0.15)
    with pytest.raises(InputError, match="2 or more frames"):
        Data(path=str(tmp_path / "y*.npy"), calibration=str(tmp_path / "y0.npy")).load(Camera(), set(), 0)
    with pytest.raises(InputError, match="no file of"):
        Data(path=str(tmp_path / "y*.npy"), signal=str(tmp_path / "s0.npy")).load(Camera(), set(), 0)
    with pytest.raises(InputError, match="not given"):
        Data(signal=str(tmp_path / "s0.npy"))


def test_images_that_are_only_scored(tmp_path):
    np.save(tmp_path / "train.npy", RAMP)
    np.save(tmp_path / "test.npy", RAMP[:2] + 100)
    data = Data(clean=str(tmp_path / "train.npy"), scored=str(tmp_path / "test.npy"), validation=0.0)
    for sees in (set(), {"truth"}):
        loaded = data.load(Camera(), sees, 0)
        assert [m.truth.min() >= 100 for m in loaded.test] == [True, True] and len(loaded.test) == 2
        assert len(loaded.train) == len(RAMP)
    with pytest.raises(InputError, match="nothing unseen"):
        Data(source=Phantoms(count=8, shape=(32, 32)), test=0).load(Camera(), {"truth"}, 0)


def test_stream_is_a_function_of_seed_and_step():
    def stream():
        return Stream(noisy_images(), batch=8, patch=16, augment=True, seed=5)

    first, second = stream().batches(), stream().batches()
    for _ in range(3):
        a, b = next(first), next(second)
        np.testing.assert_array_equal(a.y, b.y)
    second.set_state(stream().batches().get_state())
    place = first.get_state()
    ahead = [next(first).y for _ in range(3)]
    resumed = stream().batches()
    resumed.set_state(place)
    np.testing.assert_array_equal(np.stack([next(resumed).y for _ in range(3)]), np.stack(ahead))
    assert not np.array_equal(ahead[0], ahead[1])


def test_stream_shares_add_up_to_the_batch():
    stream = Stream(noisy_images(), batch=8, patch=16, augment=True, seed=5)
    whole, shares = stream.batches(), [stream.batches(4, p) for p in range(4)]
    for _ in range(3):
        np.testing.assert_array_equal(next(whole).y, np.concatenate([next(share).y for share in shares]))


def test_crops_keep_pair_truth_and_operator_together():
    x = np.arange(32.0 * 32, dtype=np.float32).reshape(32, 32, 1)
    m = jax.tree.map(np.asarray, Inpainting(keep=0.5).measure(jax.random.key(0), x))
    m = m.replace(y=m.operator.mask * x, pair=x, truth=x)
    batch = next(Stream([m], batch=16, patch=8, augment=True, seed=0).batches())
    np.testing.assert_array_equal(batch.y, batch.operator.mask * batch.truth)
    np.testing.assert_array_equal(batch.pair, batch.truth)
    part = crop(m, (slice(2, 6), slice(3, 9)))
    assert part.operator.mask.shape == (4, 6, 1) and part.y[0, 0, 0] == m.y[2, 3, 0]


def test_bad_streams_are_named():
    with pytest.raises(InputError, match="smaller than the patch"):
        Stream(noisy_images(shape=(32, 32)), batch=4, patch=64, augment=False, seed=0)
    with pytest.raises(InputError, match="different shapes"):
        Stream(noisy_images() + noisy_images(shape=(32, 32)), batch=4, patch=None, augment=False, seed=0)


def test_real_pairs_score_as_published(shared_data):
    """The raw mean PSNR over the 24 fluorescence pairs lies near the 27.22 dB of the whole set of 48."""
    from unsup_jax.evaluate import psnr

    raw, truth = (read(str(shared_data / "fmd" / part), None, 2) for part in ("raw", "gt"))
    mean = np.mean([psnr(a, b, 255) for (a,), (b,) in zip(raw, truth)])
    assert len(raw) == 24 and abs(mean - 27.22) < 1.5


@pytest.mark.parametrize("brain", [Brain(), Brain(count=300, planes=("axial", "coronal", "sagittal")), Brain(count=10, scored=1)])
def test_scored_slices_of_a_head_lie_apart(brain):
    """3 mm or more from all others of their plane; and what is watched is spread as the others are."""
    places = brain.places()
    assert len(places) == len(set(places)) == brain.count
    scored, others = places[: brain.scored], places[brain.scored:]
    assert min(abs(i - j) for a, i in scored for b, j in others if a == b) >= 3
    watched = others[-(len(others) // 10):]
    assert {axis for axis, _ in watched} == {axis for axis, _ in others}
    middle = lambda part: np.mean([i for _, i in part])
    assert brain.count < 80 or abs(middle(watched) - middle(others)) < 5


def test_slices_that_a_head_does_not_have_are_refused():
    with pytest.raises(InputError, match="78 axial slices beside 8 scored ones, not 292"):
        Brain(count=300)
    with pytest.raises(InputError, match="needs a plane"):
        Brain(planes=())
