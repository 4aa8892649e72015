"""CryoGAN: its gradient in closed form, what it is not shown, symmetric volumes, and a volume found from projections of unknown pose."""

import dataclasses

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest

from unsup_jax.apply import reconstruct_files
from unsup_jax.core import Measurement, sample_keys
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import align, ball_correlation, radial_average
from unsup_jax.experiment import Experiment, run
from unsup_jax.files import open_image
from unsup_jax.fitted import fit
from unsup_jax.losses.games import Wasserstein
from unsup_jax.methods import CryoGAN
from unsup_jax.modalities import Camera, ElectronMicroscope
from unsup_jax.networks import ConvCritic, Critic, Volume
from unsup_jax.networks.volume import rotations, turned
from unsup_jax.noise import Background, Gaussian
from unsup_jax.operators import ContrastTransfer, Identity, Projection, UnknownPose, ctf, random_rotations
from unsup_jax.train import Train

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

VOLUMES = Data(source=Phantoms("blobs", count=1, shape=(16,) * 3), patch=None, augment=False, dimensions=3, validation=0)
MICROSCOPE = ElectronMicroscope(projections=12, snr=1.0)


def particles(count=6, size=10, sigma=0.5):
    """Images of noise behind CTFs."""
    transfer = jax.vmap(lambda d: ctf(size, pixel_size_angstrom=3.0, defocus_u_angstrom=d))(jnp.linspace(9e3, 15e3, count))
    y = jax.random.normal(jax.random.key(5), (count, size, size, 1))
    return Measurement(y, ContrastTransfer(transfer), Gaussian(jnp.full(count, sigma)))


def test_the_gradient_of_the_volume_is_the_back_projection_of_the_critics(quick_compilation):
    """Of D(y) = <a, y> and the Wasserstein game: d/dx -<a, C P x + w> = -P* C* a, for the poses that were drawn, and the penalty's."""
    class Linear(Critic):
        width: int = 1

        @nn.compact
        def __call__(self, y):
            return jnp.sum(y * self.param("a", nn.initializers.normal(1.0), y.shape))

    method = CryoGAN(critic=Linear(), game=Wasserstein(), regularizers=(), augment=None, family=UnknownPose(shift=1.0), positivity=0.3)
    batch, key = particles(), jax.random.key(3)
    state = method.init(jax.random.key(0), batch)
    x, a = state.generator.params["params"]["voxels"], state.critic.params["params"]["a"]
    one = lambda i: jax.tree.map(lambda leaf: leaf[i], batch)
    D, units = method.judges(state.critic.params, state.shape), (state.scale, state.target)
    loss = lambda G, key, i: method.generator_loss(key, method.generates(G, state.shape), D, one(i).normalize(*units))[0]
    inside = jnp.linalg.norm(jnp.stack(jnp.meshgrid(*(jnp.arange(10) - 5,) * 3)), axis=0) <= 4
    for i, key in enumerate(sample_keys(key, 2)):
        gradient = jax.grad(loss)(state.generator.params, key, i)["params"]["voxels"]
        of_y, _ = jax.random.split(jax.random.split(key)[0])
        H = method.family.draw(jax.random.split(of_y)[0], one(i))
        expected = (-H.adjoint(a) - 0.3 / 10 * 2 * jnp.maximum(-x, 0)) * inside[..., None]
        np.testing.assert_allclose(gradient, expected, atol=2e-5 * float(jnp.abs(expected).max()))


def test_units_are_those_of_the_signal():
    y = 3 * jax.random.normal(jax.random.key(0), (64, 10, 10, 1)) + 4 * jax.random.normal(jax.random.key(1), (64, 10, 10, 1))
    scale, target = CryoGAN().units(Measurement(y, Identity(), Gaussian(jnp.full(64, 4.0))))
    assert float(scale.unit) == pytest.approx(3, rel=0.1) and float(scale.offset) == 0 and scale is target
    alone, _ = CryoGAN().units(Measurement(y, Identity()))
    assert float(alone.unit) == pytest.approx(5, rel=0.1)


def test_poses_and_the_volume_are_withheld_and_one_answer_is_scored():
    measured = VOLUMES.measure(MICROSCOPE, 0)
    (whole,) = measured[0]
    dataset = VOLUMES.arrange(measured, CryoGAN.sees, 0, views=True)
    assert len(dataset.train) == 12 and len(dataset.test) == 1
    for one, y, transfer in zip(dataset.train, whole.y, whole.operator.operator.transfer):
        assert one.truth is None and one.pair is None and isinstance(one.operator, ContrastTransfer)
        np.testing.assert_array_equal(one.y, y)
        np.testing.assert_array_equal(one.operator.transfer, transfer)
    np.testing.assert_array_equal(dataset.test[0].truth, whole.truth)
    assert dataset.test[0].y.shape == (16, 16, 1)
    (posed,) = VOLUMES.arrange(measured, frozenset(), 0).test                    # what is told the poses is tested on all views
    assert posed.y.shape == (12, 16, 16, 1)


