"""Fourier ptychography from few LEDs by a GAN: its loss, that it learns, and the parts of a field."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile

from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import SpectralError
from unsup_jax.methods import FirstGuess, PtychographyGAN
from unsup_jax.modalities import FourierPtychographicMicroscope
from unsup_jax.networks import PatchCritic, UNet
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types


def test_spectral_error_sees_what_moves_the_image_nowhere():
    """Zero of a shifted copy; of a wave of amplitude a against nothing, a sqrt(n) over n, whose gradient exists at nothing."""
    rng = np.random.default_rng(0)
    x = (rng.normal(size=(8, 9, 1)) + 1j * rng.normal(size=(8, 9, 1))).astype(np.complex64)
    error = lambda estimate, truth: float(SpectralError()(None, lambda one: one.y, Measurement(estimate, Identity(), truth=truth))[0])
    assert error(np.roll(x, (2, 3), (0, 1)), x) == pytest.approx(0, abs=1e-6) and error(1.5 * x, x) > 0.1
    wave = 3 * np.exp(2j * np.pi * np.arange(8) / 8)[:, None, None].astype(np.complex64) * np.ones((8, 9, 1), np.float32)
    assert error(wave, np.zeros_like(wave)) == pytest.approx(3 * 72**0.5 / 72, rel=1e-4)
    slope = jax.grad(lambda a: SpectralError()(None, lambda one: a * one.y, Measurement(x, Identity(), truth=x))[0])(0.0)
    assert np.isfinite(slope)


def test_few_leds_are_learnt_from(quick_compilation):
    """Of nine LEDs more than the image of the central one shows, in amplitude and in phase."""
    images = Phantoms("nuclei", count=36, shape=(32, 32)).images()
    measure = jax.jit(FourierPtychographicMicroscope(leds=3, coarser=2).measure)
    measured = [jax.tree.map(np.asarray, measure(jax.random.key(i), x)) for i, x in enumerate(images)]
    method = PtychographyGAN(
        generator=UNet(depth=1, width=8, channels=2), critic=PatchCritic(width=4, depth=1),
        generator_optimizer=Adam(3e-3, b1=0.5, average=0.95)).planned(100)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *(one.only(method.sees) for one in measured[:32]))
    batch = lambda k: jax.tree.map(lambda leaf: leaf[4 * (k % 8) :][:4], stacked)
    state, update = jax.jit(method.init)(jax.random.key(0), batch(0)), jax.jit(method.update)
    for k in range(100):
        state, metrics = update(jax.random.key(k), state, batch(k))
    assert all(np.isfinite(value) for value in metrics.values()) and "generator_SpectralError" in metrics
    apply, learnt, guessed = jax.jit(method.reconstruct), [], []
    for one in measured[32:]:
        estimates = np.asarray(apply(jax.random.key(0), state, one.only(()))), np.asarray(FirstGuess().answer(None, one))
        of_amplitude = [psnr(x, one.truth) for x in estimates]
        of_phase = [psnr(np.angle(x), np.angle(one.truth)) for x in estimates]
        learnt.append((of_amplitude[0], of_phase[0])), guessed.append((of_amplitude[1], of_phase[1]))
    assert (np.mean(learnt, 0) > np.mean(guessed, 0) + [0.1, 4]).all()


def test_a_field_is_cut_into_parts_and_put_together(tmp_path):
    """Images of 25 LEDs of a flat field in four parts, nine LEDs of them used; their references lie where they do."""
    import scipy.io

    scipy.io.savemat(tmp_path / "leds.mat", {"imlow_HDR": np.random.default_rng(0).uniform(1, 2, (16, 16, 25)).astype(np.float32), "wlength": 6.3e-7})
    known = {"positions": "spiral", "pitch_mm": 4.0, "height_mm": 90.88, "numerical_aperture": 0.1, "pixel_size_um": 1.845, "coarser": 2}
    whole, parts = FourierPtychographicMicroscope(**known), FourierPtychographicMicroscope(**known, part=8, lit=9)
    x = ((1 + np.arange(32 * 32).reshape(32, 32, 1)) * np.exp(1j * np.linspace(-1, 1, 32)[:, None])).astype(np.complex64)
    tifffile.imwrite(tmp_path / "x.tif", np.stack([np.abs(x), np.angle(x)])[..., 0], metadata={"axes": "CYX"})
    own, _ = Data(path=str(tmp_path / "leds.mat"), truth=str(tmp_path / "x.tif"), patch=None).measure(parts, 0)
    ((all_of_it,), _), (recording,) = Data(path=str(tmp_path / "leds.mat"), patch=None).measure(whole, 0), parts.read([tmp_path / "leds.mat"])
    assert len(own) == 4 and own[0].y.shape == (9, 8, 8, 1) and own[0].operator.domain(own[0].y).shape == (16, 16, 1)
    np.testing.assert_array_equal(own[1].y, all_of_it.y[:9, :8, 8:])
    np.testing.assert_allclose(own[2].truth, x[16:, :16], rtol=1e-5)
    np.testing.assert_allclose(own[0].operator.shifts, all_of_it.operator.shifts[:9] / 2, atol=0.75)    # steps of a spectrum half as fine
    parts.write(tmp_path / "again.npy", [one.truth for one in own], recording)
    np.testing.assert_allclose(np.load(tmp_path / "again.npy"), x[..., 0], rtol=1e-5)
    with pytest.raises(InputError, match="do not fill"):
        FourierPtychographicMicroscope(**known, part=6).read([tmp_path / "leds.mat"])


def test_what_the_gan_of_leds_refuses():
    with pytest.raises(InputError, match="two channels"):
        PtychographyGAN(generator=UNet(channels=1))
    with pytest.raises(InputError, match="real images .* of a complex object"):
        PtychographyGAN().check(Measurement(jnp.zeros((16, 16, 1)), Identity(), truth=jnp.zeros((16, 16, 1))))
    with pytest.raises(InputError, match="lit and part of 1 or more"):
        FourierPtychographicMicroscope(part=-1)
