"""Noise models: moments, densities, and the estimate of their parameters."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.ndimage import gaussian_filter

from unsup_jax.core.measurement import Scale
from unsup_jax.errors import InputError
from unsup_jax.noise import (
    ColouredGaussian, Gamma, Gaussian, GaussianMixture, Histogram, Poisson, PoissonGaussian, SaltAndPepper,
    estimate_poisson_gaussian, neighbour_correlation,
)
from unsup_jax.noise.correlation import correlation_warning

pytestmark = pytest.mark.usefixtures("quick_compilation")

MODELS = [Gaussian(3.0), Poisson(2.0, 5.0), PoissonGaussian(2.0, 3.0, 5.0), Gamma(20.0)]


@pytest.mark.parametrize("model", MODELS, ids=lambda m: type(m).__name__)
def test_moments(model):
    for level in (7.0, 25.0, 300.0):
        clean = jnp.full((400, 400), level)
        y = model.sample(jax.random.key(0), clean)
        variance = float(model.variance(clean)[0, 0])
        assert abs(float(y.mean()) - level) < 4 * np.sqrt(variance) / 400
        assert abs(float(y.var()) / variance - 1) < 0.02


def test_gaussian_log_prob():
    y, x = jnp.linspace(-5, 5, 11), jnp.zeros(11)
    np.testing.assert_allclose(Gaussian(2.0).log_prob(y, x), stats.norm(0, 2).logpdf(y), rtol=1e-5)


def test_poisson_log_prob():
    counts = jnp.arange(30.0)
    np.testing.assert_allclose(
        Poisson(2.0, 5.0).log_prob(2 * counts + 5, jnp.full(30, 5 + 2 * 7.5)), stats.poisson(7.5).logpmf(counts), rtol=1e-4
    )
    assert Poisson(2.0).log_prob(jnp.array(3.0), jnp.array(4.0)) == -jnp.inf  # between two counts


@pytest.mark.parametrize("rate", [0.0, 0.5, 4.0, 30.0, 49.0, 80.0])
def test_poisson_gaussian_log_prob(rate):
    gain, sigma = 2.0, 1.5
    y = np.linspace(gain * rate - 4 * np.sqrt(gain**2 * rate + sigma**2), gain * rate + 5 * np.sqrt(gain**2 * rate + sigma**2), 41)
    k = np.arange(400)
    density = (stats.poisson(rate).pmf(k) * stats.norm(gain * k, sigma).pdf(y[:, None])).sum(1)
    ours = PoissonGaussian(gain, sigma).log_prob(jnp.asarray(y, jnp.float32), jnp.full(41, gain * rate))
    np.testing.assert_allclose(ours, np.log(density), atol=0.01)


def sum_over_counts(y, rate, sigma):
    """log sum_k P(k | rate) N(y; k, sigma^2) in double precision."""
    k = np.arange(int(1.5 * max(rate, y, 0) + 40 * np.sqrt(rate + 1) + 200))
    terms = stats.poisson(rate).logpmf(k) + stats.norm(0, sigma).logpdf(y - k)
    return terms.max() + np.log(np.exp(terms - terms.max()).sum())


@pytest.mark.parametrize("rate, sigma", [(0.5, 0.2), (5.0, 3.0), (62.0, 30.0), (300.0, 20.0), (1e5, 50.0)])
def test_poisson_gaussian_log_prob_far_out(rate, sigma):
    """Where y is impossible but for an accident, and where the counts that carry the mass are too many to sum."""
    y = np.float32(rate + np.sqrt(rate + sigma**2) * np.array([-8.0, -3.0, 0.0, 3.0, 8.0, 40.0]))
    expected = np.array([sum_over_counts(float(v), rate, sigma) for v in y])
    model, clean = PoissonGaussian(1.0, sigma), jnp.full(y.shape, rate, jnp.float32)
    np.testing.assert_allclose(model.log_prob(jnp.asarray(y), clean), expected, rtol=2e-6, atol=2e-3)
    slope = jax.vmap(jax.grad(model.log_prob, 1))(jnp.asarray(y), clean)
    change = [(sum_over_counts(float(v), 1.001 * rate, sigma) - sum_over_counts(float(v), 0.999 * rate, sigma)) / (0.002 * rate) for v in y]
    np.testing.assert_allclose(slope, change, rtol=0.03, atol=0.05 / np.sqrt(rate + sigma**2))


def test_a_camera_without_read_out_noise_or_without_photon_noise():
    y, x = jnp.arange(9.0), jnp.full(9, 3.0)
    np.testing.assert_allclose(PoissonGaussian(1.0, 0.0).log_prob(y, x), stats.poisson(3).logpmf(y), rtol=1e-4)
    np.testing.assert_allclose(PoissonGaussian(0.0, 2.0).log_prob(y, x), stats.norm(3, 2).logpdf(y), rtol=1e-5)
    for model in (PoissonGaussian(1.0, 0.0), PoissonGaussian(0.0, 2.0)):
        assert jnp.isfinite(jax.grad(lambda s: model.log_prob(jnp.array(4.0), s))(jnp.array(3.0)))
        assert jnp.isfinite(model.sample(jax.random.key(0), x)).all()


@pytest.mark.parametrize("gain, offset", [(1.0, 0.0), (0.46, 100.0)])
def test_many_counts_in_normalised_units(gain, offset):
    """1e5 counts are still on their lattice after the rounding of a change of units, and have their probability."""
    model, clean = Poisson(gain, offset), jax.random.uniform(jax.random.key(0), (64, 64, 1), minval=1e3, maxval=1e5)
    y = model.sample(jax.random.key(1), clean)
    scale = Scale(y.mean((0, 1), keepdims=True), y.std((0, 1), keepdims=True))
    counts, rates = np.rint((np.asarray(y, float) - offset) / gain), (np.asarray(clean, float) - offset) / gain
    np.testing.assert_allclose(model.log_prob(y, clean), stats.poisson(rates).logpmf(counts), atol=0.05)
    inside = model.normalize(scale).log_prob(scale.normalize(y), scale.normalize(clean))
    assert jnp.isfinite(inside).all()
    assert model.log_prob(jnp.array(offset + 10.5 * gain), jnp.array(offset + 10 * gain)) == -jnp.inf


DENSITIES = [
    (Gaussian(3.0), 10.0), (Gamma(4.0), 10.0), (Gamma(1.0, 2.0), 10.0), (PoissonGaussian(2.0, 1.5, 5.0), 5.0), (PoissonGaussian(2.0, 1.5, 5.0), 205.0),
    (PoissonGaussian(1.0, 0.2), 4.0), (PoissonGaussian(1.0, 30.0), 62.0), (PoissonGaussian(1.0, 9.0), 250.0),
]


@pytest.mark.parametrize("model, signal", DENSITIES, ids=lambda v: type(v).__name__ if not isinstance(v, float) else str(v))
def test_densities_integrate_to_one(model, signal):
    deviation = float(jnp.sqrt(model.variance(jnp.array(signal))))
    y = np.linspace(signal - 9 * deviation, signal + 25 * deviation, 40_001, dtype=np.float32)
    density = np.exp(np.asarray(model.log_prob(jnp.asarray(y), jnp.full(y.shape, signal)), np.float64))
    assert abs(np.trapezoid(density, y.astype(np.float64)) - 1) < 2e-3


def test_log_prob_is_differentiable():
    for model in MODELS[::2]:
        gradient = jax.grad(lambda x: model.log_prob(jnp.array(20.0), x))(jnp.array(18.0))
        assert jnp.isfinite(gradient) and gradient > 0


def test_parameters_from_one_image():
    rows, columns = np.mgrid[:256, :256]
    clean = (60 + 50 * np.sin(rows / 25) * np.cos(columns / 31))[..., None]
    noisy = PoissonGaussian(4.0, 6.0).sample(jax.random.key(0), jnp.asarray(clean, jnp.float32))
    gain, sigma, offset = estimate_poisson_gaussian(np.asarray(noisy))
    assert abs(gain / 4 - 1) < 0.1 and abs(sigma - 6) < 1.5 and offset == 0
    white = np.asarray(Gaussian(5.0).sample(jax.random.key(0), jnp.asarray(clean, jnp.float32)))
    gain, sigma, _ = estimate_poisson_gaussian(white)
    assert abs(np.sqrt(60 * gain + sigma**2) / 5 - 1) < 0.05


ROWS, COLUMNS = np.mgrid[:256, :256]
SCENES = {
    "waves": 60 + 50 * np.sin(ROWS / 25) * np.cos(COLUMNS / 31), "cell": 1 + 100.0 * (np.hypot(ROWS - 128, COLUMNS - 128) < 50),
    **{f"spots of {s} px": 2 + 200 * np.exp(-((ROWS % 48 - 24) ** 2 + (COLUMNS % 48 - 24) ** 2) / (2 * s**2)) for s in (2, 6)},
}
CAMERAS = {  # gain, sigma, offset, whether the values are of 8 bits, clipped
    "photons": (1.0, 0.0, 0.0, False), "EMCCD": (2.0, 3.0, 0.0, False), "offset": (2.0, 3.0, 100.0, False),
    "counts": (1.0, 0.0, 0.0, True), "clipped at zero": (2.0, 3.0, 0.0, True),
}


@pytest.mark.parametrize("scene", SCENES)
@pytest.mark.parametrize("camera", CAMERAS)
def test_variance_from_sparse_clipped_and_offset_images(scene, camera):
    """The deviation of the noise, dark and bright, within 12 %, and the gain within 20 %."""
    gain, sigma, offset, clipped = CAMERAS[camera]
    rng, x = np.random.default_rng(0), SCENES[scene]
    y = gain * rng.poisson(x / gain) + rng.normal(0, sigma, x.shape) + offset
    y = np.clip(np.rint(y), 0, 255) if clipped else y
    found, read_out, dark = estimate_poisson_gaussian(y[..., None])
    assert abs(found / gain - 1) < 0.2
    for level in np.quantile(x, (0.02, 0.5, 0.995)):
        deviation = np.sqrt(max(found * (level + offset - dark) + read_out**2, 0))
        assert abs(deviation / np.sqrt(gain * level + sigma**2) - 1) < 0.12, (found, read_out, dark)


@pytest.mark.parametrize("widths", [(0.75, 0.75), (0.75, 0), (0, 0.75)])
def test_variance_of_noise_that_neighbours_share(widths):
    """The deviation of a camera's noise after resampling, of which a second difference sees 5 to 20 %, within 15 %."""
    shared = gaussian_filter(np.random.default_rng(0).normal(size=ROWS.shape), widths)
    for x in (SCENES["waves"], SCENES["cell"], SCENES["spots of 6 px"]):
        y = x + np.sqrt(2 * x + 25) * shared / shared.std()
        gain, sigma, offset = estimate_poisson_gaussian(y[..., None])
        levels = np.quantile(x, (0.02, 0.5, 0.995))
        np.testing.assert_allclose(np.sqrt(gain * (levels - offset) + sigma**2), np.sqrt(2 * levels + 25), rtol=0.15)


