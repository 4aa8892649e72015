"""What each method takes, and that every driver asks before it compiles."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import run_fit

from experiments import load
from unsup_jax import methods
from unsup_jax.apply import reconstruct_files
from unsup_jax.core import IMAGES, LINEAR, Measurement, Method
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment, compare, run
from unsup_jax.inference import estimator
from unsup_jax.methods import (
    GRAPPA, SSDU, FilteredBackProjection, GaussianFilter, GerchbergPapoulis, Noise2Noise, Noise2Void, RichardsonLucy, Supervised,
    Wiener,
)
from unsup_jax.methods.adversarial.gan import Generative
from unsup_jax.methods.score import Denoiser
from unsup_jax.modalities import Blurred, Camera, Inpainting, Scanner, Tomograph
from unsup_jax.networks import UNet, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.operators import (
    SENSE, Convolution, Fourier, FourierPtychography, Identity, Mask, NonCartesianSENSE, Radon, gaussian_psf, parallel_angles,
)
from unsup_jax.operators.trajectories import radial
from unsup_jax.train import Train, solve

HOLES = Mask(jnp.ones((16, 16, 1)).at[::2].set(0))


def measurements():
    """One of each kind, as shapes and values of no meaning."""
    y, k = jnp.ones((16, 16, 1)), jnp.ones((2, 16, 16), jnp.complex64)
    noise = Gaussian(jnp.float32(1.0))
    image = Measurement(y, Identity(), noise, pair=y, truth=y)
    mask = jnp.ones((1, 16))
    return {
        "image": image, "composed identities": image.replace(operator=Identity() @ Identity()),
        "complex image": jax.tree.map(lambda a: a.astype(jnp.complex64) if a.ndim else a, image),
        "holes": image.replace(operator=HOLES), "blurred": image.replace(operator=Convolution(gaussian_psf((5, 5), 1.0))),
        "sinogram": Measurement(jnp.ones((10, 16, 1)), Radon(parallel_angles(10), 16), noise, pair=jnp.ones((10, 16, 1)), truth=y),
        "k-space": Measurement(k, SENSE(k[None], mask), noise, pair=k, truth=y.astype(jnp.complex64)),
        "spokes": Measurement(k.reshape(2, -1), NonCartesianSENSE(k[None], radial(16, 16)), noise, pair=k.reshape(2, -1), truth=y.astype(jnp.complex64)),
        "intensities": Measurement(jnp.ones((4, 8, 8)), FourierPtychography(jnp.ones((8, 8), jnp.complex64), jnp.zeros((4, 2), jnp.int32), 16), noise),
    }


PLAIN = {"image", "composed identities"}
LINEAR_KINDS = {"image", "composed identities", "complex image", "holes", "blurred", "sinogram", "k-space", "spokes"}
TAKEN = {
    **dict.fromkeys(("BM3D", "GaussianFilter", "MedianFilter", "NonLocalMeans", "WaveletShrinkage"), PLAIN | {"complex image"}),
    **dict.fromkeys(("Stabilized", "Stacked", "Noise2Void", "Noise2Self", "Noise2Score", "PN2V", "Self2Self", "VAE", "DivNoising", "HDN", "COSDD", "SpatialVAE"), PLAIN),
    **dict.fromkeys(("ADMM", "ConjugateGradient", "ProximalGradient", "VariableSplitting", "SSDU", "NaiveConsistency", "ZeroShotSSL", "RARE", "Score", "Ambient", "GSURE", "EMDiffusion", "DeepImagePrior"), LINEAR_KINDS),
    "GerchbergPapoulis": LINEAR_KINDS - {"sinogram", "k-space", "spokes"},                # ||H|| of these is above one
    "GradientDescent": LINEAR_KINDS | {"intensities"}, "DeepPhaseDecoder": {"intensities"}, "RichardsonLucy": PLAIN | {"holes", "blurred", "sinogram"},
    **dict.fromkeys(("Supervised", "C2GAN", "Composed", "CycleGAN", "Pix2Pix", "AnnaPalm"), PLAIN | {"holes", "blurred"}),
    "Noise2Noise": PLAIN | {"blurred"}, "Wiener": PLAIN | {"blurred"},
    "DeepStorm": set(), "PeakFinding": set(), "ProjectionGAN": set(), "PtychographyGAN": set(), "Packaged": set(), "AsMeasured": PLAIN | {"holes", "blurred"}, "FirstGuess": LINEAR_KINDS | {"intensities"},
    "FilteredBackProjection": {"sinogram"}, "TomoGAN": PLAIN | {"sinogram"}, "GANrec": PLAIN | {"holes", "blurred", "sinogram"},
    "AmbientGAN": PLAIN | {"holes", "blurred", "sinogram"}, **dict.fromkeys(("UnmeasuredGAN", "CryoGAN", "MultiCryoGAN"), PLAIN | {"holes", "blurred"}),
    "UnsupervisedMRI": {"holes", "k-space"}, "PosteriorSampling": PLAIN | {"holes", "blurred", "sinogram"}, "CSGM": PLAIN | {"holes", "blurred", "sinogram"}, "GRAPPA": set(), "SliceGRAPPA": set(),
}


class White:
    """A prior of real images of one channel, that of Gaussian ones of no correlation."""

    def denoiser(self):
        return Denoiser(lambda x, sigma: x / (1 + sigma**2), jnp.zeros((1, 1, 1)))


class Flat:
    """Images of 16 x 16 pixels of one grey level each."""

    def generative(self):
        return Generative(lambda z: jnp.broadcast_to(z, (16, 16, 1)), 1, (16, 16, 1))


GIVEN = {"PosteriorSampling": (White(),), "CSGM": (Flat(),)}


@pytest.mark.parametrize("name", methods.__all__)
def test_a_method_takes_what_its_mathematics_allows(name):
    method = getattr(methods, name)(*GIVEN.get(name, ()))
    found = set()
    for kind, one in measurements().items():
        try:
            method.check(one.only(method.sees))
            found.add(kind)
        except InputError as refusal:
            assert "\n" not in str(refusal) and method.label in str(refusal)
    looks = method.reconstructs or not method.sees                                     # who models unpaired x alone does not look at y
    taken = TAKEN.get(name, PLAIN) if looks else measurements().keys()
    if name in ("GRAPPA", "SliceGRAPPA"):   # the one line of k-space above holds no kernel and no reference
        return
    assert found - {"k-space" if name == "GerchbergPapoulis" else None} == taken


def test_a_network_that_is_told_the_operator_takes_any_linear_one():
    kinds = measurements()
    for method in (Supervised(network=Unrolled()), Noise2Noise(network=Unrolled()), SSDU()):
        assert method.takes is LINEAR and method.accepts(kinds["k-space"]) and not method.accepts(kinds["intensities"])
    other = kinds["holes"].replace(pair_operator=Mask(1 - HOLES.mask))
    Noise2Noise().check(other)                                                  # y' holds what y leaves out
    assert not Noise2Void().accepts(kinds["image"].replace(pair_operator=HOLES))
    assert Method.takes is IMAGES                                               # who states nothing takes images alone


def test_no_driver_makes_an_image_of_what_a_method_does_not_take(tmp_path):
    kinds = measurements()
    holes, small = kinds["holes"], {"network": UNet(depth=1, width=2)}
    for method, one in ((GaussianFilter(1.0), holes), (Wiener(), holes), (FilteredBackProjection(), kinds["image"]), (GRAPPA(), kinds["image"])):
        for driver in (lambda: solve(method, jax.random.key(0), one), lambda: list(estimator(method, None, jax.random.key(0))([one], 1)),
                       lambda: jax.jit(method.init)(jax.random.key(0), one)):
            with pytest.raises(InputError, match=f"{method.label} takes"):
                driver()
    batch = jax.tree.map(lambda leaf: jnp.stack([leaf] * 4), holes.only(()))
    with pytest.raises(InputError, match="Noise2Void takes real images of every pixel.*by Mask"):
        jax.jit(Noise2Void(**small).init)(jax.random.key(0), batch)
    with pytest.raises(InputError, match="Noise2Void takes"):
        run_fit(Noise2Void(**small), measurements=[jax.tree.map(np.asarray, holes)] * 4)
    data = Data(source=Phantoms(count=4, shape=(32, 32)), patch=16)
    with pytest.raises(InputError, match="Noise2Void takes"):
        run(Experiment(Noise2Void(**small), Inpainting(), data), "holes", tmp_path / "run", quiet=True)
    assert not (tmp_path / "run").exists()
    entries = [("Gaussian", GaussianFilter(1.0), Train()), ("TV", methods.ProximalGradient(steps=2), Train())]
    results = compare(entries, "both", tmp_path / "both", data, Inpainting(), 0, quiet=True)
    assert [r.label for r in results] == ["TV"] and "Gaussian is left out" in (tmp_path / "both" / "report.html").read_text()
    with pytest.raises(InputError, match="has .*H.*2 = "):
        solve(GerchbergPapoulis(steps=2), jax.random.key(0), kinds["sinogram"])


def test_images_are_measurements_of_instruments_that_make_images(tmp_path):
    image = np.random.default_rng(0).normal(100, 10, (32, 48)).astype(np.float32)
    np.save(tmp_path / "y.npy", image)
    data = Data(path=str(tmp_path / "y.npy"), patch=None)
    for modality in (Tomograph(), Scanner(), Inpainting(), load("tv_tilt_series").modality, load("tv_diffraction").modality):
        with pytest.raises(InputError, match=f"holds no measurement of {modality.name}, which takes .*--data.clean"):
            data.measure(modality, 0)
        experiment = Experiment(methods.ProximalGradient(steps=2), modality, data)
        with pytest.raises(InputError, match="holds no measurement"):
            reconstruct_files(experiment, tmp_path, tmp_path / "y.npy", tmp_path / "x.npy")
        assert not (tmp_path / "x.npy").exists()
    (one,), _ = data.measure(Camera(), 0)
    assert one.operator.identity
    (one,), _ = data.measure(Blurred(psf_sigma=2.0), 0)
    assert isinstance(one.operator, Convolution)


def test_an_image_behind_a_blur_is_deconvolved(tmp_path):
    """Own files have the operator of the instrument: what is measured from a point is sharper than what was read."""
    point = np.zeros((33, 33, 1), np.float32)
    point[16, 16] = 1000
    blur = Blurred(psf_sigma=1.5)
    np.save(tmp_path / "y.npy", np.asarray(blur.of_image(point)(jnp.asarray(point)))[..., 0])
    reconstruct_files(Experiment(methods.RichardsonLucy(steps=50), blur), tmp_path, tmp_path / "y.npy", tmp_path / "x.npy")
    assert np.load(tmp_path / "x.npy").max() > 3 * np.load(tmp_path / "y.npy").max()


@pytest.mark.parametrize("kind", [jnp.uint16, jnp.float16])
def test_counts_are_numbers_whatever_their_type(kind):
    """Solved as the same counts in single precision are, and rounded nowhere."""
    counts = np.random.default_rng(0).poisson(300, (16, 12, 1))
    for method, H in ((GaussianFilter(1.0), Identity()), (RichardsonLucy(steps=2), Convolution(gaussian_psf((5, 5), 1.0)))):
        given, single = (solve(method, jax.random.key(0), Measurement(jnp.asarray(counts, of), H))[0] for of in (kind, jnp.float32))
        for ours, expected in zip(jax.tree.leaves(given), jax.tree.leaves(single)):
            assert ours.dtype == expected.dtype
            np.testing.assert_array_equal(ours, expected)
    shown = Measurement(counts.astype(kind), Identity(), pair=counts, truth=counts > 300).only({"truth"})
    assert shown.y.dtype == shown.truth.dtype == np.float32 and shown.pair is None and shown.truth.max() == 1


def test_fully_sampled_fourier_is_taken_by_papoulis():
    x = jnp.ones((8, 8, 1), jnp.complex64)
    GerchbergPapoulis().check(Measurement(x, Fourier(jnp.ones((8, 8)))))
