"""ISMRMRD beyond one Cartesian image: noise scans, coil compression, volumes, slabs, spokes and spirals, against known truths."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import centred_kspace
from scans import lines, slices, unitary, write_acquisitions, xml

from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.files.kspace import read_kspace, write_images
from unsup_jax.files.scan import Trajectory
from unsup_jax.inference import estimator
from unsup_jax.methods import GRAPPA, ConjugateGradient, ProximalGradient
from unsup_jax.modalities import kspace as modality
from unsup_jax.modalities.mri import loop_coils
from unsup_jax.modalities.sampling import Sampling
from unsup_jax.operators import NonuniformFourier, compress_coils, density_compensation
from unsup_jax.operators.trajectories import radial, spiral
from unsup_jax.priors import TotalVariation

pytest.importorskip("ismrmrd")
pytestmark = pytest.mark.usefixtures("quick_compilation")

SQUARE = ((32, 32, 1), (32, 32, 1), ((64, 64, 4), (64, 64, 4)))


def solved(measurements, method=ConjugateGradient(steps=15)):
    return [x for x, _, _ in estimator(method, None, jax.random.key(0))(measurements)]


def coloured(rng, mixing, *shape):
    """Complex noise [coil, ...] of the covariance mixing mixing*."""
    white = rng.normal(size=(2, len(mixing), *shape)) / 2**0.5
    return np.tensordot(mixing, white[0] + 1j * white[1], 1)


def noisy_scan(path, *, amplitude, repetitions=1):
    """A twofold oversampled scan in noise that the coils share strongly, and a scan of that noise alone at another bandwidth."""
    rng, coils, bandwidth = np.random.default_rng(0), 5, 0.8
    mixing = np.eye(coils) + 2 * np.tril(rng.normal(size=(coils, coils)) + 1j * rng.normal(size=(coils, coils)))
    kspace, _ = centred_kspace(1, coils=coils, size=48)
    wide = unitary(np.fft.fft2, np.pad(unitary(np.fft.ifft2, kspace, (1, 2)), ((0, 0), (24, 24), (0, 0))), (1, 2))
    scan = [
        ((n, None, {"flag": "ACQ_IS_NOISE_MEASUREMENT", "sample_time_us": 2.0}))
        for n in np.moveaxis(coloured(rng, mixing * (5.0 * bandwidth / 2.0) ** 0.5, 16, 512), 1, 0)]
    for r in range(repetitions):
        scan += lines(amplitude * wide + coloured(rng, mixing, 96, 48), sample_time_us=5.0, repetition=r)
    header = xml((96, 48, 1), (48, 48, 1), ((96, 48, 4), (48, 48, 4)), bandwidth=bandwidth)
    return read_kspace(write_acquisitions(path, header, scan))


def test_a_noise_scan_makes_noise_white(tmp_path):
    """Its covariance is the identity, within five standard errors."""
    scans = [noisy_scan(tmp_path / f"{amplitude}.h5", amplitude=amplitude) for amplitude in (1, 2)]
    one, twice = modality.measurements(scans, sets=1)
    w = (2 * one.y - twice.y).reshape(len(one.y), -1)               # what both have alike: their noise
    error = (1 / w.shape[1] + 1 / (16 * 512)) ** 0.5
    assert np.abs(w @ w.conj().T / w.shape[1] - np.eye(5)).max() < 5 * error
    np.testing.assert_array_equal(one.noise.sigma, np.ones((1, 1, 1)))
    assert "made its noise white" in modality.note([one])
    raw, twice = modality.measurements(scans, sets=1, whiten=False)
    assert raw.noise is None and np.abs(np.cov((2 * raw.y - twice.y).reshape(5, -1)) - np.eye(5)).max() > 3


def test_white_noise_makes_better_images(tmp_path):
    """The signal over the noise of a SENSE image, from two repetitions."""
    scan, found = noisy_scan(tmp_path / "a.h5", amplitude=1, repetitions=2), {}
    for whiten in (True, False):
        first, second = solved(modality.measurements([scan], sets=1, whiten=whiten))
        found[whiten] = np.linalg.norm(first + second) / np.linalg.norm(first - second)
    assert found[True] > 1.5 * found[False], found


@pytest.mark.slow
def test_averages_and_volumes(tmp_path):
    """Averages are averaged, and their noise is less; repetitions and contrasts are volumes of their own."""
    kspace = slices(6).reshape(3, 2, 4, 32, 32)                     # volume, slice, coil, H, W
    noise = np.random.default_rng(0).normal(size=(4, 400))
    order = [
        line for v, (repetition, contrast) in enumerate([(0, 0), (0, 1), (3, 0)]) for s in range(2) for average in range(2)
        for line in lines((0.5, 1.5)[average] * kspace[v, s], slice=s, average=average, repetition=repetition, contrast=contrast)
    ]
    shuffled = [order[i] for i in np.random.default_rng(0).permutation(len(order))]
    path = write_acquisitions(tmp_path / "a.h5", xml(*SQUARE), [(noise, None, {"flag": "ACQ_IS_NOISE_MEASUREMENT"}), *shuffled])
    scan = read_kspace(path)
    assert scan.volumes == 3
    np.testing.assert_allclose(scan.kspace, kspace.reshape(6, 4, 32, 32), rtol=1e-5, atol=1e-5)
    found = modality.measurements([scan], sets=1)
    np.testing.assert_allclose(found[0].noise.sigma, np.full((1, 1, 32), 0.5**0.5), rtol=1e-6)
    images = np.arange(6 * 32 * 32, dtype=np.complex64).reshape(6, 32, 32, 1)
    nibabel = pytest.importorskip("nibabel")
    assert "3 x 2 x 32 x 32 images" in write_images(tmp_path / "a.nii", images, scan)
    volume = np.asarray(nibabel.load(tmp_path / "a.nii").dataobj)
    assert volume.shape == (32, 32, 2, 3) and volume[7, 5, 1, 2] == pytest.approx(images[5, 5, 7, 0].real)
    with pytest.raises(InputError, match="no line of slice 1 of repetition 3, contrast 0"):
        read_kspace(write_acquisitions(
            tmp_path / "b.h5", xml(*SQUARE), [a for a in order if (a[2]["slice"], a[2]["repetition"]) != (1, 3)]))


@pytest.mark.slow
def test_virtual_coils_of_all_energy_leave_the_image(tmp_path):
    """Eight coils that are combinations of four: four virtual coils hold all of them, and three do not."""
    kspace, _ = centred_kspace(1, coils=4)
    mixing = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 4)))[0]
    mixed = np.tensordot(mixing, kspace, 1).astype(np.complex64)
    np.save(tmp_path / "a.npy", mixed)
    scan = read_kspace(tmp_path / "a.npy")
    images = {coils: np.abs(solved(modality.measurements([scan], sets=1, coils=coils))[0]) for coils in (None, 4, 20)}
    (one,) = modality.measurements([scan], coils=4)
    assert one.y.shape[0] == 4
    inside = images[None] > 0.2 * images[None].max()
    assert np.quantile(np.abs(images[4] - images[None])[inside], 0.95) < 0.01 * images[None].max()    # maps at edges are uncertain
    np.testing.assert_array_equal(images[20], images[None])
    kept = [np.sum(np.abs(compress_coils(jnp.asarray(mixed), n)[0]) ** 2) / np.sum(np.abs(mixed) ** 2) for n in (3, 4)]
    assert kept[0] < 0.999 < 0.99999 < kept[1] < 1.00001


def test_a_slab_is_a_stack_of_slices(tmp_path):
    """Across the read-out where it is whole; across the partitions where the echo is asymmetric. Odd sizes."""
    rng, shape = np.random.default_rng(0), (17, 12, 9)
    volume = rng.random((2, *shape)) + 3 * (sum(np.linspace(-1, 1, n).reshape(s) ** 2 for n, s in zip(shape, ((-1, 1, 1), (-1, 1), (-1,)))) < 0.6)
    kspace = unitary(np.fft.fftn, volume, (1, 2, 3))
    header = xml(shape, shape, (shape, shape))
    whole = read_kspace(write_acquisitions(tmp_path / "a.h5", header, lines(kspace)))
    np.testing.assert_allclose(whole.kspace, unitary(np.fft.fftn, volume, (2, 3)).swapaxes(0, 1), atol=1e-3)
    partial = [(line[:, 3:], None, {**said, "center_sample": said["center_sample"] - 3}) for line, _, said in lines(kspace)]
    across = read_kspace(write_acquisitions(tmp_path / "b.h5", header, partial))
    expected = np.moveaxis(unitary(np.fft.fftn, volume, (1, 2)), 3, 0)
    expected[:, :, :3] = 0
    np.testing.assert_allclose(across.kspace, expected, atol=1e-3)
    np.testing.assert_allclose(across.geometry.affine(17, 12) @ (6, 8, 4, 1), (0, 0, 0, 1), atol=1e-6)
    with pytest.raises(InputError, match="readout and partitions are sampled in part"):
        read_kspace(write_acquisitions(tmp_path / "c.h5", header, partial[1:]))


SHAPE, SPOKES = (41, 36), (66, 82)


def sampled(k, images):
    """Samples [image, coil, sample] at k of images [image, H, W] through loop coils, by the sums themselves."""
    seen = np.asarray(loop_coils(4, images.shape[1:])) * images[:, None]
    rows, columns = (np.exp(-2j * np.pi * np.outer(np.arange(n) - n // 2, k[:, axis])) for axis, n in enumerate(images.shape[1:]))
    return np.einsum("ichw,hs,ws->ics", seen, rows, columns, optimize=True) / np.sqrt(images[0].size)


def phantoms(count, shape=SHAPE):
    """Images [image, H, W] within a frame of zeros."""
    images = np.stack([np.asarray(x)[..., 0] for x in Phantoms("nuclei", count=count, shape=shape, seed=1).images()])
    place = np.indices(shape)
    return np.where((place > 3).all(0) & (np.array(shape).reshape(2, 1, 1) - place > 4).all(0), images, 0)


def shots(samples, k, count, **said):
    """Samples [coil, sample] and their places as `count` acquisitions."""
    parts = zip(np.split(samples, count, 1), np.split(np.asarray(k), count))
    return [(s, p, {"kspace_encode_step_1": i, **said}) for i, (s, p) in enumerate(parts)]


@pytest.mark.parametrize("name", ["radial", "spiral"])
def test_spokes_and_spirals_are_images(tmp_path, name):
    """A phantom is found within a few per cent on an odd, oblong frame, whatever the unit of k; other methods take it too."""
    k = np.asarray(radial(*SPOKES) if name == "radial" else spiral(22, 246, turns=3.0))
    images = phantoms(2)
    header = xml((*SHAPE, 1), (*SHAPE, 1), ((82, 72, 4), (82, 72, 4)), trajectory=name)
    y = sampled(k, images)
    of = lambda places, name: read_kspace(write_acquisitions(
        tmp_path / name, header, [a for s in range(2) for a in shots(y[s], places, 22, slice=s)]))
    scan = of(k, "pixel.h5")
    np.testing.assert_allclose(of(k * SHAPE, "field.h5").trajectory.coordinates, scan.trajectory.coordinates, atol=1e-6)
    found = modality.measurements([scan], sets=1, calibration=16)
    error = [np.linalg.norm(np.abs(x[..., 0]) - image) / np.linalg.norm(image) for x, image in zip(solved(found), images)]
    assert max(error) < 0.08, error
    with pytest.raises(InputError, match="GRAPPA takes"):
        GRAPPA().check(found[0])
    ProximalGradient(prior=TotalVariation(1e-3)).check(found[0])


def test_density_makes_the_adjoint_an_inverse():
    """But for a gain H* W H is what the disc of spokes lets pass; weights of a file are those but for their unit."""
    k = radial(*SPOKES)
    w = density_compensation(k, SHAPE)
    H = NonuniformFourier(k, SHAPE, width=4)
    x = jnp.asarray(phantoms(1)[0])[..., None].astype(jnp.complex64)
    radius = np.hypot(*np.meshgrid(*(np.fft.fftfreq(n) for n in SHAPE), indexing="ij"))
    passed = np.fft.ifft2(np.fft.fft2(x[..., 0]) * (radius < 0.5))
    y, error = H(x), {}
    for name, weights in (("density", w), ("none", jnp.ones_like(w))):
        back = np.asarray(H.adjoint(weights[:, None].astype(x.dtype) * y))[..., 0]
        gain = np.vdot(passed, back).real / np.vdot(passed, passed).real
        error[name] = np.linalg.norm(back / gain - passed) / np.linalg.norm(passed)
    assert error["density"] < 0.12 and error["none"] > 4 * error["density"], error
    own = [3 * np.asarray(w)]
    np.testing.assert_allclose(Sampling.of(Trajectory([np.asarray(k)], SHAPE, own), 0, None).weights, w, rtol=1e-3)


@pytest.mark.slow
def test_samples_that_are_weighed_have_the_noise_of_their_weights(tmp_path):
    k, rng = np.asarray(radial(*SPOKES)), np.random.default_rng(0)
    noise = [(rng.normal(size=(4, 200)), None, {"flag": "ACQ_IS_NOISE_MEASUREMENT"})]
    header = xml((*SHAPE, 1), (*SHAPE, 1), ((82, 72, 4), (82, 72, 4)), trajectory="radial")
    scan = read_kspace(write_acquisitions(tmp_path / "a.h5", header, noise + shots(sampled(k, phantoms(1))[0], k, 22)))
    (one,), (plain,) = (modality.measurements([scan], sets=1, calibration=16, compensated=c) for c in (True, False))
    np.testing.assert_allclose(one.noise.sigma, np.sqrt(one.operator.weights)[None])
    np.testing.assert_allclose(one.y, one.noise.sigma * plain.y, rtol=1e-5)
    assert plain.operator.weights is None and (plain.noise.sigma == 1).all()
    assert one.operator.norm(jnp.asarray(one.y)) < 1.01 < 2 < plain.operator.norm(jnp.asarray(one.y))
    x = jax.random.normal(jax.random.key(0), (*SHAPE, 1), jnp.complex64)
    exact = one.operator.replace(kernel=None).normal(x)             # without Toeplitz
    assert jnp.linalg.norm(one.operator.normal(x) - exact) < 0.01 * jnp.linalg.norm(exact)



def test_a_stack_of_spokes_is_slices_of_spokes(tmp_path):
    shape, partitions, k = (32, 32), 5, np.asarray(radial(20, 32))
    y = sampled(k, phantoms(partitions, shape))                                   # slice, coil, sample
    encoded = unitary(np.fft.fftn, y, (0,))
    header = xml((*shape, partitions), (*shape, partitions), ((64, 64, 20), (64, 64, 20)), trajectory="goldenangle")
    acquisitions = [a for z in range(partitions) for a in shots(encoded[z], k, 20, kspace_encode_step_2=z)]
    scan = read_kspace(write_acquisitions(tmp_path / "a.h5", header, acquisitions))
    np.testing.assert_allclose(np.stack(scan.kspace), y, atol=1e-3 * np.abs(y).max())
    turned = [(s, p @ [[0, 1], [-1, 0]] if said["kspace_encode_step_2"] == 2 else p, said) for s, p, said in acquisitions]
    for wrong, message in ((acquisitions[20:], "slabs of 4 partitions"), (turned, "several trajectories")):
        with pytest.raises(InputError, match=message):
            read_kspace(write_acquisitions(tmp_path / "b.h5", header, wrong))


def test_trajectories_that_cannot_be_placed_are_refused(tmp_path):
    k, y = np.asarray(radial(20, 32)), np.ones((2, 640))
    header = xml(*SQUARE, trajectory="radial")
    off = np.column_stack([k, np.linspace(-0.5, 0.5, 640)])
    for places, message in ((2 * np.pi * k, "accepted are cycles a pixel"), (k * [1, 0.5], "alike along both axes"), (off, "leaves the plane"),
                            (k[:, :1], "1 trajectory dimensions"), (k + 0.05, "accepted are cycles a pixel")):
        with pytest.raises(InputError, match=message):
            read_kspace(write_acquisitions(tmp_path / "a.h5", header, shots(y, places, 20)))
