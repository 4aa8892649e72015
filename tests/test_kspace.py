"""k-space of every format against the array it was written from, its geometry against known places, and what is made of it."""

from pathlib import Path

import jax
import numpy as np
import pytest
from helpers import centred_kspace
from scans import slices, unitary, xml

from unsup_jax import provenance
from unsup_jax.apply import reconstruct_files
from unsup_jax.core import Measurement
from unsup_jax.data import Data, Stream
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.evaluate.metrics import nmse
from unsup_jax.experiment import Experiment
from unsup_jax.inference import estimator
from unsup_jax.files import listed
from unsup_jax.files.kspace import is_kspace, read_kspace, write_images
from unsup_jax.files.scan import Scan
from unsup_jax.methods import ConjugateGradient
from unsup_jax.modalities import Camera, Scanner
from unsup_jax.modalities.kspace import measurements
from unsup_jax.modalities.mri import loop_coils
from unsup_jax.operators import SENSE
from unsup_jax.operators.trajectories import radial

pytestmark = pytest.mark.usefixtures("quick_compilation")


def write_cfl(path, array):
    """Axes in BART's order, the first one fastest."""
    np.asarray(array, np.complex64).ravel(order="F").tofile(path.with_suffix(".cfl"))
    path.with_suffix(".hdr").write_text("# Dimensions\n" + " ".join(map(str, array.shape)) + "\n# Command\nfmac\n")
    return path.with_suffix(".cfl")


def write_fastmri(path, kspace, **datasets):
    import h5py

    with h5py.File(path, "w") as file:
        file["kspace"] = kspace
        for name, value in datasets.items():
            file[name] = value
    return path


def test_formats_agree(tmp_path):
    """One scan in four formats: the same k-space, and the same measurements, whose adjoint is the image where all was sampled."""
    kspace = slices()
    np.save(tmp_path / "a.npy", kspace)
    write_fastmri(tmp_path / "a.h5", kspace)
    write_cfl(tmp_path / "a", kspace.transpose(2, 3, 1, 0).reshape(32, 32, 1, 4, *[1] * 9, 2))
    write_cfl(tmp_path / "hybrid", kspace.transpose(2, 3, 1, 0).reshape(1, 32, 32, 4, *[1] * 9, 2))
    for name in ("a.npy", "a.h5", "a.cfl", "hybrid.cfl"):
        assert is_kspace(tmp_path / name)
        np.testing.assert_array_equal(read_kspace(tmp_path / name).kspace, kspace)
    assert not is_kspace(tmp_path / "none.h5")
    found = Data(path=str(tmp_path / "a.cfl"), patch=None).load(Scanner(), set(), 0).test
    assert len(found) == 2 and found[0].operator.mask.all() and found[0].operator.sensitivity_maps.shape[0] == 1
    back = np.abs(np.asarray(found[0].operator.adjoint(found[0].y)))[..., 0]
    image = centred_kspace(1)[1]
    inside = image > 0.2 * image.max()                              # the maps of single pixels at edges are uncertain
    assert np.quantile(np.abs(back - image)[inside], 0.95) < 0.02 * image.max()
    with pytest.raises(InputError, match="which MRI reads; the instrument of this experiment is denoising"):
        Data(path=str(tmp_path / "a.cfl"), patch=None).load(Camera(), set(), 0)