@pytest.mark.parametrize("image", [np.zeros((16, 16, 1)), np.full((9, 33, 2), 7.0), np.zeros((3, 3, 1)), np.eye(5)[..., None], np.ones((4, 16, 16, 1))])
def test_estimates_of_images_without_noise_are_finite(image):
    assert np.isfinite(estimate_poisson_gaussian(image)).all()


def test_variance_of_real_images(shared_data):
    """Against the scatter about the mean of 50 images, at four levels of brightness.

    A second difference sees a tenth of the variance of wide-field images, whose noise neighbours share: within 30 %.
    """
    from PIL import Image

    for path in sorted((shared_data / "fmd" / "raw").glob("*_1.png")):
        least, most = (0.8, 1.3) if path.name.startswith("WideField") else (0.85, 1.1)
        raw, mean = (np.asarray(Image.open(p), float) for p in (path, shared_data / "fmd" / "gt" / path.name))
        gain, sigma, offset = estimate_poisson_gaussian(raw[..., None])
        edges = np.quantile(mean, (0, 0.2, 0.5, 0.8, 0.95))
        for low, high in zip(edges, edges[1:]):
            inside = (mean >= low) & (mean <= high)
            found = np.sqrt(gain * (mean[inside].mean() - offset) + sigma**2)
            assert least < found / np.sqrt(np.mean((raw - mean)[inside] ** 2)) < most, path.name


