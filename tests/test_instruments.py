"""Instruments read what they write: files of independent libraries, real ones, and what is made of them in the field's formats."""

import jax.numpy as jnp
import numpy as np
import pytest
import tifffile
from helpers import made_of, projected

from unsup_jax.apply import reconstruct_files
from unsup_jax.data import Data, Phantoms
from unsup_jax.errors import InputError
from unsup_jax.experiment import Experiment
from unsup_jax.files import open_image
from unsup_jax.methods import FilteredBackProjection, RichardsonLucy
from unsup_jax.modalities import Blurred, Camera, CoarseCamera, Inpainting, Scanner, TiltSeries, Tomograph
from unsup_jax.operators import Radon, airy_psf, gaussian_psf, gibson_lanni_psf
from unsup_jax.operators.rotation_axis import rotation_axis

pytestmark = pytest.mark.usefixtures("quick_compilation")


def turning(centre, views=60, size=33, depth=2, extent=np.pi):
    """(slices [depth, size, size], their line integrals [angle, depth, detector] about `centre`, angles)."""
    x = np.stack([np.asarray(image)[..., 0] for image in Phantoms("nuclei", count=depth, shape=(size, size), seed=3).images()])
    rows, columns = np.mgrid[:size, :size] - size // 2
    x = (x / 4000 * (np.hypot(rows, columns) < 0.4 * size)).astype(np.float32)
    angles = np.float32(np.arange(views) * extent / views)
    H = Radon(angles, size, detector=jnp.arange(size + 6, dtype=jnp.float32) - np.float32(centre))
    return x, np.asarray(projected(H, jnp.asarray(x)[..., None]))[..., 0], angles


@pytest.mark.parametrize("extent", [np.pi, 2 * np.pi / 3])
def test_the_axis_of_rotation_is_found(extent):
    _, y, angles = turning(21.3, extent=extent)
    assert abs(rotation_axis(y[:, 0] + y[:, 1], angles) - 21.3) < 0.25


def exchange(path, y, angles):
    """A DXchange file of counts behind uneven flat and dark fields, one pixel of the detector dead, and its slices' size."""
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(0)
    flat, dark = rng.uniform(2e4, 3e4, y.shape[1:]), rng.uniform(50, 100, y.shape[1:])
    flat[0, 5] = dark[0, 5]
    with h5py.File(path, "w") as file:
        file["exchange/data"] = (np.exp(-y) * (flat - dark) + dark).astype(np.float32)
        file["exchange/data_white"] = np.stack([flat - 30, flat + 30]).astype(np.float32)
        file["exchange/data_dark"] = dark[None].astype(np.float32)
        file["exchange/theta"] = np.rad2deg(angles)
        file["exchange/theta"].attrs["units"] = "degrees"
        for axis in "xy":
            file[f"measurement/instrument/detector/pixel_size_{axis}"] = 1.3
            file[f"measurement/instrument/detector/pixel_size_{axis}"].attrs["units"] = "micron"
    return path


def test_projections_of_dxchange_become_a_volume_with_its_voxels(tmp_path):
    x, y, angles = turning(20.0)
    path = exchange(tmp_path / "scan.h5", y, angles)
    modality = Tomograph()
    (recording,) = modality.read([path])
    np.testing.assert_allclose(recording.measurements[1].y[..., 0], y[:, 1], atol=2e-4)
    assert "found at pixel 20.0" in modality.notes(recording.measurements)[0] or "found at pixel 19.9" in modality.notes(recording.measurements)[0]
    volume = made_of(FilteredBackProjection(), Tomograph(centre=20.0), path, tmp_path / "volume.tif")
    inner = volume[:, 3:-3, 3:-3]
    assert volume.shape == (2, 39, 39) and np.abs(inner - x).mean() < 0.1 * x.max()
    metadata = open_image(tmp_path / "volume.tif").metadata
    np.testing.assert_allclose([metadata.scales[a].to("µm").step for a in "ZYX"], 1.3, rtol=1e-5)
    whole = made_of(FilteredBackProjection(), Tomograph(centre=20.0), path, tmp_path / "volume.mrc", dimensions=3)
    np.testing.assert_allclose(whole, volume, atol=1e-5)
    again = exchange(tmp_path / "again.h5", 0.9 * y, angles)
    (one, _), _ = Data(path=str(path), pair=str(again), patch=None).measure(Tomograph(centre=20.0), 0)
    np.testing.assert_allclose(one.pair[1:, 9], 0.9 * one.y[1:, 9], atol=1e-3)
    np.testing.assert_array_equal(one.pair_operator.angles, one.operator.angles)
    for other in (Camera(), Scanner()):
        with pytest.raises(InputError, match="scan.h5: holds projections of a turning specimen, which tomography reads"):
            Data(path=str(path)).measure(other, 0)