def test_bart_axes(tmp_path):
    """Echoes and slices are images of their own, averages are averaged where they were sampled, a third axis of space becomes slices."""
    kspace = slices(4)
    echoes = kspace.reshape(2, 2, 4, 32, 32)                        # slice, echo, coil, read, phase
    path = write_cfl(tmp_path / "te", echoes.transpose(3, 4, 2, 1, 0).reshape(32, 32, 1, 4, 1, 2, *[1] * 7, 2))
    np.testing.assert_array_equal(read_kspace(path).kspace, kspace)
    averages = np.stack([0.5 * kspace[0], 1.5 * kspace[0]])
    averages[0, :, :, :10] = 0
    found = read_kspace(write_cfl(tmp_path / "avg", averages.transpose(2, 3, 1, 0).reshape(32, 32, 1, 4, *[1] * 10, 2))).kspace[0]
    np.testing.assert_allclose(found[..., 10:], kspace[0, ..., 10:], rtol=1e-5)
    np.testing.assert_allclose(found[..., :10], 1.5 * kspace[0, ..., :10], rtol=1e-5)
    volume = np.random.default_rng(0).random((3, 12, 10, 9)) + 5 * (np.hypot(*np.mgrid[-1:1:10j, -1:1:9j]) < 0.7)
    path = write_cfl(tmp_path / "volume", np.moveaxis(unitary(np.fft.fftn, volume, (1, 2, 3)), 0, -1))
    np.testing.assert_allclose(read_kspace(path).kspace, unitary(np.fft.fftn, volume, (2, 3)).swapaxes(0, 1), atol=1e-4)
    radius = np.abs(np.arange(64) - 32)
    spokes = np.exp(-radius / 4)[None, :, None, None] * np.random.default_rng(1).normal(size=(1, 64, 30, 2))
    for array, message in ((spokes, "spokes or spirals"), (np.ones((3, 64, 30)), "a trajectory"), (np.ones((9, 9, 1, 2, 2)), "not MAPS"),
                           (np.ones((32, 1, 1, 4)), "takes two of")):
        with pytest.raises(InputError, match=message):
            read_kspace(write_cfl(tmp_path / "bad", array))


def test_bart_spokes_take_the_trajectory_beside_them(tmp_path):
    """Each sample keeps its place, in parts of the matrix that the trajectory reaches; slices may share one trajectory."""
    k = np.asarray(radial(20, 30)).reshape(20, 30, 2)
    value = lambda k: np.exp(-50 * np.sum(k**2, -1)) * (1 + k[..., 0] + 2j * k[..., 1])
    y = np.multiply.outer([[1, 2], [3, 4]], value(k))               # slice, coil, spoke, sample
    path = write_cfl(tmp_path / "a", y.transpose(3, 2, 1, 0).reshape(1, 30, 20, 2, *[1] * 9, 2))
    write_cfl(tmp_path / "a_traj", np.concatenate([k * [30, 30], np.zeros((20, 30, 1))], -1).transpose(2, 1, 0))
    scan = read_kspace(path)
    assert scan.trajectory.frame == (30, 30)
    for i in range(2):
        np.testing.assert_allclose(scan.kspace[i], np.outer(2 * i + np.array([1, 2]), value(scan.trajectory.coordinates[i])), atol=1e-5)
    assert listed(tmp_path) == listed(tmp_path / "*.cfl") == [path]     # a folder of scans is their samples
    assert provenance.of_files(str(tmp_path))["files"] == 4             # and what they were made of the trajectories too
    write_cfl(tmp_path / "a_traj", np.ones((3, 30, 20)))
    with pytest.raises(InputError, match="accepted are plane ones"):
        read_kspace(path)


def test_one_coil_is_slices_and_sees_all_alike(tmp_path):
    """fastMRI's single-coil layout [slice, H, W], and an NPY [H, W]: the measurement of an image is its transform."""
    images = np.abs(unitary(np.fft.ifft2, slices(6)[:, 0], (1, 2)))
    kspace = unitary(np.fft.fft2, images, (1, 2))
    np.save(tmp_path / "one.npy", kspace[0])
    write_fastmri(tmp_path / "single.h5", kspace)
    for name, count in (("single.h5", 6), ("one.npy", 1)):
        found = measurements([read_kspace(tmp_path / name)])
        assert len(found) == count
        np.testing.assert_allclose(np.asarray(found[0].operator.adjoint(found[0].y))[..., 0], images[0], atol=1e-4 * images.max())
    with pytest.raises(InputError, match="2 sets of maps of one coil"):
        measurements([read_kspace(tmp_path / "one.npy")], sets=2)