def camera_pairs(levels=(5.0, 120.0), count=200_000):
    """Signals and their observations by a camera, for the learned models."""
    clean = jax.random.uniform(jax.random.key(0), (count,), minval=levels[0], maxval=levels[1])
    return PoissonGaussian(2.0, 3.0).sample(jax.random.key(1), clean), clean


LEARNED = {
    "histogram": lambda: Histogram.fit(*camera_pairs(), bins=64),
    "mixture": lambda: GaussianMixture.fit(jax.random.key(2), *camera_pairs(), steps=400),
}


@pytest.mark.parametrize("name", [pytest.param(name, marks=[pytest.mark.slow] * (name == "histogram")) for name in LEARNED])
def test_learned_noise_is_the_cameras(name):
    model, camera = LEARNED[name](), PoissonGaussian(2.0, 3.0)
    clean = jnp.full((20_000,), 60.0)
    y = model.sample(jax.random.key(3), clean)
    true = float(camera.variance(clean)[0])
    assert abs(float(y.mean()) - 60) < 1.0 and abs(float(y.var()) / true - 1) < 0.08
    assert abs(float(model.variance(clean)[0]) / true - 1) < 0.08
    seen = camera.sample(jax.random.key(4), clean)
    cost = float((camera.log_prob(seen, clean) - model.log_prob(seen, clean)).mean())      # the Kullback-Leibler divergence
    assert -0.01 < cost < 0.03
    scale = Scale(jnp.array([10.0]), jnp.array([4.0]))
    change = model.normalize(scale).log_prob(scale.normalize(seen), scale.normalize(clean)) - model.log_prob(seen, clean)
    np.testing.assert_allclose(change, np.log(4.0), atol=2e-3)
    gradient = jax.grad(lambda s: jnp.sum(model.log_prob(seen[:100], s)))(clean[:100])
    assert jnp.isfinite(gradient).all() and (gradient != 0).any()