def test_projections_of_images_take_their_angles_from_a_text(tmp_path):
    _, y, angles = turning(19.0)
    tifffile.imwrite(tmp_path / "y.tif", y)
    tifffile.imwrite(tmp_path / "one.tif", y[:, 0])
    np.savetxt(tmp_path / "angles.txt", np.rad2deg(angles))
    given = Tomograph(angles=str(tmp_path / "angles.txt"), centre=19.0)
    (recording,) = given.read([tmp_path / "y.tif"])
    (single,) = Tomograph(angles="even", centre=19.0).read([tmp_path / "one.tif"])
    for one in (recording, single):
        np.testing.assert_allclose(one.measurements[0].y[..., 0], y[:, 0])
        np.testing.assert_allclose(one.measurements[0].operator.angles, angles, atol=1e-6)
    tifffile.imwrite(tmp_path / "flat.tif", np.full(y.shape[1:], 2.0, np.float32))
    (counted,) = Tomograph(angles="even", centre=19.0, flat=str(tmp_path / "flat.tif"), logarithm=True).read([tmp_path / "y.tif"])
    np.testing.assert_allclose(counted.measurements[0].y[..., 0], -np.log(np.maximum(y[:, 0] / 2, 1e-4)), atol=1e-5)
    np.savetxt(tmp_path / "few.txt", np.rad2deg(angles[1:]))
    for modality, message in (
        (Tomograph(angles=str(tmp_path / "few.txt")), "60 projections and 59 angles"), (Tomograph(), "holds no measurement of tomography"),
        (Tomograph(angles=str(tmp_path / "no.txt")), "no text of angles"),
    ):
        with pytest.raises(InputError, match=message):
            Data(path=str(tmp_path / "y.tif")).measure(modality, 0)
    truth = tmp_path / "truth.tif"
    tifffile.imwrite(truth, np.zeros((2, 38, 39), np.float32))
    with pytest.raises(InputError, match="a reference of shape"):
        Data(path=str(tmp_path / "y.tif"), truth=str(truth)).measure(given, 0)
    tifffile.imwrite(truth, np.ones((2, 39, 39), np.float32))
    measured, _ = Data(path=str(tmp_path / "y.tif"), truth=str(truth)).measure(given, 0)
    assert measured[1].truth.shape == (39, 39, 1)


def test_a_tilt_series_has_its_angles_beside_it(tmp_path):
    mrcfile = pytest.importorskip("mrcfile")
    x, y, angles = turning(19.0, extent=2 * np.pi / 3)
    with mrcfile.new(tmp_path / "series.mrc") as file:
        file.set_data((1000 * np.exp(-0.05 * y)).astype(np.float32))
        file.voxel_size = 4.2
    np.savetxt(tmp_path / "series.rawtlt", np.rad2deg(angles))
    assert not TiltSeries().reads(tmp_path / "other.mrc")
    volume = made_of(FilteredBackProjection(window="hann"), TiltSeries(), tmp_path / "series.mrc", tmp_path / "volume.mrc", dimensions=3)
    found = open_image(tmp_path / "volume.mrc")
    assert volume.shape == (39, 2, 39) and found.axes == "ZYX"      # [z, y, x] of a specimen [y, z, x]
    assert np.corrcoef(volume[3:-3, 0, 3:-3].ravel(), x[0].ravel())[0, 1] > 0.7
    np.testing.assert_allclose(found.metadata.scales["Z"].to("Å").step, 4.2, rtol=1e-5)