def test_halves_are_every_second_view():
    whole, even, odd = (
        dataclasses.replace(VOLUMES, half=half).measure(MICROSCOPE, 0)[0][0] for half in ("all", "even", "odd"))
    np.testing.assert_array_equal(even.y, whole.y[::2])
    np.testing.assert_array_equal(odd.y, whole.y[1::2])
    np.testing.assert_array_equal(odd.operator.operator.rotation, whole.operator.operator.rotation[1::2])
    cells = lambda half: Data(source=Phantoms(count=5, shape=(16, 16)), half=half).measure(Camera(), 0)[0]
    assert [int(one.index) for one in cells("odd")] == [1, 3] and len(cells("even")) == 3


def test_a_microscope_measures_at_an_snr_shifted_and_without_a_ctf():
    x = jnp.asarray(Phantoms("blobs", count=1, shape=(16,) * 3).images()[0])
    one = ElectronMicroscope(projections=40, snr=0.5, defocus_angstrom=None, shift=1.5).measure(jax.random.key(0), x)
    H = one.operator.operator
    clean = one.operator(x)
    assert H.transfer is None and 1.0 < float(H.shift.std()) < 2.0
    assert float(clean.var() / (one.y - clean).var()) == pytest.approx(0.5, rel=0.1)
    with pytest.raises(InputError, match="an SNR of 0"):
        ElectronMicroscope(snr=0.0)


def test_background_is_a_patch_moved_and_turned():
    patch = jax.random.normal(jax.random.key(0), (8, 8, 1))
    noise, clean = Background(patch), jnp.full((8, 8, 1), 2.0)
    first, second = (noise.sample(jax.random.key(k), clean) - clean for k in (1, 2))
    for drawn in (first, second):
        np.testing.assert_allclose(np.sort(drawn.ravel()), np.sort(patch.ravel()), atol=1e-5)
        np.testing.assert_allclose(np.sort(np.abs(np.fft.fft2(drawn[..., 0])).ravel()), np.sort(np.abs(np.fft.fft2(patch[..., 0])).ravel()), atol=1e-4)
    assert float(jnp.abs(first - second).max()) > 0.5
    np.testing.assert_allclose(noise.variance(clean)[0, 0, 0], patch.var(), rtol=1e-5)
    with pytest.raises(InputError, match="Background of a patch"):
        noise.sample(jax.random.key(0), jnp.zeros((9, 8, 1)))


@pytest.mark.parametrize("group, order", [("C1", 1), ("C3", 3), ("C4", 4), ("D2", 4), ("D3", 6)])
def test_symmetry_is_a_group_that_leaves_the_volume_alone(group, order):
    R = rotations(group)
    assert R.shape == (order, 3, 3) and np.allclose(np.linalg.det(R), 1)
    for a in R:
        for b in R:
            assert np.abs(R - a @ b).max((1, 2)).min() < 1e-12
    if group in ("C4", "D2"):                                                    # turns of the grid onto itself
        volume = Volume(symmetry=group, start=1.0)
        x = volume.apply(volume.init(jax.random.key(0), (9,) * 3), (9,) * 3)
        for a in R:
            np.testing.assert_allclose(turned(x, a), x, atol=1e-5)


def test_a_turned_volume_is_projected_as_the_volume_is_from_the_turned_side():
    """P_Q (R x) = P_{Q R} x, of a smooth x."""
    x = jnp.asarray(Phantoms("blobs", count=1, shape=(24,) * 3).images()[0])
    Q, R = random_rotations(jax.random.key(0), 2)
    seen, expected = Projection(Q)(turned(x, np.asarray(R))), Projection(Q @ R)(x)
    assert float(jnp.abs(seen - expected).max()) < 0.05 * float(expected.max())   # linear interpolation blurs