def test_histogram_and_mixture_are_densities():
    grid = jnp.linspace(-40.0, 200.0, 24_001)
    for make in LEARNED.values():
        mass = jnp.exp(make().log_prob(grid, jnp.full_like(grid, 60.0)))
        inside = (grid > -20) & (grid < 160)
        assert abs(float(jnp.sum(jnp.where(inside, mass, 0)) * 0.01) - 1) < 0.02


def test_learned_noise_of_unequal_shapes_is_refused():
    for fit in (Histogram.fit, lambda y, s: GaussianMixture.fit(jax.random.key(0), y, s)):
        with pytest.raises(InputError, match="differ in shape"):
            fit(np.zeros(3), np.zeros(4))


def test_coloured_noise_has_its_spectrum():
    frequency = np.hypot(np.fft.fftfreq(32)[:, None], np.fft.fftfreq(24)[None])
    model = ColouredGaussian(jnp.asarray(9 * np.exp(-((frequency / 0.15) ** 2)) + 0.1, jnp.float32))
    clean = jnp.full((32, 24, 1), 7.0)
    y = jax.vmap(model.sample, (0, None))(jax.random.split(jax.random.key(0), 3000), clean)
    measured = (jnp.abs(jnp.fft.fft2(y[..., 0] - 7)) ** 2).mean(0) / (32 * 24)
    np.testing.assert_allclose(measured, model.spectrum, rtol=0.12)
    assert abs(float(y.var()) / float(model.variance(clean)[0, 0, 0]) - 1) < 0.02