def test_a_tooth_is_read_from_a_synchrotron(shared_data, tmp_path):
    """tomopy's tooth: its axis lies at 296 of 640 pixels, where its documentation finds it, and the slice is air outside of the tooth."""
    path = shared_data / "tomography" / "tomopy_tooth.h5"
    modality = Tomograph()
    (recording,) = modality.read([path])
    place = -float(recording.measurements[0].operator.detector[0])
    assert len(recording.measurements) == 2 and abs(place - 296) < 1.5
    volume = made_of(FilteredBackProjection(window="hann"), Tomograph(centre=place), path, tmp_path / "tooth.tif")
    assert volume.shape == (2, 640, 640) and volume[0, 200:400, 200:400].mean() > 5 * abs(volume[0, :60, :60].mean())


def test_images_are_written_as_they_were_read(tmp_path):
    stack = np.random.default_rng(0).integers(0, 999, (3, 9, 11), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stack, imagej=True, metadata={"axes": "TYX"})
    (recording,) = Camera().read([tmp_path / "a.tif"])
    assert Camera().write(tmp_path / "b.tif", [one.y for one in recording.measurements], recording) == "3 images"
    again = open_image(tmp_path / "b.tif")
    assert again.axes == "TYX" and again.array.dtype == np.uint16
    np.testing.assert_array_equal(again.array, stack)


OME = """<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Instrument ID="Instrument:0">
<Objective ID="Objective:0" LensNA="1.2"/></Instrument><Image ID="Image:0"><ObjectiveSettings ID="Objective:0" RefractiveIndex="1.33"/>
<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="float" SizeX="21" SizeY="19" SizeZ="9" SizeC="1" SizeT="1" PhysicalSizeX="0.1"
PhysicalSizeY="0.1" PhysicalSizeZ="0.3"><Channel ID="Channel:0:0" SamplesPerPixel="1" EmissionWavelength="520"/><TiffData/></Pixels></Image></OME>"""


def test_optics_are_those_of_the_metadata_where_none_are_given(tmp_path):
    path = tmp_path / "stack.ome.tif"
    tifffile.imwrite(path, np.ones((9, 19, 21), np.float32), description=OME, metadata=None)
    optics = open_image(path).metadata.optics
    assert (optics.numerical_aperture, optics.index, optics.wavelengths_um) == (1.2, 1.33, (0.52,))
    known = {"numerical_aperture": 1.2, "wavelength_um": 0.52, "pixel_size_um": 0.1, "step_um": 0.3, "n_sample": 1.33, "n_immersion": 1.33,
             "n_immersion_design": 1.33}
    for modality, more in ((Blurred(psf="optics"), {}), (Blurred(psf="optics", wavelength_um=0.6), {"wavelength_um": 0.6})):
        (recording,) = modality.read([path], dimensions=3)
        np.testing.assert_allclose(recording.measurements[0].operator.psf, gibson_lanni_psf((9, 19, 21), **known | more), rtol=1e-4, atol=1e-9)
    tifffile.imwrite(tmp_path / "plain.tif", np.ones((19, 21), np.float32))
    with pytest.raises(InputError, match="takes --modality.numerical_aperture"):
        Data(path=str(tmp_path / "plain.tif")).measure(Blurred(psf="optics"), 0)


def test_an_image_is_deconvolved_by_the_psf_of_a_file(tmp_path):
    psf = np.asarray(gaussian_psf((9, 9), 1.5))
    tifffile.imwrite(tmp_path / "psf.tif", 7 * psf)
    point = np.zeros((33, 33, 1), np.float32)
    point[16, 20] = 1000
    modality = Blurred(psf=str(tmp_path / "psf.tif"))
    np.save(tmp_path / "y.npy", np.asarray(modality.of_image(point)(jnp.asarray(point)))[..., 0])
    x = made_of(RichardsonLucy(steps=50), modality, tmp_path / "y.npy", tmp_path / "x.npy")
    assert np.unravel_index(x.argmax(), x.shape) == (16, 20) and x.max() > 3 * np.load(tmp_path / "y.npy").max()
    assert "read from" in modality.notes(Data(path=str(tmp_path / "y.npy")).measure(modality, 0)[0])[0]
    tifffile.imwrite(tmp_path / "volume.tif", np.ones((5, 9, 9), np.float32))
    for name, message in (("volume.tif", "for images of 2 axes"), ("no.tif", "no such file")):
        with pytest.raises(InputError, match=message):
            Data(path=str(tmp_path / "y.npy")).measure(Blurred(psf=str(tmp_path / name)), 0)


