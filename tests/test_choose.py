"""A file behind a blur, of k-space or of projections: which method is taken, and what is written; at its door."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile

from experiments.__main__ import main
from helpers import centred_kspace, projected
from unsup_jax.choose import deconvolve, inverse, mri, tomography
from unsup_jax.choose.inverse import Family
from unsup_jax.choose.look import Noise, noise_of_measurement
from unsup_jax.core import Measurement
from unsup_jax.data import Phantoms
from unsup_jax.methods import AsMeasured, ConjugateGradient, FilteredBackProjection, FirstGuess, RichardsonLucy, VariableSplitting, Wiener
from unsup_jax.modalities import Scanner
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Convolution, Radon, gaussian_psf
from unsup_jax.priors import TotalVariation

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")

KEY = jax.random.key(0)


def nuclei(size):
    return np.asarray(Phantoms("nuclei", count=1, shape=(size, size), seed=3).images()[0]) + 20


def off(estimate, truth):
    return float(np.sqrt(np.mean((np.asarray(estimate, np.float64) - truth) ** 2)))


def few(one, noise):
    """Candidates that differ much."""
    return [
        Family("the input as it is", lambda _: AsMeasured()), Family("Wiener", lambda _: Wiener()),
        Family("Richardson-Lucy, {} iterations", lambda count: RichardsonLucy(steps=count), (4, 32)),
        Family("total variation, weight {:g}", lambda weight: VariableSplitting(prior=TotalVariation(weight, nonnegative=True), steps=20), (1e-5, 3e-2)),
    ]


def by_truth(choice, families, truth):
    """How far each candidate is off the truth."""
    return {f.label.format(v): off(f.answering(KEY)(v, choice.ranked), truth) for f in families(choice.ranked, choice.noise) for v in f.values}


def within(choice, true, decibels):
    return 20 * np.log10(true[choice.candidates[0].label] / min(true.values())) < decibels


@pytest.fixture(scope="module")
def blurred():
    """(x, y, H) of nuclei."""
    x, H = nuclei(64), Convolution(gaussian_psf((9, 9), 1.5))
    y = PoissonGaussian(jnp.float32(1), jnp.float32(2), jnp.float32(0)).sample(KEY, H(jnp.asarray(x)))
    return x, np.asarray(y), H


def test_the_deconvolution_that_is_taken_is_the_best_by_the_truth(blurred):
    x, y, H = blurred
    choice = inverse.choose([Measurement(y, H)], few)
    assert within(choice, by_truth(choice, few, x), 0.3)
    assert choice.words[0].startswith("noise: photon noise") and "dB better than the input as it is" in choice.words[2]


def test_a_blurred_file_comes_with_its_error_bars(blurred, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(deconvolve, "families", lambda one, noise: few(one, noise)[:2])
    x, y, _ = blurred
    stack = np.clip(np.stack([y[..., 0], y[::-1, :, 0]]), 0, 65535).astype(np.uint16)
    tifffile.imwrite(tmp_path / "my.tif", stack, metadata={"axes": "TYX"})
    code = main(["deconvolve", str(tmp_path / "my.tif"), "-o", str(tmp_path / "out.tif"), "--psf-sigma", "1.5", "--redraws", "2", "--explain"])
    said, made, bars = capsys.readouterr().out, tifffile.imread(tmp_path / "out.tif"), tifffile.imread(tmp_path / "out_error.tif")
    assert code == 0 and made.shape == bars.shape == stack.shape and made.dtype == stack.dtype and bars.dtype == np.float32
    truth = np.stack([x[..., 0], x[::-1, :, 0]])
    assert off(made, truth) < 0.7 * off(stack, truth) and (bars > 0).mean() > 0.9
    assert "the residual" in (tmp_path / "out_report.html").read_text()
    assert "taken: " in said and "the input as it is" in said


def test_three_widths_make_a_volume():
    modality, dimensions = deconvolve.instrument((2.0, 1.0, 1.0), None)
    assert dimensions == 3 and modality.psf_sigma == (2.0, 1.0, 1.0)
    assert deconvolve.instrument((1.5,), None)[1] == 2
    optics = {"numerical_aperture": 1.4, "wavelength_um": 0.5, "pixel_size_um": 0.1}
    assert [deconvolve.instrument(None, None, **told)[1] for told in (optics, optics | {"step_um": 0.3})] == [2, 3]


def test_what_cannot_be_done_is_said_in_one_line_before_anything_is_computed(blurred, tmp_path, capsys):
    tifffile.imwrite(tmp_path / "my.tif", blurred[1][..., 0])
    tifffile.imwrite(tmp_path / "flat.tif", np.random.default_rng(0).normal(100, 5, (64, 64)).astype(np.float32))
    tifffile.imwrite(tmp_path / "cut.tif", np.minimum(blurred[1][..., 0], np.quantile(blurred[1], 0.6)).astype(np.uint16))
    for name, options, words in [
        ("my.tif", [], "one point spread function"), ("my.tif", ["--psf-sigma", "1", "2"], "2 widths"),
        ("my.tif", ["--psf-sigma", "2", "--psf", "a.tif"], "one point spread function"), ("my.tif", ["--psf-sigma", "2", "--redraws", "1"], "--redraws"),
        ("flat.tif", ["--psf-sigma", "2"], "nothing but noise"), ("cut.tif", ["--psf-sigma", "2"], "greatest value"),
        ("my.tif", ["--psf-sigma", "2", "1", "1"], "lack ['Z']"),
    ]:
        assert main(["deconvolve", str(tmp_path / name), "-o", str(tmp_path / "out.tif"), *options]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1 and not (tmp_path / "out.tif").exists(), said


def test_data_that_hold_no_noise_are_given_a_little():
    H = Convolution(gaussian_psf((9, 9), 1.5))
    one = Measurement(np.asarray(H(jnp.asarray(nuclei(64)))), H)
    y = np.asarray(one.y)
    assert np.sqrt(np.asarray(noise_of_measurement(one).model.variance(one.y))).mean() >= 0.99e-3 * y.std()


def test_k_space_becomes_the_slices_that_held_out_samples_choose(tmp_path, capsys, monkeypatch):
    full, _ = centred_kspace(size=48)
    k = full + np.random.default_rng(0).normal(0, 2, (*full.shape, 2)).astype(np.float32).view(np.complex64)[..., 0]
    k[..., ::2] *= np.isin(np.arange(0, 48, 2), np.arange(16, 32))
    np.save(tmp_path / "raw.npy", k)
    monkeypatch.setattr("unsup_jax.apply._report", lambda *arguments: None)                  # whose own tests it has
    monkeypatch.setattr(mri, "families", lambda one, noise: [
        Family("zero-filled", lambda _: FirstGuess()), Family("CG-SENSE, {} iterations", lambda count: ConjugateGradient(steps=count), (3, 30))])
    assert main(["reconstruct-mri", str(tmp_path / "raw.npy"), "-o", str(tmp_path / "out.npy"), "--redraws", "0"]) == 0
    said, made = capsys.readouterr().out, np.load(tmp_path / "out.npy")
    one = Scanner().read([tmp_path / "raw.npy"])[0].measurements[0]
    answer = mri.families(one, None)[1].answering(KEY)
    expected = [np.abs(np.asarray(answer(count, jax.tree.map(jnp.asarray, one)))) for count in (3, 30)]
    clean = jax.tree.map(jnp.asarray, one.replace(y=np.fft.ifftshift(full, (1, 2)), operator=one.operator.replace(mask=np.ones((1, 1), np.float32))))
    truth = np.abs(np.asarray(clean.operator.adjoint(clean.y)))
    better = min(expected, key=lambda x: off(x, truth))
    np.testing.assert_allclose(np.abs(np.squeeze(made)), np.squeeze(better), rtol=1e-3, atol=1e-3 * better.max())
    assert "at held-out samples" in said


def test_projections_become_a_volume(tmp_path, capsys, monkeypatch):
    x, angles = nuclei(32) - 20, np.linspace(0, 180, 24, endpoint=False)
    H = Radon(jnp.asarray(np.deg2rad(angles), jnp.float32), 32)
    y = np.asarray(projected(H, jnp.asarray(x))) + np.random.default_rng(0).normal(0, 20, (24, 32, 1)).astype(np.float32)
    tifffile.imwrite(tmp_path / "sinogram.tif", np.repeat(y, 2, -1).transpose(0, 2, 1))
    np.savetxt(tmp_path / "angles.txt", angles)
    monkeypatch.setattr(tomography, "families", lambda one, noise: [
        Family(window, lambda _, window=window: FilteredBackProjection(window=window)) for window in ("ram-lak", "hann")])
    monkeypatch.setattr("unsup_jax.apply._report", lambda *arguments: None)
    code = main(["tomography", str(tmp_path / "sinogram.tif"), "-o", str(tmp_path / "out.tif"), "--angles", str(tmp_path / "angles.txt"), "--centre", "16",
                 "--axes", "AYX", "--redraws", "0"])
    said, made = capsys.readouterr().out, tifffile.imread(tmp_path / "out.tif")
    assert code == 0 and made.shape == (2, 32, 32)
    assert "taken: hann" in said
    assert off(made[0], x[..., 0]) < 0.6 * x.std()


def test_a_few_views_and_a_file_of_another_kind_are_refused(tmp_path, capsys):
    tifffile.imwrite(tmp_path / "few.tif", np.ones((5, 3, 32), np.float32))
    for arguments, words in [
        (["tomography", "few.tif", "--angles", "even", "--axes", "AYX", "--centre", "16"], "5 views"), (["tomography", "few.tif"], "--modality.angles"),
        (["reconstruct-mri", "few.tif"], "k-space"),
    ]:
        name, source, *options = arguments
        assert main([name, str(tmp_path / source), "-o", str(tmp_path / "out.h5"), *options]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1, said


@pytest.mark.parametrize("which", (deconvolve, mri, tomography), ids=lambda module: module.__name__.rpartition(".")[2])
def test_every_candidate_makes_an_image(blurred, which):
    """By the operator of its command, at its first number and at its last."""
    if which is deconvolve:
        one = Measurement(jnp.asarray(blurred[1][:16, :15]), blurred[2])
    elif which is mri:
        one = Scanner(coils=2, acceleration=2, centre=4).measure(KEY, jnp.asarray(blurred[0][:16, :16])).only(())
    else:
        H = Radon(jnp.linspace(0, 3, 12, dtype=jnp.float32), 16)
        one = Measurement(projected(H, jnp.asarray(blurred[0][:16, :16])), H)
    one = one.replace(noise=Gaussian(jnp.float32(1)))
    like = one.operator.domain(one.y)
    for family in which.families(one, Noise(one.noise)):
        answer = family.answering(KEY)
        for value in {family.values[0], family.values[-1]}:
            made = answer(value, one)
            assert made.shape == like.shape and made.dtype == like.dtype and np.isfinite(made).all(), family.label
