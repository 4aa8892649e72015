"""Particles of RELION, cryoSPARC and cryoDRGN become one volume with its voxel size."""

import pickle

import jax.numpy as jnp
import numpy as np
import pandas as pd
import pytest
from helpers import made_of, projected

from unsup_jax.core import Views
from unsup_jax.data import Data, Phantoms, Stream
from unsup_jax.errors import InputError
from unsup_jax.files import Deferred, cryodrgn, cryosparc, open_image, star
from unsup_jax.methods import ConjugateGradient
from unsup_jax.modalities import Camera, ElectronMicroscope
from unsup_jax.operators import Projection, ctf

mrcfile = pytest.importorskip("mrcfile")
COUNT, SIZE, PIXEL = 40, 17, 3.0

pytestmark = pytest.mark.usefixtures("quick_compilation")


@pytest.fixture(scope="module")
def particles(tmp_path_factory):
    """(folder, volume, Euler angles in degrees, shifts in pixels, defocus) of images behind CTFs: `a.mrcs`."""
    folder = tmp_path_factory.mktemp("particles")
    rng = np.random.default_rng(0)
    volume = np.asarray(Phantoms("nuclei", count=1, shape=(SIZE,) * 3, seed=2).images()[0])
    volume = volume * (sum(np.square(np.indices((SIZE,) * 3) - SIZE // 2)) < 36)[..., None]
    angles = np.stack([rng.uniform(-180, 180, COUNT), np.rad2deg(np.arccos(rng.uniform(-1, 1, COUNT))), rng.uniform(-180, 180, COUNT)], 1)
    shifts, defocus = rng.uniform(-1.5, 1.5, (COUNT, 2)), rng.uniform(9e3, 12e3, COUNT)
    transfer = np.stack([ctf(SIZE, pixel_size_angstrom=PIXEL, defocus_u_angstrom=d, defocus_v_angstrom=d - 300, astigmatism_angle=0.4) for d in defocus])
    H = Views(Projection(jnp.float32(turned(angles)), jnp.float32(shifts), jnp.asarray(transfer), width=2))
    with mrcfile.new(folder / "a.mrcs") as file:
        file.set_data(np.asarray(projected(H, jnp.asarray(volume, jnp.float32)))[..., 0])
    return folder, volume[..., 0], angles, shifts, defocus


def turned(angles):
    """The rotations of RELION's angles by SciPy: Z, Y', Z'' of the specimen's axes, intrinsic."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_euler("ZYZ", angles, degrees=True).inv().as_matrix()


def table(particles):
    _, _, angles, shifts, defocus = particles
    return pd.DataFrame({
        "rlnImageName": [f"{i + 1:06d}@stacks/a.mrcs" for i in range(COUNT)], "rlnOpticsGroup": 1, "rlnDefocusU": defocus, "rlnDefocusV": defocus - 300,
        "rlnDefocusAngle": np.rad2deg(0.4), "rlnAngleRot": angles[:, 0], "rlnAngleTilt": angles[:, 1], "rlnAnglePsi": angles[:, 2],
        "rlnOriginXAngst": -shifts[:, 0] * PIXEL, "rlnOriginYAngst": -shifts[:, 1] * PIXEL})


OPTICS = {"rlnOpticsGroup": [1], "rlnVoltage": [300.0], "rlnSphericalAberration": [2.7], "rlnAmplitudeContrast": [0.1], "rlnImagePixelSize": [PIXEL]}


def test_a_star_of_relion_becomes_a_volume(particles, tmp_path):
    starfile = pytest.importorskip("starfile")
    folder, volume, angles, *_ = particles
    path = folder / "a.star"
    starfile.write({"optics": pd.DataFrame(OPTICS), "particles": table(particles)}, path)
    found = star.read(path)
    np.testing.assert_allclose(found.rotations, turned(angles), atol=1e-6)
    old = table(particles).drop(columns="rlnOpticsGroup").assign(**{name: values[0] for name, values in OPTICS.items() if name != "rlnOpticsGroup"})
    starfile.write(old.drop(columns="rlnImagePixelSize").assign(rlnDetectorPixelSize=5.0, rlnMagnification=5e4 / PIXEL), folder / "old.star")
    before = star.read(folder / "old.star")
    assert before.pixel_size_angstrom == pytest.approx(found.pixel_size_angstrom) == PIXEL
    np.testing.assert_allclose(before.optics["voltage_kv"], found.optics["voltage_kv"])
    made = made_of(ConjugateGradient(steps=8), ElectronMicroscope(), path, tmp_path / "volume.mrc", dimensions=3)
    assert np.corrcoef(made.ravel(), volume.ravel())[0, 1] > 0.9   # the CTF passes a tenth of the lowest frequencies
    assert open_image(tmp_path / "volume.mrc").metadata.scales["Z"].step == pytest.approx(PIXEL)
    one, *rest = ElectronMicroscope().read([path], dimensions=2)[0].measurements
    assert one.y.shape == (SIZE, SIZE, 1) and len(rest) == COUNT - 1
    starfile.write({"optics": pd.DataFrame(OPTICS), "particles": table(particles).drop(columns="rlnAngleRot")}, folder / "unposed.star")
    for modality, dimensions, message in ((ElectronMicroscope(), 3, "says no poses"), (Camera(), 2, "holds particles, which cryo-EM reads")):
        with pytest.raises(InputError, match=message):
            Data(path=str(folder / "unposed.star"), dimensions=dimensions, patch=None).measure(modality, 0)
    assert len(ElectronMicroscope().read([folder / "unposed.star"], dimensions=2)[0].measurements) == COUNT
    starfile.write({"other": pd.DataFrame({"a": [1, 2]}), "more": pd.DataFrame({"a": [1, 2]})}, folder / "other.star")
    with pytest.raises(InputError, match="accepted is one of particles"):
        ElectronMicroscope().read([folder / "other.star"])


@pytest.mark.parametrize("microscope", [ElectronMicroscope(), ElectronMicroscope(box=12, contrast="dark")])
def test_particles_that_stay_on_the_disk_are_the_same(particles, microscope, monkeypatch):
    """Images and CTFs are read and computed where they are wanted; halves of them are every second one."""
    starfile = pytest.importorskip("starfile")
    path = particles[0] / "on_disk.star"
    starfile.write({"optics": pd.DataFrame(OPTICS), "particles": table(particles).sample(frac=1, random_state=1)}, path)
    data = Data(path=str(path), half="odd", patch=None)
    read = data.measure(microscope, 0)
    monkeypatch.setattr("unsup_jax.files.particles.IN_MEMORY", 100)
    later = data.measure(microscope, 0)
    assert len(later[0]) == COUNT // 2
    for one, kept in zip(read[0], later[0]):
        assert isinstance(kept.y, Deferred) and isinstance(kept.operator.transfer, Deferred) and kept.y.shape == one.y.shape
        np.testing.assert_array_equal(kept.y, one.y)
        np.testing.assert_allclose(kept.operator.transfer, one.operator.transfer, atol=1e-5)
    batches = [Stream(data.arrange(both, frozenset(), 0, views=True).train, batch=3, patch=None, augment=False, seed=0).example(3) for both in (read, later)]
    np.testing.assert_array_equal(*(batch.y for batch in batches))
    np.testing.assert_allclose(batches[0].noise.sigma, batches[1].noise.sigma, rtol=1e-6)


def test_what_is_not_finite_is_found_on_the_disk_too(tmp_path, monkeypatch):
    starfile = pytest.importorskip("starfile")
    images = np.ones((4, SIZE, SIZE), np.float32)
    images[3, 0, 0] = np.nan
    with mrcfile.new(tmp_path / "a.mrcs") as file:
        file.set_data(images)
    names = pd.DataFrame({"rlnImageName": [f"{i + 1:06d}@a.mrcs" for i in range(4)], "rlnOpticsGroup": 1})
    starfile.write({"optics": pd.DataFrame(OPTICS), "particles": names}, tmp_path / "a.star")
    monkeypatch.setattr("unsup_jax.files.particles.IN_MEMORY", 100)
    with pytest.raises(InputError, match="NaN or infinite"):
        ElectronMicroscope().read([tmp_path / "a.star"])


def test_a_box_reduces_particles_and_keeps_their_places(particles):
    folder, *_ = particles
    modality = lambda box: ElectronMicroscope(poses=str(poses(particles, folder)), box=box, pixel_size_angstrom=PIXEL)
    (whole,), (small,) = (modality(box).read([folder / "a.mrcs"], dimensions=3) for box in (None, 13))
    big, little = whole.measurements[0], small.measurements[0]
    assert little.y.shape == (COUNT, 13, 13, 1) and small.source.pixel_size_angstrom == pytest.approx(PIXEL * SIZE / 13)
    np.testing.assert_allclose(little.y.mean((1, 2)), big.y.mean((1, 2)), rtol=1e-4, atol=1e-3)
    np.testing.assert_allclose(little.operator.operator.shift, big.operator.operator.shift * 13 / SIZE, rtol=1e-5)


def poses(particles, folder):
    """cryoDRGN's file of the poses: rotations, and what brings the particles to the middle in widths of the image."""
    _, _, angles, shifts, _ = particles
    with open(folder / "poses.pkl", "wb") as file:
        pickle.dump((turned(angles), -shifts / SIZE), file)
    return folder / "poses.pkl"


def test_poses_of_cryodrgn_stand_beside_a_stack(particles, tmp_path):
    folder, volume, _, _, defocus = particles
    parameters = np.column_stack([np.full(COUNT, SIZE), np.full(COUNT, PIXEL), defocus, defocus - 300, np.full(COUNT, np.rad2deg(0.4)),
                                  np.full(COUNT, 300), np.full(COUNT, 2.7), np.full(COUNT, 0.1), np.zeros(COUNT)])
    with open(tmp_path / "ctf.pkl", "wb") as file:
        pickle.dump(parameters, file)
    modality = ElectronMicroscope(poses=str(poses(particles, tmp_path)), ctf_parameters=str(tmp_path / "ctf.pkl"))
    made = made_of(ConjugateGradient(steps=8), modality, folder / "a.mrcs", tmp_path / "volume.mrc", dimensions=3)
    assert np.corrcoef(made.ravel(), volume.ravel())[0, 1] > 0.9   # the CTF passes a tenth of the lowest frequencies
    with open(tmp_path / "evil.pkl", "wb") as file:
        pickle.dump(print, file)
    with pytest.raises(InputError, match="accepted are arrays"):
        cryodrgn.read_poses(tmp_path / "evil.pkl")


def test_a_cs_of_cryosparc_says_the_same(particles, tmp_path):
    from scipy.spatial.transform import Rotation

    folder, _, angles, shifts, defocus = particles
    pose = Rotation.from_matrix(turned(angles)).inv().as_rotvec()
    fields = {
        "blob/path": np.full(COUNT, b"J1/extract/a.mrcs"), "blob/idx": np.arange(COUNT, dtype="<u4"), "blob/psize_A": np.full(COUNT, PIXEL, "<f4"),
        "ctf/df1_A": defocus.astype("<f4"), "ctf/df2_A": (defocus - 300).astype("<f4"), "ctf/df_angle_rad": np.full(COUNT, 0.4, "<f4"),
        "ctf/cs_mm": np.full(COUNT, 2.7, "<f4"), "ctf/accel_kv": np.full(COUNT, 300, "<f4"), "ctf/amp_contrast": np.full(COUNT, 0.1, "<f4"),
        "alignments3D/pose": pose.astype("<f4"), "alignments3D/shift": (-shifts).astype("<f4"),
    }
    array = np.zeros(COUNT, [(name, values.dtype, values.shape[1:]) for name, values in fields.items()])
    for name, values in fields.items():
        array[name] = values
    with open(folder / "a.cs", "wb") as file:
        np.save(file, array)
    found = cryosparc.read(folder / "a.cs")
    np.testing.assert_allclose(found.rotations, turned(angles), atol=1e-5)
    np.testing.assert_allclose(found.shifts, shifts, rtol=1e-5)
    np.testing.assert_allclose(found.optics["defocus_v_angstrom"], defocus - 300, rtol=1e-5)
    with open(tmp_path / "none.cs", "wb") as file:
        np.save(file, array[["blob/idx", "blob/psize_A"]])
    with pytest.raises(InputError, match="has no blob/path"):
        cryosparc.read(tmp_path / "none.cs")


def test_particles_of_relion_are_read_as_they_are(shared_data):
    """cryoDRGN's five particles in RELION 3.1's STAR: optics of a table of their own, 2.806 angstrom."""
    pytest.importorskip("starfile")
    found = star.read(shared_data / "cryo_em" / "CryoEM_relion31" / "relion31.star")
    assert found.images.shape == (5, 256, 256) and found.pixel_size_angstrom == pytest.approx(2.806)
    assert found.optics["defocus_u_angstrom"][0] == pytest.approx(13108.08, rel=1e-6) and found.optics["spherical_aberration_mm"][0] == pytest.approx(0.01)
    np.testing.assert_allclose(np.linalg.det(found.rotations), 1, atol=1e-9)


def test_a_volume_is_made_of_its_projections(shared_data, tmp_path):
    """cryoDRGN's toy volume, of 1000 noiseless projections at known rotations."""
    folder = shared_data / "cryo_em"
    np.savez(tmp_path / "poses.npz", np.load(folder / "cryodrgn_toy_rot_trans.npz")["rotations"])
    modality = ElectronMicroscope(poses=str(tmp_path / "poses.npz"), pixel_size_angstrom=1.0)
    made = made_of(ConjugateGradient(steps=5), modality, folder / "cryodrgn_toy_projections.mrcs", tmp_path / "toy.mrc", dimensions=3)
    assert np.corrcoef(made.ravel(), mrcfile.read(folder / "cryodrgn_toymodel_small_nocenter.mrc").ravel())[0, 1] > 0.9
