"""Waves and molecules: images of LEDs, phase series, holograms and frames of blinking molecules, read and written in their formats."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from helpers import made_of, projected

from unsup_jax.apply import reconstruct_files
from unsup_jax.data import Data
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.files import open_image, thunderstorm, vendor
from unsup_jax.methods import FilteredBackProjection, GradientDescent, RichardsonLucy
from unsup_jax.modalities import Camera, DiffractionTomograph, FourierPtychographicMicroscope, LocalizationMicroscope
from unsup_jax.modalities.ptychography import spiral
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Diffraction, Emitters
from unsup_jax.operators.diffraction import potential, refocused

LEDS = {"positions": "spiral", "pitch_mm": 4.0, "height_mm": 90.88, "glass_mm": 1.0, "numerical_aperture": 0.1, "pixel_size_um": 1.845}

pytestmark = pytest.mark.usefixtures("quick_compilation")


def test_a_spiral_winds_around_its_middle():
    places = spiral(25)
    np.testing.assert_array_equal(places[:6], [(0, 0), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)])
    assert len({tuple(place) for place in places}) == 25 and np.abs(places).max() == 2
    np.testing.assert_array_equal(np.abs(np.diff(places, axis=0)).sum(1), 1)


def test_images_of_leds_become_amplitude_and_phase(tmp_path):
    import scipy.io

    row, column = np.mgrid[-1:1:64j, -1:1:64j]
    x = jnp.asarray((1 - 0.3 * (np.hypot(row, column) < 0.6)) * np.exp(1j * np.exp(-4 * (row**2 + column**2))), jnp.complex64)[..., None]
    microscope = FourierPtychographicMicroscope(**LEDS, coarser=2)
    placeholder = {"imlow_HDR": np.ones((32, 32, 25), np.float32), "wlength": 6.3e-7, "z": 0.0}
    scipy.io.savemat(tmp_path / "leds.mat", placeholder)
    (recording,) = microscope.read([tmp_path / "leds.mat"])
    intensities = np.square(np.asarray(projected(recording.measurements[0].operator, x)))[..., 0]
    scipy.io.savemat(tmp_path / "leds.mat", placeholder | {"imlow_HDR": np.moveaxis(intensities, 0, -1)})
    object_ = made_of(GradientDescent(steps=60), microscope, tmp_path / "leds.mat", tmp_path / "object.tif")
    truth = np.angle(np.asarray(x)[..., 0])
    assert object_.shape == (2, 64, 64) and np.corrcoef(object_[1].ravel(), truth.ravel())[0, 1] > 0.9
    assert open_image(tmp_path / "object.tif").metadata.scales["X"].to("µm").step == pytest.approx(1.845 / 2, rel=1e-5)
    np.savetxt(tmp_path / "places.txt", 4.0 * spiral(25))
    tifffile.imwrite(tmp_path / "stack.tif", intensities.astype(np.float32))
    named = FourierPtychographicMicroscope(**LEDS | {"positions": str(tmp_path / "places.txt")}, coarser=2, wavelength_um=0.63)
    (other,) = named.read([tmp_path / "stack.tif"])
    np.testing.assert_array_equal(other.measurements[0].operator.shifts, recording.measurements[0].operator.shifts)
    for modality, message in (
        (FourierPtychographicMicroscope(), "takes? --modality.positions"), (Camera(), "holds images of LEDs, which Fourier ptychography reads"),
    ):
        with pytest.raises(InputError, match=message):
            Data(path=str(tmp_path / "leds.mat"), patch=None).measure(modality, 0)


def test_a_blood_smear_fits_its_images(shared_data):
    """The 225 images of the Smart Imaging Lab: a few gradient steps lessen the misfit of the amplitudes by a third or more."""
    import jax

    from unsup_jax.train import solve

    (recording,) = FourierPtychographicMicroscope(**LEDS, coarser=3).read([shared_data / "ptychography" / "fpm_bloodsmear_red.mat"])
    (one,) = recording.measurements
    assert one.y.shape == (225, 128, 128, 1) and recording.source.defocus_um == pytest.approx(-55)
    misfit = lambda x: float(jnp.linalg.norm(projected(one.operator, x) - one.y))
    method = GradientDescent(steps=8)
    state, _ = solve(method, jax.random.key(0), one)
    assert misfit(method.reconstruct(jax.random.key(0), state, one)) < 0.67 * misfit(one.operator.guess(jnp.asarray(one.y)))


def ball(size=25, index=1.34, medium=1.335):
    row, column = np.indices((size, size)) - size // 2
    return (medium + (index - medium) * (np.hypot(row - 3, column + 2) < 5)).astype(np.float32)


def test_phase_series_become_a_refractive_index(tmp_path):
    h5py = pytest.importorskip("h5py")
    index, k = ball(), 2 * np.pi * 1.335 * 0.12 / 0.6
    angles = np.arange(30) * 2 * np.pi / 30
    H = Diffraction(np.float32(angles), np.float32(k), 25)
    y = np.asarray(projected(H, potential(jnp.asarray(np.stack([index] * 2))[..., None], 1.335, k)))[..., 0]       # [angle, row, detector]
    with h5py.File(tmp_path / "series.h5", "w") as file:
        for i, view in enumerate(y):
            group = file.create_group(f"qpi_{i}")
            group.attrs.update({"wavelength": 6e-7, "pixel size": 1.2e-7, "medium index": 1.335})
            group["phase/raw"], group["amplitude/raw"] = view.imag + 0.3, 2 * np.exp(view.real)
            group["phase/bg_data/data"], group["amplitude/bg_data/data"] = np.full(view.shape, 0.3), np.full(view.shape, 2.0)
    np.savetxt(tmp_path / "angles.txt", angles)
    microscope = DiffractionTomograph(angles=str(tmp_path / "angles.txt"))
    (recording,) = microscope.read([tmp_path / "series.h5"], dimensions=3)
    found = recording.measurements[0].y[..., 0]
    np.testing.assert_allclose(found.real, y.real, atol=1e-4)
    np.testing.assert_allclose(found.imag - found.imag.mean((1, 2), keepdims=True), y.imag - y.imag.mean((1, 2), keepdims=True), atol=1e-4)
    made = made_of(FilteredBackProjection(), microscope, tmp_path / "series.h5", tmp_path / "index.tif", dimensions=3)
    assert made.shape == (2, 25, 25) and np.corrcoef(made[1].ravel(), index.ravel())[0, 1] > 0.9
    assert open_image(tmp_path / "index.tif").metadata.scales["Z"].to("µm").step == pytest.approx(0.12, rel=1e-5)
    np.save(tmp_path / "fields.npy", np.exp(y[:, 1]).astype(np.complex64))
    light = {"wavelength_um": 0.6, "pixel_size_um": 0.12, "medium_index": 1.335}
    (slice_,) = DiffractionTomograph(angles="even", **light).read([tmp_path / "fields.npy"])
    np.testing.assert_allclose(slice_.measurements[0].y[..., 0].real, y[:, 1].real, atol=1e-3)
    for modality, message in (
        (DiffractionTomograph(angles="even", **light), "give --data.dimensions 3"), (Camera(), "holds phase images"),
        (DiffractionTomograph(), "which takes phase series of qpimage"),
    ):
        with pytest.raises(InputError, match=message):
            Data(path=str(tmp_path / "series.h5"), patch=None).measure(modality, 0)


def test_texts_of_fields_become_coefficients_of_the_potential(tmp_path):
    """Views as texts, within an arc, of the middle pixels, brought onto the grid: near the truth's own coefficients, which are those of the index."""
    n, k = ball(), 2 * np.pi * 1.335 * 0.12 / 0.6
    angles = np.arange(40) * 2 * np.pi / 40
    f = potential(jnp.asarray(n)[..., None], 1.335, k)
    field = np.exp(np.asarray(projected(Diffraction(np.float32(angles), np.float32(k), 25), f))[..., 0])
    for name, part in (("real", field.real), ("imag", field.imag)):
        np.savetxt(tmp_path / f"cell_{name}.txt", part)
    np.savetxt(tmp_path / "angles.txt", angles)
    np.save(tmp_path / "index.npy", n[2:-2, 2:-2])
    microscope = DiffractionTomograph(
        angles=str(tmp_path / "angles.txt"), wavelength_um=0.6, pixel_size_um=0.12, medium_index=1.335, gridded=True, middle=21)
    own = Data(path=str(tmp_path / "cell_real.txt"), truth=str(tmp_path / "index.npy"), patch=None)
    turned = Data(path=str(tmp_path / "cell_real.txt"), patch=None)
    (one,), _ = own.measure(microscope, 0)
    np.testing.assert_allclose(one.truth, np.asarray(f)[2:-2, 2:-2], atol=1e-6)
    exact = np.asarray(projected(one.operator, jnp.asarray(one.truth)))
    assert np.linalg.norm(one.y - exact) < 0.12 * np.linalg.norm(exact)                        # of views that are cut
    (part,), _ = turned.measure(dataclasses.replace(microscope, arc_degrees=100.0), 0)
    known, all_known = (np.asarray(m.operator.measured(m.y)) > 0 for m in (part, one))
    assert known.sum() < 0.8 * all_known.sum() and not (known & ~all_known).any()
    with pytest.raises(InputError, match="8 to 25 pixels can be taken"):
        turned.measure(dataclasses.replace(microscope, middle=30), 0)
    with pytest.raises(InputError, match="an arc of"):
        DiffractionTomograph(arc_degrees=400.0)
    np.savetxt(tmp_path / "cell_imag.txt", field.imag[:, 1:])
    with pytest.raises(InputError, match="they must agree"):
        turned.measure(microscope, 0)