def test_bad_kspace_is_named(tmp_path):
    kspace, _ = centred_kspace()
    lines = kspace.copy()
    lines[:, :, ::2] = 0
    arrays = {"flat": kspace[0, 0], "lines": lines, "zero": 0 * kspace, "corner": np.fft.ifftshift(kspace, (1, 2)), "nan": kspace * np.nan}
    messages = {"flat": "shape", "lines": "fully sampled", "zero": "all zero", "corner": "zero frequency in the middle", "nan": "NaN"}
    (tmp_path / "b.cfl").write_bytes(kspace.tobytes())
    for name, message in messages.items():
        np.save(tmp_path / f"{name}.npy", arrays[name])
        with pytest.raises(InputError, match=message):
            measurements([read_kspace(tmp_path / f"{name}.npy")])
    with pytest.raises(InputError, match="beside a .hdr"):
        read_kspace(tmp_path / "b.cfl")
    for text, message in (("# Dimensions\n8 8 1 4\n", "header says"), ("# Dimensions\n", "no sizes")):
        (tmp_path / "b.hdr").write_text(text)
        with pytest.raises(InputError, match=message):
            read_kspace(tmp_path / "b.cfl")
    with pytest.raises(InputError, match="accepted are complex"):
        read_kspace(write_fastmri(tmp_path / "real.h5", np.abs(kspace)))
    with pytest.raises(InputError, match="mask of 7 lines"):
        read_kspace(write_fastmri(tmp_path / "mask.h5", kspace, mask=np.ones(7)))
    np.save(tmp_path / "good.npy", kspace)
    with pytest.raises(InputError, match="holds k-space, beside which --data.signal"):
        Data(path=str(tmp_path / "good.npy"), signal="x.npy", patch=None).load(Scanner(), set(), 0)
    with pytest.raises(InputError, match="nothing is written as"):
        write_images(tmp_path / "x.png", np.zeros((1, 32, 32, 1)), read_kspace(tmp_path / "good.npy"))


def test_fastmri_is_cropped_to_its_header(tmp_path):
    """Twofold oversampling goes from the readout exactly, the phase's when images are written; a mask says what was sampled."""
    kspace = slices()
    header = xml((32, 32, 1), (16, 24, 1), ((64, 96, 4), (32, 72, 4)))
    scan = read_kspace(write_fastmri(tmp_path / "a.h5", kspace, ismrmrd_header=header, mask=np.arange(32) != 3))
    assert scan.oversampling == (2, 4 / 3, 1) and scan.coil_names == ("HEA",) and scan.matrix == (16, 24)
    masked = kspace * (np.arange(32) != 3)
    np.testing.assert_allclose(unitary(np.fft.ifft2, scan.kspace, (2, 3)), unitary(np.fft.ifft2, masked, (2, 3))[:, :, 8:24], atol=1e-3)
    assert write_images(tmp_path / "a.npy", np.zeros((2, 16, 32, 1), np.complex64), scan) == "complex images, 2 x 16 x 24"
    assert np.load(tmp_path / "a.npy").shape == (2, 16, 24, 1)


def test_fastmri_holds_references(tmp_path):
    """The images beside k-space are the truth where they are asked for, in the middle of the frame of its images."""
    kspace = slices()
    images = np.sqrt(np.sum(np.abs(unitary(np.fft.ifft2, kspace, (2, 3))) ** 2, 1))
    for name, rss in (("a", images[:1, 4:28, 2:30]), ("b", images[1:, 4:28, 2:30])):
        write_fastmri(tmp_path / f"{name}.h5", kspace["ab".index(name), None], reconstruction_rss=rss)
    pattern = str(tmp_path / "*.h5")
    found = Data(path=pattern, truth=f"{pattern}:reconstruction_rss", patch=None, test=1 / 2).load(Scanner(), set(), 0).test
    back = np.abs(np.asarray(found[0].operator.adjoint(found[0].y)))
    truth = found[0].truth
    assert truth.shape == (32, 32, 1) and not truth[:4].any()
    assert np.quantile(np.abs(back - truth)[truth > 0.2 * truth.max()], 0.95) < 0.02 * truth.max()
    assert nmse(back * 1j, truth) == nmse(back, truth)              # a modulus knows no phase
    with pytest.raises(InputError, match="moduli that lack its phase"):
        Data(path=pattern, truth=f"{pattern}:reconstruction_rss", patch=None).load(Scanner(), {"truth"}, 0)
    with pytest.raises(InputError, match="2 measurements; they must agree"):
        np.save(tmp_path / "c.npy", kspace)
        write_fastmri(tmp_path / "d.h5", kspace, reconstruction_rss=images[:1])
        Data(path=str(tmp_path / "c.npy"), truth=f"{tmp_path / 'd.h5'}:reconstruction_rss", patch=None).load(Scanner(), set(), 0)


