"""Unpaired samples: of other specimens than the measurements, drawn, cropped and turned by themselves."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from unsup_jax.core import Measurement, Scale
from unsup_jax.data import Data, Phantoms, Stream
from unsup_jax.errors import InputError
from unsup_jax.data.grey_levels import line
from unsup_jax.modalities import Blurred, Camera
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Convolution, Identity

SEES = frozenset({"unpaired"})


def numbered(count, shape=(24, 24)):
    """Images whose pixels say which one they are of, and where in it they lie."""
    place = np.arange(np.prod(shape), dtype=np.float32).reshape(*shape, 1)
    return [1000.0 * (k + 1) + place for k in range(count)]


def test_unpaired_samples_of_a_source_are_of_other_specimens():
    data = Data(source=Phantoms(count=12, shape=(24, 24)), patch=16)
    dataset = data.load(Camera(), SEES, 0)
    clean = [np.asarray(m.truth) for part in (dataset.train, dataset.validation, dataset.test) for m in part]
    assert len(dataset.unpaired) == 3 and len(dataset.test) == 6 and len(dataset.train) == 3
    assert not any(np.array_equal(x, y) for x in dataset.unpaired for y in clean)


def test_unpaired_samples_are_drawn_cropped_and_turned_by_themselves():
    measurements = [Measurement(y, Identity(), truth=y, pair=y) for y in numbered(3)]
    stream = Stream(measurements, batch=8, patch=8, augment=True, seed=0, sees=SEES, unpaired=numbered(5, (30, 33)))
    batch = stream.example(200)
    assert batch.truth is None and batch.pair is None               # dropped before they are stacked
    of, other = batch.y[:, 0, 0, 0] // 1000, batch.unpaired[:, 0, 0, 0] // 1000
    assert set(other.astype(int)) == {1, 2, 3, 4, 5} and abs(np.corrcoef(of, other)[0, 1]) < 0.25
    turn = lambda a: np.sign(a[:, 1, 0, 0] - a[:, 0, 0, 0])         # down or up, of what is not transposed
    steps = {tuple(pair) for pair in np.stack([turn(batch.y), turn(batch.unpaired)], -1)}
    assert steps == {(1.0, 1.0), (1.0, -1.0), (-1.0, 1.0), (-1.0, -1.0)}
    again = Stream(measurements, batch=8, patch=8, augment=True, seed=0, sees=SEES, unpaired=numbered(5, (30, 33))).example(200)
    np.testing.assert_array_equal(again.unpaired, batch.unpaired)


def test_own_unpaired_images(tmp_path):
    np.save(tmp_path / "y.npy", np.stack([y[..., 0] for y in numbered(4)]))
    np.save(tmp_path / "sharp.npy", np.stack([y[..., 0] for y in numbered(2, (30, 33))]))
    data = Data(path=str(tmp_path / "y.npy"), unpaired=str(tmp_path / "sharp.npy"), patch=16)
    dataset = data.load(Camera(), SEES, 0)
    assert [x.shape for x in dataset.unpaired] == [(30, 33, 1)] * 2 and len(dataset.test) == 4
    with pytest.raises(InputError, match="give --data.unpaired"):
        Data(path=str(tmp_path / "y.npy"), patch=16).load(Camera(), SEES, 0)


@pytest.mark.parametrize("unpaired, message", [
    ([], "no unpaired images"), ([np.ones((24, 24, 3), np.float32)], "3 channels, those of the measurements have 1"),
    ([np.ones((12, 24, 1), np.float32)], "12 x 24 pixels is smaller than the patch of 16 x 16"),
])
def test_unpaired_images_that_make_no_batch_are_refused(unpaired, message):
    with pytest.raises(InputError, match=message):
        Stream([Measurement(numbered(1)[0], Identity())], batch=2, patch=16, augment=False, seed=0, unpaired=unpaired)


def test_the_domain_of_x_may_have_units_of_its_own():
    y, x = np.full((4, 8, 8, 1), 3.0, np.float32) + np.eye(8, dtype=np.float32)[..., None], np.stack(numbered(4))
    one = Measurement(y[0], Identity(), unpaired=x[0]).normalize(Scale.of(Measurement(y, Identity())), Scale.of_images(x))
    assert abs(float(one.y.mean())) < 1e-5 and abs(float(np.asarray(one.y).std()) - 1) < 1e-5
    np.testing.assert_allclose(one.unpaired, (x[0] - x.mean()) / x.std(), rtol=1e-4)


def of_blur(tmp_path, gain=1.0, offset=0.0, **fields):
    """The unpaired images of a data set whose measurements are gain H x + offset + w of others of the kind, and what is said of them."""
    draw = lambda seed: np.stack(Phantoms("nuclei", count=4, shape=(48, 40), seed=seed).images())
    modality = Blurred(noise=Gaussian(1.0), psf_sigma=1.5)
    y = np.stack([modality.measure(jax.random.key(i), jnp.asarray(x)).y for i, x in enumerate(draw(0))])
    np.save(tmp_path / "y.npy", gain * y[..., 0] + offset)
    np.save(tmp_path / "sharp.npy", draw(1)[:, :40, :33, 0])
    data = Data(path=str(tmp_path / "y.npy"), unpaired=str(tmp_path / "sharp.npy"), patch=16, **fields)
    dataset = data.load(modality, {"unpaired"}, 0)
    return np.stack(dataset.unpaired), draw(1)[:, :40, :33], " ".join(dataset.said)


def test_unpaired_images_of_another_instrument_are_brought_to_the_grey_levels_of_the_measurements(tmp_path):
    """Of y = 20 H x + 300 + w, by about this line; and a user whose images are far off is told."""
    found, x, said = of_blur(tmp_path, 20.0, 300.0, unpaired_levels="matched")
    gain, offset = np.polyfit(x.ravel(), found.ravel(), 1)
    np.testing.assert_allclose(found, gain * x + offset, atol=0.1)
    assert gain == pytest.approx(20, rel=0.25) and offset == pytest.approx(300, abs=100) and f"{gain:.4g} x" in said
    found, x, said = of_blur(tmp_path, 20.0)
    np.testing.assert_array_equal(found, x)
    assert "times the contrast of the measurements" in said and "--data.unpaired-levels matched" in said
    assert of_blur(tmp_path)[2] == ""


def test_grey_levels_that_cannot_be_matched_are_refused():
    x = numbered(2)
    with pytest.raises(InputError, match="operator that leaves a constant image as it is"):
        line(x, [Measurement(x[0], Convolution(np.full((3, 3), 1.0, np.float32)))])
    with pytest.raises(InputError, match="constant images"):
        line([np.ones_like(x[0])], [Measurement(x[0], Convolution(np.full((3, 3), 1 / 9, np.float32)))])
    with pytest.raises(InputError, match="--data.unpaired, which is not given"):
        Data(unpaired_levels="matched")