def test_a_turning_specimen_is_measured_as_views_and_as_coefficients():
    """Without noise the coefficients are those of the potential that stands beside them, and so are those of the pair."""
    row, column = np.indices((25, 25)) - 12
    x = jnp.asarray(100 * np.exp(-((row - 3) ** 2 + (column + 2) ** 2) / 18), jnp.float32)[..., None]
    microscope = DiffractionTomograph(views=60, noise=Gaussian(0.0))
    views, gridded = (jax.jit(one.measure)(jax.random.key(0), x) for one in (microscope, dataclasses.replace(microscope, gridded=True)))
    np.testing.assert_allclose(views.y, views.operator(views.truth), atol=1e-4)
    exact = gridded.operator(gridded.truth)
    for y in (gridded.y, gridded.pair):
        assert jnp.linalg.norm(y - exact) < 0.04 * jnp.linalg.norm(exact)


def test_views_are_brought_back_to_the_axis():
    rng = np.random.default_rng(0)
    smooth = np.fft.ifft2(np.fft.fft2(rng.normal(size=(3, 16, 15))) * (np.hypot(*np.meshgrid(np.fft.fftfreq(16), np.fft.fftfreq(15), indexing="ij")) < 0.2))
    np.testing.assert_allclose(refocused(refocused(smooth, 2.0, 7.0), 2.0, -7.0), smooth, atol=1e-5)