def write_ismrmrd(path, kspace, header, *, first=0, discarded=2, directions=None, places=None, reverse=False):
    """[slice, coil, readout, phase, partition] as a scanner stores it: shuffled lines, a partial readout, noise, one line twice."""
    import ismrmrd

    count, coils, readout, phase, partitions = kspace.shape
    rng = np.random.default_rng(0)
    with ismrmrd.Dataset(path, mode="w") as file:
        file.write_xml_header(header.encode())
        noise = ismrmrd.Acquisition.from_array(rng.normal(size=(coils, 8)).astype(np.complex64))
        noise.set_flag(ismrmrd.ACQ_IS_NOISE_MEASUREMENT)
        file.append_acquisition(noise)
        order = [(s, p, z) for s in range(count) for p in range(first, phase) for z in range(partitions)]
        for s, p, z in [order[0], *(order[i] for i in rng.permutation(len(order)))]:
            a = ismrmrd.Acquisition.from_array(np.pad(kspace[s, :, first:, p, z], ((0, 0), (discarded, 0))))
            a.idx.slice, a.idx.kspace_encode_step_1, a.idx.kspace_encode_step_2 = s, p - first, z
            a.discard_pre, a.center_sample = discarded, readout // 2 - first + discarded
            for name, direction in zip(("read_dir", "phase_dir", "slice_dir"), () if directions is None else directions):
                getattr(a, name)[:] = direction
            if places is not None:
                a.position[:] = places[s]
            if reverse:
                a.set_flag(ismrmrd.ACQ_IS_REVERSE)
            file.append_acquisition(a)
    return path


def test_ismrmrd_is_read_as_it_was_acquired(tmp_path):
    pytest.importorskip("ismrmrd")
    kspace = slices()
    header = lambda **settings: xml((32, 32, 1), (32, 32, 1), ((1, 1, 1), (1, 1, 1)), **settings)
    whole = kspace[..., None]
    assert is_kspace(write_ismrmrd(tmp_path / "a.mrd", whole, header()))
    np.testing.assert_allclose(read_kspace(tmp_path / "a.mrd").kspace, kspace, rtol=1e-6)
    partial = read_kspace(write_ismrmrd(tmp_path / "partial.h5", whole, header(centre=10), first=6))    # an asymmetric echo and partial Fourier
    expected = kspace.copy()
    expected[:, :, :6], expected[..., :6] = 0, 0
    np.testing.assert_allclose(partial.kspace, expected, rtol=1e-6)
    refused = {
        "spiral k-space with 0 trajectory dimensions": {"header": header(trajectory="spiral")}, "[0-9]+ reversed": {"reverse": True},
        "outside of its": {"header": header(centre=3)},
    }
    for message, settings in refused.items():
        with pytest.raises(InputError, match=message):
            read_kspace(write_ismrmrd(tmp_path / "bad.h5", whole, **{"header": header(), **settings}))


OBLIQUE = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))[0]     # rows: read, phase, slice