def test_a_coarse_camera_makes_finer_images_of_its_files(tmp_path):
    """Its pixels are means of the blurred x; a point comes back on the finer grid, whose pixels the file says, where it was."""
    modality, point = CoarseCamera(psf_sigma=1.5), np.zeros((34, 38, 1), np.float32)
    point[16, 21] = 1000
    H = modality.of_image(np.zeros((17, 19, 1), np.float32))
    y = np.asarray(H(jnp.asarray(point)))
    light = np.asarray(Blurred(psf_sigma=1.5).of_image(point)(jnp.asarray(point)))
    np.testing.assert_allclose(y, light.reshape(17, 2, 19, 2, 1).mean((1, 3)), atol=1e-4)
    tifffile.imwrite(tmp_path / "y.tif", y[..., 0], imagej=True, resolution=(10.0, 10.0), metadata={"unit": "um"})
    x = made_of(RichardsonLucy(steps=50), modality, tmp_path / "y.tif", tmp_path / "x.tif")
    assert x.shape == (34, 38) and np.unravel_index(x.argmax(), x.shape) == (16, 21)
    assert open_image(tmp_path / "x.tif").metadata.scales["X"].to("µm").step == pytest.approx(0.05, rel=1e-5)
    known = {"numerical_aperture": 1.2, "wavelength_um": 0.52}
    optics = CoarseCamera(psf="optics", **known).read([tmp_path / "y.tif"])[0].measurements[0].operator.inner
    np.testing.assert_allclose(optics.psf, airy_psf((34, 38), pixel_size_um=0.05, **known), rtol=1e-3, atol=1e-9)
    with pytest.raises(InputError, match="the shape \\(9, 8, 1\\) is no multiple"):
        modality.operator(None, np.zeros((9, 8, 1)))
    with pytest.raises(InputError, match="finer of 2 or more, not 1"):
        CoarseCamera(finer=1)


def test_a_bead_is_deconvolved_by_its_measured_psf(shared_data, tmp_path):
    """flowdec's bead: the planes that hold half of its brightest plane's light are fewer than before."""
    folder = shared_data / "deconvolution"
    modality = Blurred(psf=str(folder / "flowdec_bead-25pct_kernel.tif"))
    source = tmp_path / "bead.npy"
    y = tifffile.imread(folder / "flowdec_bead-25pct_data.tif")
    np.save(source, y - y.min())
    experiment = Experiment(RichardsonLucy(steps=20), modality, Data(path=str(source), dimensions=3, patch=None))
    reconstruct_files(experiment, tmp_path, source, tmp_path / "x.npy", axes="ZYX")
    planes = lambda v: int((v.sum((1, 2)) > 0.5 * v.sum((1, 2)).max()).sum())
    assert planes(np.load(tmp_path / "x.npy")) < planes(np.load(source))


def test_missing_pixels_are_named_by_a_mask(tmp_path):
    rng = np.random.default_rng(0)
    mask = rng.random((16, 18)) > 0.3
    np.save(tmp_path / "y.npy", (mask * rng.random((16, 18))).astype(np.float32))
    np.save(tmp_path / "mask.npy", mask.astype(np.uint8))
    np.save(tmp_path / "small.npy", mask[1:].astype(np.uint8))
    (one,), _ = Data(path=str(tmp_path / "y.npy")).measure(Inpainting(mask=str(tmp_path / "mask.npy")), 0)
    np.testing.assert_array_equal(one.operator.mask[..., 0], mask)
    with pytest.raises(InputError, match="the mask of images"):
        Data(path=str(tmp_path / "y.npy")).measure(Inpainting(mask=str(tmp_path / "small.npy")), 0)