def test_a_cell_is_read_from_its_phase_series(shared_data, tmp_path):
    """ODTbrain's HL60 cell: the middle of its 140 phases; an index above the medium's, as was published (1.34 to 1.40)."""
    import io
    import lzma
    import tarfile

    with tarfile.open(fileobj=io.BytesIO(lzma.open(shared_data / "odt" / "odt_qlsi_3d_hl60-cell_A140.tar.lzma").read())) as archive:
        for name in ("series.h5", "angles.txt"):
            (tmp_path / name).write_bytes(archive.extractfile(name).read())
    (recording,) = DiffractionTomograph(angles=str(tmp_path / "angles.txt")).read([tmp_path / "series.h5"], dimensions=3)
    one = recording.measurements[0]
    assert one.y.shape == (140, 140, 140, 1) and float(one.operator.wavenumber) == pytest.approx(2 * np.pi * 1.335 * 0.139 / 0.647, rel=1e-5)
    assert np.abs(one.y[..., 0].imag).max() > 1


def blinking(path, pixel_nm=100.0):
    """Four frames of three molecules each, well apart, and their places (row, column)."""
    rng = np.random.default_rng(1)
    frames, places = [], []
    for _ in range(4):
        place = np.array([(5.0, 5.0), (6.0, 15.0), (15.0, 9.0)]) + rng.uniform(-1, 1, (3, 2))
        frames.append(np.asarray(Emitters(jnp.float32(place), jnp.float32(1.3), (20, 22)).expose(jnp.full((1, 3), 2000.0), background=10.0))[0, ..., 0])
        places.append(place)
    tifffile.imwrite(path, np.stack(frames).astype(np.float32), imagej=True, resolution=(1000 / pixel_nm,) * 2, metadata={"unit": "um", "axes": "TYX"})
    return np.stack(places)