@pytest.mark.parametrize("partitions", [1, 9])
def test_a_voxel_lies_in_nifti_where_the_scanner_put_it(tmp_path, partitions):
    """A bright point of an oblique scan, twofold oversampled: from the header's directions and position (LPS) to NIfTI's RAS."""
    pytest.importorskip("ismrmrd")
    nibabel = pytest.importorskip("nibabel")
    shape, size = (32, 18, partitions), np.array([2.0, 3.0, 5.0])
    header = xml(shape, (16, 18, partitions), (shape * size, (16 * 2.0, 18 * 3.0, partitions * 5.0)))
    place, count = np.array([20, 6, partitions // 3]), 1 if partitions > 1 else 3   # a slab, or slices 7 mm apart
    centre = np.array([10.0, -20.0, 30.0])
    centres = [centre + 7 * s * OBLIQUE[2] for s in range(count)]
    volume = np.full((count, 2, *shape), 0.01)
    volume[-1, :, *place] = 1
    kspace = unitary(np.fft.fftn, volume, (2, 3, 4) if partitions > 1 else (2, 3))
    kspace = kspace + (np.indices(shape) == np.reshape([n // 2 for n in shape], (3, 1, 1, 1))).all(0) * 50      # a scan is largest in the middle
    scan = read_kspace(write_ismrmrd(tmp_path / "a.h5", kspace.astype(np.complex64), header, directions=OBLIQUE, places=centres))
    images = np.abs(unitary(np.fft.ifft2, scan.kspace, (2, 3)))[:, 0, ..., None]
    assert write_images(tmp_path / "a.nii.gz", images, scan).startswith("the modulus")
    found = nibabel.load(tmp_path / "a.nii.gz")
    zooms = found.header.get_zooms()
    np.testing.assert_allclose(zooms, (3, 2, 7) if partitions == 1 else (5, 3, 2), rtol=1e-5)
    brightest = np.unravel_index(np.asarray(found.dataobj).argmax(), found.shape)
    offset = (place - np.array(shape) // 2) * size
    expected = (centres[-1] + offset @ OBLIQUE) * (-1, -1, 1)
    np.testing.assert_allclose(found.affine @ (*brightest, 1), (*expected, 1), atol=1e-3)


def test_slices_that_no_affine_places_are_not_written_to_nifti(tmp_path):
    pytest.importorskip("ismrmrd")
    header = xml((32, 32, 1), (32, 32, 1), ((64, 64, 4), (64, 64, 4)))
    for places, even in (((0, 5, 10), True), ((10, 5, 0), True), ((0, 10, 5), True), ((0, 5, 11), False)):
        scan = read_kspace(write_ismrmrd(
            tmp_path / "a.h5", slices(3)[..., None], header, directions=np.eye(3), places=[(0, 0, z) for z in places]))
        assert scan.geometry.even == even
        if places == (0, 10, 5):                                    # slices in the order of their places
            np.testing.assert_allclose(scan.kspace, slices(3)[[0, 2, 1]], rtol=1e-6)
    with pytest.raises(InputError, match="equal distances"):
        write_images(tmp_path / "a.nii", np.zeros((3, 32, 32, 1)), scan)


def small_field_of_view(size=64, field=44, coils=8):
    """Every second line and the centre of a scan whose field of view is smaller than the object along the phase, and its root of sum of squares."""
    y, x = np.mgrid[-1:1:size * 1j, -1:1:size * 1j]
    image = ((x / 0.9) ** 2 + (y / 0.8) ** 2 < 1) * (1 + 0.5 * np.cos(9 * x) * np.sin(7 * y)) + 0.8 * ((x - 0.2) ** 2 + y**2 < 0.05)
    seen = np.asarray(loop_coils(coils, (size, size))) * image
    folded = np.zeros((coils, size, field), complex)
    for column in range(size):
        folded[:, :, (column - size // 2 + field // 2) % field] += seen[:, :, column]
    rng = np.random.default_rng(0)
    kspace = unitary(np.fft.fft2, folded, (1, 2))
    kspace = kspace + 1e-3 * (rng.normal(size=kspace.shape) + 1j * rng.normal(size=kspace.shape))
    sampled = (np.arange(field) % 2 == 0) | (np.abs(np.arange(field) - field // 2) <= 8)
    return (kspace * sampled).astype(np.complex64), np.sqrt(np.sum(np.abs(folded) ** 2, 0))


@pytest.mark.slow
def test_a_small_field_of_view_takes_two_sets_of_maps():
    kspace, truth = small_field_of_view()
    scan = Scan(Path("scan"), kspace[None])
    quality = {}
    for sets in (None, 1):
        (one,) = Scanner(maps=sets).of_scans([scan])
        ((x, _, _),) = estimator(ConjugateGradient(steps=8), None, jax.random.key(0))([one])
        quality[sets] = psnr(np.sqrt(np.sum(np.abs(x) ** 2, -1)), truth)
    assert quality[None] > quality[1] + 8, quality
    chosen = Scanner().of_scans([scan])
    assert chosen[0].operator.sensitivity_maps.shape[0] == 2 and "2 sets of ESPIRiT maps of 8 coils" in Scanner().notes(chosen)[0]
    whole = Scan(Path("whole"), slices(1))
    mixed = Scanner().of_scans([scan, whole])                           # all of one number of coils and of sets
    assert [m.operator.sensitivity_maps.shape[:2] for m in mixed] == [(2, 8), (2, 8)] and not mixed[1].y[4:].any()
    with pytest.raises(InputError, match="takes 2 sets of maps, and the run was trained on 1"):
        Scanner().of_scans([scan], channels=1)


def test_images_become_a_bart_file(tmp_path):
    images = np.random.default_rng(0).normal(size=(2, 16, 12, 3)).astype(np.complex64)
    assert write_images(tmp_path / "o.cfl", images, Scan(Path("a"), images)) == "complex images, 2 x 16 x 12 of 3 sets"
    sizes = [int(n) for n in (tmp_path / "o.hdr").read_text().splitlines()[1].split()]
    found = np.fromfile(tmp_path / "o.cfl", np.complex64).reshape(sizes, order="F")     # READ, PHS1, ..., MAPS fifth, ..., SLICE 14th
    np.testing.assert_array_equal(found.squeeze().transpose(3, 0, 1, 2), images)
    assert sizes == [16, 12, 1, 1, 3, *[1] * 8, 2, 1, 1] and len(list(tmp_path.iterdir())) == 2


def test_a_batch_is_of_one_shape():
    """Scans of two matrices train together, each as often as there are slices of it."""
    one = lambda width: Measurement(np.ones((2, 8, width), np.complex64), SENSE(np.ones((1, 2, 8, width)), np.ones((8, width))))
    stream = Stream([one(8), one(10), one(8), one(8)], batch=2, patch=None, augment=False, seed=0)
    shapes = [batch.y.shape for batch in stream.fixed(40)]
    assert [shapes.count((2, 2, 8, width)) for width in (8, 10)] == [30, 10]
    again = stream.batches()
    assert [next(again).y.shape for _ in range(40)] == shapes
    with pytest.raises(InputError, match="several processes"):
        stream.batches(2, 0)


def test_folders_of_scans_of_several_coils(tmp_path):
    """All volumes are read, those of few coils filled up; a folder is reconstructed into a folder, each file under its name."""
    import h5py

    (tmp_path / "in").mkdir()
    for coils in (4, 6):
        write_fastmri(tmp_path / "in" / f"file{coils}.h5", slices(coils=coils))
    for path in (tmp_path / "in", tmp_path / "in" / "*.h5"):
        found = Data(path=str(path), patch=None).load(Scanner(), set(), 0).test
        assert [m.y.shape for m in found] == [(6, 32, 32)] * 4 and not found[0].y[4:].any()
        np.testing.assert_array_equal(found[0].operator.sensitivity_maps[0, 4:], 0)
    experiment = Experiment(ConjugateGradient(steps=2), Scanner(), Data(path="x", patch=None))
    reconstruct_files(experiment, tmp_path, tmp_path / "in", tmp_path / "out")
    for coils in (4, 6):
        with h5py.File(tmp_path / "out" / f"file{coils}.h5") as file:
            assert file["image"].shape == (2, 32, 32, 1)
    with pytest.raises(InputError, match="is the input"):
        reconstruct_files(experiment, tmp_path, tmp_path / "in" / "file4.h5", tmp_path / "in" / "file4.h5")
    with pytest.raises(InputError, match="does not exist"):
        reconstruct_files(experiment, tmp_path, tmp_path / "in" / "file4.h5", tmp_path / "no" / "x.h5")
    np.save(tmp_path / "in" / "image.npy", np.ones((8, 8)))
    with pytest.raises(InputError, match="image.npy: holds no measurement of MRI, which takes k-space"):
        Data(path=str(tmp_path / "in"), patch=None).load(Scanner(), set(), 0)