@pytest.mark.parametrize("make, message", [
    (lambda: Volume(symmetry="I"), "a symmetry 'I'; accepted are C1"), (lambda: CryoGAN(positivity=-1.0), "positivity is a weight of zero or more"),
    (lambda: CryoGAN().check(Measurement(np.zeros((8, 9, 1), np.float32), Identity(), Gaussian())), "takes square real images of particles"),
    (lambda: CryoGAN().check(Measurement(np.zeros((8, 8, 1), np.float32), Identity())), "noise of measurements anew, and it is not known"),
])
def test_bad_input_is_one_line(make, message):
    with pytest.raises(InputError, match=message):
        make()


def learned(size, count, steps, method, snr=1.0):
    """(truth, volume) after a training on projections at unknown poses."""
    data = dataclasses.replace(VOLUMES, source=Phantoms("blobs", count=1, shape=(size,) * 3, seed=1))
    (whole,), _ = data.measure(ElectronMicroscope(projections=count, snr=snr, defocus_angstrom=None), 0)
    noise = Gaussian(jnp.full(16, whole.noise.sigma))
    y, method = jnp.asarray(whole.y), method.planned(steps)
    batch = lambda places: Measurement(y[places], Identity(), noise)
    state = jax.jit(method.init)(jax.random.key(0), batch(jnp.arange(16)))
    step = jax.jit(lambda key, state: method.update(key, state, batch(jax.random.randint(key, (16,), 0, count)))[0])
    for k in range(steps):
        state = step(jax.random.fold_in(jax.random.key(1), k), state)
    return whole.truth, np.asarray(method.reconstruct(None, state, Measurement(y[0], Identity())))


@pytest.mark.slow
def test_a_volume_is_learnt_from_projections_of_unknown_pose():
    truth, x = learned(16, 512, 150, CryoGAN(critic=ConvCritic(width=8, depth=2)))
    found = ball_correlation(align(x, truth, rotations=2000).apply(x), truth)
    assert found > ball_correlation(radial_average(truth), truth) + 0.05


@pytest.mark.slow
@pytest.mark.parametrize("snr, margin", [(1.0, 0.15), (0.1, 0.1)])
def test_nine_blobs_are_well_above_their_radial_average(snr, margin):
    truth, x = learned(32, 2048, 1200, CryoGAN(), snr)
    found = ball_correlation(align(x, truth).apply(x), truth)
    assert found > ball_correlation(radial_average(truth), truth) + margin


def test_arrays_of_particles_give_one_volume(quick_compilation):
    y = np.asarray(particles(count=8).y)[..., 0]
    fitted = fit(CryoGAN(critic=ConvCritic(width=4, depth=1)), y, axes="NYX", noise=Gaussian(0.5), patch=None, steps=2, batch=4)
    assert fitted.reconstruct(y).shape == (10, 10, 10, 1)


@pytest.mark.slow
def test_a_star_without_poses_becomes_a_map_with_its_voxel_size(quick_compilation, tmp_path):
    mrcfile, starfile = pytest.importorskip("mrcfile"), pytest.importorskip("starfile")
    whole = dataclasses.replace(MICROSCOPE, projections=10, pixel_size_angstrom=3.5).measure(
        jax.random.key(0), jnp.asarray(Phantoms("blobs", count=1, shape=(12,) * 3).images()[0]))
    with mrcfile.new(tmp_path / "a.mrcs") as file:
        file.set_data(np.asarray(whole.y[..., 0], np.float32))
    optics = pd.DataFrame({"rlnOpticsGroup": [1], "rlnVoltage": [300.0], "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1],
                           "rlnImagePixelSize": [3.5]})
    table = pd.DataFrame({"rlnImageName": [f"{i + 1:06d}@a.mrcs" for i in range(10)], "rlnOpticsGroup": 1, "rlnDefocusU": 15e3, "rlnDefocusV": 15e3})
    starfile.write({"optics": optics, "particles": table}, tmp_path / "a.star")
    experiment = Experiment(
        CryoGAN(critic=ConvCritic(width=4, depth=1)), ElectronMicroscope(), Data(path=str(tmp_path / "a.star"), patch=None),
        Train(steps=2, batch=4, checkpoint_every=2, validation_batches=1, use="latest"))
    (result,) = run(experiment, "mine", tmp_path / "run", quiet=True)
    assert len(result.estimates) == 1 and result.estimates[0].shape == (12, 12, 12, 1)
    reconstruct_files(experiment, tmp_path / "run", tmp_path / "a.star", tmp_path / "map.mrc")
    written = open_image(tmp_path / "map.mrc")
    assert written.array.shape == (12, 12, 12) and written.metadata.scales["Z"].step == pytest.approx(3.5)
    np.testing.assert_allclose(written.array, result.estimates[0][..., 0], rtol=1e-5)