def test_frames_become_a_table_of_molecules_and_an_image(tmp_path):
    places = blinking(tmp_path / "frames.tif")
    microscope = LocalizationMicroscope(sigma_nm=130.0, background=10.0)
    experiment = Experiment(RichardsonLucy(steps=60), microscope, Data(path="x", patch=None))
    reconstruct_files(experiment, tmp_path, tmp_path / "frames.tif", tmp_path / "molecules.csv")
    table = thunderstorm.read(tmp_path / "molecules.csv")
    assert len(table["frame"]) == 12
    for t in range(4):
        own = np.stack([table["y [nm]"], table["x [nm]"]], 1)[table["frame"] == t + 1]
        distance = np.hypot(*np.moveaxis(own[:, None] - 100 * (places[t] + 0.5), -1, 0))
        assert distance.min(1).max() < 15 and len(own) == 3         # nm
    np.testing.assert_allclose(table["intensity [photon]"], 2000, rtol=0.1)
    image = made_of(RichardsonLucy(steps=5), microscope, tmp_path / "frames.tif", tmp_path / "sum.tif")
    assert image.shape == (80, 88) and open_image(tmp_path / "sum.tif").metadata.scales["X"].to("nm").step == pytest.approx(25, rel=1e-4)
    np.save(tmp_path / "frames.npy", np.ones((3, 20, 22), np.float32))
    with pytest.raises(InputError, match="says no pixel size"):
        microscope.read([tmp_path / "frames.npy"])
    (tmp_path / "bad.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InputError, match="it lacks frame"):
        thunderstorm.read(tmp_path / "bad.csv")


def test_molecules_of_thunderstorm_lie_where_the_frames_are_bright(shared_data):
    """Deep-STORM's simulated frames and ThunderSTORM's table of them: the pixels of molecules are brighter than the others."""
    (recording,) = LocalizationMicroscope().read([shared_data / "smlm" / "deepstorm_artificial.tif"])
    table = thunderstorm.read(shared_data / "smlm" / "deepstorm_positions.csv")
    assert len(recording.measurements) == 20 and recording.source == pytest.approx(100)
    frame, row, column = table["frame"].astype(int) - 1, (table["y [nm]"] / 100).astype(int), (table["x [nm]"] / 100).astype(int)
    stack = np.stack([one.y[..., 0] for one in recording.measurements])
    inside = (frame < 20) & (row < 64) & (column < 64)
    assert inside.mean() > 0.9 and stack[frame[inside], row[inside], column[inside]].mean() > stack.mean() + stack.std()


def test_a_maker_s_file_names_the_extra_that_reads_it(tmp_path):
    (tmp_path / "a.czi").write_bytes(b"ZISRAWFILE")
    try:
        import bioio_czi  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match=r"pip install 'unsup_jax\[bioio\]'"):
            open_image(tmp_path / "a.czi")
    else:
        with pytest.raises(InputError, match="not a readable vendor file"):
            open_image(tmp_path / "a.czi")
    assert set(vendor._READERS) == {".czi", ".nd2", ".lif"}