def test_white_noise_is_coloured_noise_of_a_flat_spectrum():
    clean, noisy = jax.random.normal(jax.random.key(0), (2, 16, 12, 1))
    flat = ColouredGaussian(jnp.full((16, 12), 4.0)).log_prob(noisy, clean).sum()
    np.testing.assert_allclose(flat, Gaussian(2.0).log_prob(noisy, clean).sum(), rtol=1e-4)


def test_coloured_noise_in_units_of_each_channel():
    """p(y') dy' = p(y) dy of each channel."""
    frequency = np.abs(np.fft.fftfreq(16)[:, None]) + np.abs(np.fft.fftfreq(12))[None]
    model, unit = ColouredGaussian(jnp.asarray(100 * np.exp(-8 * frequency), jnp.float32)), jnp.array([[[10.0, 40.0]]])
    scale = Scale(jnp.array([[[3.0, 5.0]]]), unit)
    clean = jnp.zeros((16, 12, 2))
    y = model.sample(jax.random.key(0), clean)
    inside = model.normalize(scale)
    np.testing.assert_allclose(inside.variance(clean), model.variance(clean) / unit**2, rtol=1e-5)
    change = inside.log_prob(scale.normalize(y), scale.normalize(clean)) - model.log_prob(y, clean)
    np.testing.assert_allclose(change.mean((0, 1)), np.log(unit[0, 0]), rtol=1e-4)
    again = inside.normalize(Scale(jnp.zeros((1, 1, 2)), 1 / unit))
    np.testing.assert_allclose(again.log_prob(y, clean), model.log_prob(y, clean), rtol=1e-4, atol=1e-4)


def test_gamma_log_prob():
    y, x = jnp.linspace(0.5, 30, 12), jnp.full(12, 10.0)
    np.testing.assert_allclose(Gamma(4.0).log_prob(y, x), stats.gamma(4.0, scale=2.5).logpdf(y), rtol=1e-4)
    scale = Scale(jnp.array([1.0]), jnp.array([2.0]))
    moved = Gamma(4.0).normalize(scale).log_prob(scale.normalize(y), scale.normalize(x))
    np.testing.assert_allclose(moved, Gamma(4.0).log_prob(y, x) + np.log(2.0), rtol=1e-4)


def test_a_dead_pixel_in_speckle_is_unlikely_and_not_impossible():
    """Also after a change of units, which rounds."""
    scale = Scale(jnp.array([51.3]), jnp.array([7.7]))
    for model, change in ((Gamma(4.0, 3.0), lambda v: v), (Gamma(4.0, 3.0).normalize(scale), scale.normalize)):
        dead, low, impossible = (model.log_prob(change(jnp.array([y])), change(jnp.array([50.0]))) for y in (3.0, 4.0, 1.0))
        assert -50 < float(dead[0]) < float(low[0]) and float(impossible[0]) == -jnp.inf
        assert jnp.isfinite(jax.grad(lambda s: model.log_prob(change(jnp.array([3.0])), s)[0])(change(jnp.array([50.0])))).all()


def test_salt_and_pepper():
    clean = jnp.full((400, 400), 60.0)
    model = SaltAndPepper(0.1, 0.0, 255.0)
    y = model.sample(jax.random.key(0), clean)
    assert abs(float((y == 0).mean()) - 0.05) < 0.005 and abs(float((y == 255).mean()) - 0.05) < 0.005
    assert abs(float(y.var()) / float(model.variance(clean)[0, 0]) - 1) < 0.05
    with pytest.raises(InputError, match="no density"):
        model.log_prob(y, clean)


@pytest.mark.parametrize("fit", [Histogram.fit, lambda y, x: GaussianMixture.fit(jax.random.key(0), y, x, steps=50)], ids=["histogram", "mixture"])
def test_learned_models_in_units_of_each_channel(fit):
    """p(y' | s') dy' = p(y | s) dy, with another scale for each channel."""
    x = np.random.default_rng(0).uniform(10, 90, 5000)
    model = fit(x + np.random.default_rng(1).normal(0, 3, x.shape), x)
    scale = Scale(jnp.array([[[5.0, 40.0]]]), jnp.array([[[2.0, 10.0]]]))
    noisy, clean = jnp.full((4, 4, 2), 52.0), jnp.full((4, 4, 2), 50.0)
    inside = model.normalize(scale).log_prob(scale.normalize(noisy), scale.normalize(clean))
    np.testing.assert_allclose(inside, model.log_prob(noisy, clean) + jnp.log(scale.unit), atol=1e-3)
    np.testing.assert_allclose(model.normalize(scale).variance(scale.normalize(clean)), model.variance(clean) / scale.unit**2, rtol=1e-3)


def test_noise_models_survive_json(tmp_path):
    import json

    from unsup_jax.noise.stored import from_json, to_json
    from unsup_jax.type_names import load_file

    x = np.linspace(10.0, 90.0, 500)
    y = x + np.random.default_rng(0).normal(0, 3, x.shape)
    for model in (PoissonGaussian(2.0, 3.0), Histogram.fit(y, x, bins=16), GaussianMixture.fit(jax.random.key(0), y, x, steps=5)):
        again = from_json(json.loads(json.dumps(to_json(model))))
        noisy, clean = jnp.asarray(y[:9], jnp.float32), jnp.asarray(x[:9], jnp.float32)
        np.testing.assert_allclose(again.log_prob(noisy, clean), model.log_prob(noisy, clean), rtol=1e-5)
    (tmp_path / "mine.py").write_text("from unsup_jax.noise import Gaussian\n\n\nclass Doubled(Gaussian):\n    pass\n")
    mine = load_file(tmp_path / "mine.py").Doubled(2.0)                                  # a model in a file of the user's
    assert from_json(json.loads(json.dumps(to_json(mine)))) == mine
    assert from_json(to_json(None)) is None
    with pytest.raises(InputError, match="does not know"):
        from_json({"model": "Martian"})
    with pytest.raises(InputError, match="which it is not"):
        from_json({"model": "unsup_jax.methods.BM3D"})


def test_correlation_of_neighbours_is_told_from_signal():
    """Of noise smoothed along one axis or both; white noise of sparse, textured and photon images is white, and pure signal says nothing."""
    rng, scene = np.random.default_rng(0), SCENES["spots of 6 px"]
    white = rng.normal(size=scene.shape)
    for sigma in ((0.75, 0.75), (0.75, 0), (0, 0.75)):
        noise = gaussian_filter(white, sigma)
        noise *= 12 / noise.std()
        true = [(noise[1:] * noise[:-1]).mean() / 144, (noise[:, 1:] * noise[:, :-1]).mean() / 144]
        np.testing.assert_allclose(neighbour_correlation((scene + noise)[..., None]), true, atol=0.1)
        warning = correlation_warning((scene + noise)[..., None])
        assert "structN2V" in warning and "bin" in warning and f"structure {2 * (sigma[0] > 0)} {2 * (sigma[1] > 0)}" in warning
    for scene in SCENES.values():
        for image in (scene + 12 * white, rng.poisson(scene), np.clip(np.rint(scene + 5 * white), 0, 255)):
            assert np.nanmax(np.abs(neighbour_correlation(image[..., None]))) < 0.25 and correlation_warning(image[..., None]) is None
    assert correlation_warning(SCENES["waves"][..., None]) is None and correlation_warning(np.zeros((64, 64, 1))) is None
    assert np.isnan(neighbour_correlation(np.ones((16, 16, 1)))).all()


def test_correlation_of_real_images(shared_data):
    """The wide-field images of FMD were resampled, the confocal and two-photon ones were not."""
    from PIL import Image

    for path in sorted((shared_data / "fmd" / "raw").glob("*_1.png")):
        warned = correlation_warning(np.asarray(Image.open(path))[..., None]) is not None
        assert warned == path.name.startswith("WideField"), path.name
