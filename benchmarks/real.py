"""Real data: the classical methods, zero-shot reconstruction and RARE on measurements of instruments, with the figures that can be checked.

Each function takes the folder of the data and yields (figure, value). Tests assert on the quick ones.
"""

import io
import lzma
import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

import experiments
from unsup_jax.core import Measurement
from unsup_jax.evaluate import psnr
from unsup_jax.losses import Split
from unsup_jax.methods import (
    BM3D, GRAPPA, ConjugateGradient, FilteredBackProjection, GaussianFilter, GerchbergPapoulis, GradientDescent, NonLocalMeans,
    ProximalGradient, RichardsonLucy, SliceGRAPPA, WaveletShrinkage, Wiener,
)
from unsup_jax.modalities import FourierPtychographicMicroscope
from unsup_jax.operators import (
    SENSE, Convolution, Diffraction, Fourier, Identity, Multislice, NonCartesianSENSE, NonuniformFourier, Projection, Radon,
    RealSpaceProjection, espirit,
)
from unsup_jax.operators.diffraction import refocused, refractive_index, rytov
from unsup_jax.operators.fourier import uncentred
from unsup_jax.operators.trajectories import equispaced_lines, poisson_disc
from unsup_jax.priors import NonNegative, TotalVariation, Wavelet
from unsup_jax.train import solve

Figures = Iterator[tuple[str, float]]


def measure(folder: Path, only: str = "") -> Iterator[dict]:
    """One row for each figure, of the instruments whose name holds `only`."""
    for instrument in (parallel_mri, zero_shot, spirals, slices, tomography, diffraction, cell, deconvolution, ptychography, cryo_em, fluorescence):
        if only in instrument.__name__:
            for figure, value in instrument(folder):
                yield {"case": f"{instrument.__name__}: {figure}", "who": "ours", "note": f"{value:.4g}"}


def estimate(method, measurement) -> np.ndarray:
    """What a classical method makes of one measurement."""
    key = jax.random.key(0)
    return np.asarray(method.reconstruct(key, solve(method, key, measurement)[0], measurement))


def _scores(image, reference):
    a, b = np.abs(image).squeeze(), np.abs(reference).squeeze()
    peak = b.max()
    return peak_signal_noise_ratio(b, a, data_range=peak), structural_similarity(b, a, data_range=peak)


def _brain(folder):
    kspace = uncentred(jnp.asarray(np.load(folder / "mri/brain8_full_230x180.npy")))
    kspace = kspace / jnp.abs(kspace).max()
    return kspace, espirit(kspace, calibration=24, crop=0.9)[0]


def _masks():
    """The retrospective sampling of the published table."""
    return {
        "1-D R4 + 24": equispaced_lines(180, 4, centre=24), "1-D R6 + 24": equispaced_lines(180, 6, centre=24),
        "Poisson R6": jnp.asarray(poisson_disc(0, (230, 180), 6)), "Poisson R8": jnp.asarray(poisson_disc(0, (230, 180), 8)),
    }


def parallel_mri(folder: Path) -> Figures:
    """Retrospective undersampling of the 8-coil brain; PSNR and SSIM against S* of the full k-space."""
    kspace, maps = _brain(folder)
    reference = np.asarray(SENSE(maps, jnp.ones((1, 1))).combine(jnp.fft.ifft2(kspace, norm="ortho")))
    for name, mask in _masks().items():
        m = Measurement(kspace * mask.astype(kspace.dtype), SENSE(maps, mask))
        results = {"zero-filled": np.asarray(m.operator.adjoint(m.y))}
        results["CG-SENSE"] = _best((ConjugateGradient(steps=n) for n in (5, 8, 12, 18, 26)), m, reference)
        results["FISTA-wavelet"] = _best(
            (ProximalGradient(prior=Wavelet(w, cycle_spin=True), steps=60) for w in (3e-4, 1e-3, 2e-3, 4e-3, 8e-3)), m, reference)
        results["FISTA-TV"] = _best((ProximalGradient(prior=TotalVariation(w), steps=60) for w in (3e-4, 1e-3, 2e-3, 4e-3)), m, reference)
        for method, image in results.items():
            score, similarity = _scores(image, reference)
            yield f"{name}, {method}, PSNR dB", score
            yield f"{name}, {method}, SSIM", similarity
    mask = equispaced_lines(180, 2, centre=24)
    m = Measurement(kspace * mask.astype(kspace.dtype), SENSE(maps, mask))
    yield "1-D R2 + 24, zero-filled, PSNR dB", _scores(np.asarray(m.operator.adjoint(m.y)), reference)[0]
    yield "1-D R2 + 24, GRAPPA, PSNR dB", _scores(estimate(GRAPPA(), m), reference)[0]


def zero_shot(folder: Path, masks: tuple[str, ...] = ("1-D R4 + 24", "1-D R6 + 24", "Poisson R6", "Poisson R8"), steps: int = 500) -> Figures:
    """Zero-shot reconstruction of the same undersampled brain: at its own stopping, and at the best look an oracle chooses.

    Whole lines are split as in the paper; of points spread over the plane, a tenth each is enough for Lambda and Gamma.
    """
    kspace, maps = _brain(folder)
    reference = np.asarray(SENSE(maps, jnp.ones((1, 1))).combine(jnp.fft.ifft2(kspace, norm="ortho")))
    every, tenth = _masks(), Split(fraction=0.1, selection="uniform")
    lines = replace(experiments.load("zero_shot_mri").method, steps=steps)
    points = replace(lines, split=tenth, validation=tenth)
    for name in masks:
        method = lines if name.startswith("1-D") else points
        m = Measurement(kspace * every[name].astype(kspace.dtype), SENSE(maps, every[name]))
        update, reconstruct = jax.jit(method.update), jax.jit(method.reconstruct)
        state, looks = jax.jit(method.init)(jax.random.key(0), m), []
        for step in range(1, steps + 1):
            state, metrics = update(jax.random.fold_in(jax.random.key(1), step), state, m)
            if step % method.epoch == 0:
                looks.append((float(metrics["held_out"]), *_scores(np.asarray(reconstruct(jax.random.key(0), state, m)), reference)))
        yield f"{name}, ZS-SSL, PSNR dB", min(looks)[1]
        yield f"{name}, ZS-SSL, SSIM", min(looks)[2]
        yield f"{name}, ZS-SSL at an oracle's stop, PSNR dB", max(look[1] for look in looks)


def spirals(folder: Path, repeats: int = 6, steps: int = 120) -> Figures:
    """Each `repeats`-th of the 60 spirals of a phantom is an acquisition of its own: RARE learns from pairs of them, scored against all 60."""
    size, stored = 300, np.load(folder / "mri/spiral8_phantom.npz")
    places, samples = jnp.asarray(stored["coord"]), jnp.asarray(stored["ksp"] / np.abs(stored["ksp"]).max())
    gridding = NonuniformFourier(places.reshape(-1, 2), (size, size), width=4)
    weighed = samples * jnp.asarray(stored["dcf"])[None].astype(samples.dtype)
    coils = jnp.moveaxis(gridding.adjoint(weighed.reshape(len(samples), -1).T), -1, 0)
    maps = espirit(jnp.fft.fft2(coils), crop=0.9)[0]

    def acquisition(chosen):
        return Measurement(samples[:, chosen].reshape(len(samples), -1), NonCartesianSENSE(maps, places[chosen].reshape(-1, 2)).toeplitz())

    whole = acquisition(slice(None))
    reference = estimate(ConjugateGradient(steps=15), whole)
    one, *others = (acquisition(slice(k, None, repeats)) for k in range(repeats))
    results = {
        "CG-SENSE": _best((ConjugateGradient(steps=n) for n in (3, 5, 8, 12, 20)), one, reference),
        "FISTA-wavelet": _best((ProximalGradient(prior=Wavelet(w, cycle_spin=True), steps=60) for w in (1e-3, 2e-3, 4e-3, 8e-3)), one, reference),
    }
    method = experiments.load("rare_mri").method.planned(steps)
    pairs = [a.replace(pair=b.y, pair_operator=b.operator) for a in (one, *others) for b in (one, *others) if a is not b]
    batch = lambda m: jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], m)
    state, update = jax.jit(method.init)(jax.random.key(0), batch(pairs[0])), jax.jit(method.update)
    for step, chosen in enumerate(np.random.default_rng(0).integers(len(pairs), size=steps)):
        state, _ = update(jax.random.fold_in(jax.random.key(1), step), state, batch(pairs[chosen]))
    results["RARE"] = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, one))
    for name, image in results.items():
        yield f"{60 // repeats} of 60 spirals, {name}, PSNR dB", _scores(image, reference)[0]


def _best(methods, m, reference):
    """The estimate of highest PSNR: each method is tuned alike."""
    return max((estimate(method, m) for method in methods), key=lambda image: _scores(image, reference)[0])


def slices(folder: Path) -> Figures:
    """Two simulated simultaneous slices: the brain, and itself turned round, half a field of view apart by CAIPI."""
    kspace, maps = _brain(folder)
    image = np.asarray(SENSE(maps, jnp.ones((1, 1))).combine(jnp.fft.ifft2(kspace, norm="ortho")))[..., 0]
    both_maps = jnp.stack([maps[0], maps[0, :, ::-1, ::-1]])
    x = jnp.asarray(np.stack([image, image[::-1, ::-1]]))[..., None]
    H = Multislice(both_maps, jnp.ones((230, 180)), jnp.array([0.0, 0.5]))
    single = jnp.stack([H(x * (jnp.arange(2) == s).reshape(2, 1, 1, 1).astype(x.dtype)) for s in range(2)])
    H = H.replace(reference=jnp.fft.fftshift(single, (2, 3))[:, :, 115 - 24:115 + 24, 90 - 24:90 + 24])
    m = Measurement(H(x), H)
    for method in (SliceGRAPPA(split=False), SliceGRAPPA(), ConjugateGradient(steps=15)):
        found = np.abs(estimate(method, m))
        yield f"2 slices, {method.label}, PSNR dB", peak_signal_noise_ratio(np.abs(np.asarray(x)), found, data_range=float(np.abs(x).max()))


def tomography(folder: Path) -> Figures:
    """The tooth's absorption sinogram: all 181 views by FBP, and every sixth by FBP and by TV against it."""
    import h5py

    with h5py.File(folder / "tomography/tomopy_tooth.h5") as file:
        exchange = file["exchange"]
        dark, white = exchange["data_dark"][:].mean(0), exchange["data_white"][:].mean(0)
        transmission = (exchange["data"][:] - dark) / (white - dark)
        angles = np.deg2rad(exchange["theta"][:])
    sinogram = -np.log(np.clip(transmission[:, 0], 1e-3, None)).astype(np.float32)
    sinogram = sinogram[:180, 60:572]
    angles, detector = jnp.asarray(angles[:180], jnp.float32), jnp.arange(512) - jnp.float32(_axis(sinogram))
    full = Measurement(jnp.asarray(sinogram)[..., None], Radon(angles, 512, detector=detector))
    reference = estimate(FilteredBackProjection(window="hann"), full)
    few = Measurement(full.y[::6], Radon(angles[::6], 512, detector=detector))
    inside = np.hypot(*(np.mgrid[:512, :512] - 256)) < 240
    score = lambda x: peak_signal_noise_ratio(reference[..., 0][inside], x[..., 0][inside], data_range=float(np.ptp(reference)))
    yield "30 views, FBP, PSNR dB against 180 views", score(estimate(FilteredBackProjection(window="hann"), few))
    for weight in (1e-5, 1e-4, 1e-3, 1e-2):
        yield f"30 views, FISTA-TV {weight}, PSNR dB against 180 views", score(
            estimate(ProximalGradient(prior=TotalVariation(weight), steps=100), few))


def _axis(sinogram):
    """The pixel at which the axis of rotation is seen: opposite views mirror each other there."""
    first, last = sinogram[0], sinogram[-1][::-1]
    n = sinogram.shape[1]
    correlation = np.fft.irfft(np.fft.rfft(first - first.mean()) * np.conj(np.fft.rfft(last - last.mean())), n)
    lag = int(np.argmax(correlation))
    lag = lag - n if lag > n // 2 else lag          # first[t] = last[t - lag]
    return (n - 1 + lag) / 2


def diffraction(folder: Path) -> Figures:
    """A simulated cell (finite differences in the time domain): root mean square error of its index."""
    with zipfile.ZipFile(folder / "odt/odt_fdtd_2d_sino_A100_R13.zip") as archive:
        read = lambda name: np.loadtxt(io.BytesIO(archive.read(f"fdtd_{name}.txt")))
        field, angles, phantom = read("real") + 1j * read("imag"), read("angles"), read("phantom")
    medium, resolution, distance = 1.333, 13.0, 0.5   # resolution: pixels a vacuum wavelength; distance: wavelengths
    size = field.shape[1]
    k = 2 * np.pi * medium / resolution
    views = jnp.asarray(refocused(rytov(field), k, -distance * resolution))[..., None]
    H = Diffraction(jnp.asarray(angles, jnp.float32), jnp.float32(k), size)
    truth = phantom[::-1]                               # its rows count upwards
    inside = np.hypot(*(np.mgrid[:size, :size] - size // 2)) < 0.45 * size

    def error(f):
        index = np.asarray(refractive_index(jnp.asarray(f), medium, k))[..., 0]
        return float(np.sqrt(np.mean((index - truth)[inside] ** 2)))

    yield "root mean square of the contrast", float(np.sqrt(np.mean((truth - medium)[inside] ** 2)))
    for count in (100, 50, 25):
        few = Measurement(views[:: 100 // count], H.replace(angles=H.angles[:: 100 // count]))
        yield f"{count} views, back-propagation, index error", error(estimate(FilteredBackProjection(), few))
        spectrum, sampled = few.operator.on_grid(few.y)
        gridded = Measurement(spectrum, Fourier(sampled))
        yield f"{count} views, Gerchberg-Papoulis, index error", error(estimate(GerchbergPapoulis(steps=100), gridded))
        for weight in (1e-5, 1e-4, 1e-3):
            method = ProximalGradient(prior=TotalVariation(weight, nonnegative=True), steps=100)
            yield f"{count} views, FISTA-TV {weight:g}, index error", error(estimate(method, few))


def cell(folder: Path) -> Figures:
    """The rotating HL60 cell: its mean index by back-projection of the central slices."""
    import h5py

    raw = lzma.open(folder / "odt/odt_qlsi_3d_hl60-cell_A140.tar.lzma").read()
    with tarfile.open(fileobj=io.BytesIO(raw)) as archive:
        angles = np.loadtxt(archive.extractfile("angles.txt"))
        with h5py.File(io.BytesIO(archive.extractfile("series.h5").read())) as file:
            phases = np.stack([file[f"qpi_{i}/phase/raw"][:] for i in range(len(angles))])
    medium, k = 1.335, 2 * np.pi * 1.335 * 0.139 / 0.647
    border = np.concatenate([phases[:, :8].reshape(len(angles), -1), phases[:, -8:].reshape(len(angles), -1)], 1)
    phases = phases - np.median(border, 1)[:, None, None]
    views = jnp.asarray(1j * phases[:, 50:90], jnp.complex64)[..., None]
    H = Diffraction(jnp.asarray(angles - angles[0], jnp.float32), jnp.float32(k), 140)
    back = estimate(FilteredBackProjection(), Measurement(views, H))
    index = np.asarray(refractive_index(jnp.asarray(back), medium, k))[..., 0]
    inside = index[20] > medium + 0.5 * (np.percentile(index[20], 99.5) - medium)
    yield "views", len(angles)
    yield "rotation, degrees", float(np.rad2deg(np.ptp(angles)))
    yield "mean index inside", float(index[20][inside].mean())
    yield "diameter, um", float(2 * np.sqrt(inside.sum() / np.pi) * 0.139)


def deconvolution(folder: Path) -> Figures:
    """flowdec's hollow bars (with truth) and bead: PSNR of the bars; the bead's misfit and its width before and after."""
    import tifffile

    read = lambda name: tifffile.imread(folder / f"deconvolution/flowdec_{name}.tif").astype(np.float32)
    truth, y, psf = read("bars-25pct_actual"), read("bars-25pct_data"), read("bars-25pct_kernel")
    psf = psf / psf.sum()
    scale = truth.sum() / y.sum()
    m = Measurement(jnp.asarray(y * scale)[..., None], Convolution(jnp.asarray(psf)))
    score = lambda x: peak_signal_noise_ratio(truth, np.asarray(x)[..., 0], data_range=float(np.ptp(truth)))
    yield "bars, blurred, PSNR dB", score(m.y)
    for method in (RichardsonLucy(steps=100), RichardsonLucy(steps=500), RichardsonLucy(steps=500, weight=0.002),
                   ProximalGradient(prior=TotalVariation(1e-4, nonnegative=True), steps=300), ProximalGradient(prior=NonNegative(), steps=500)):
        yield f"bars, {method.label} {method.steps}{' with TV' * bool(getattr(method, 'weight', 0))}, PSNR dB", score(estimate(method, m))
    y, psf = read("bead-25pct_data"), read("bead-25pct_kernel")
    m = Measurement(jnp.asarray(y - y.min())[..., None], Convolution(jnp.asarray(psf / psf.sum())))
    x = estimate(RichardsonLucy(steps=100), m)
    misfit = float(np.linalg.norm(m.operator(jnp.asarray(x)) - m.y) / np.linalg.norm(m.y))
    yield "bead, Richardson-Lucy, relative misfit", misfit
    axial = lambda v: float((v[..., 0].sum((1, 2)) > 0.5 * v[..., 0].sum((1, 2)).max()).sum())
    yield "bead, planes above half maximum before", axial(np.asarray(m.y))
    yield "bead, planes above half maximum after", axial(x)


def ptychography(folder: Path) -> Figures:
    """The 225-LED blood smear: misfit of the amplitudes at the guess and after, and the phase's range."""
    m = blood_smear(folder)
    H = m.operator
    misfit = lambda x: float(np.linalg.norm(H(jnp.asarray(x)) - m.y) / np.linalg.norm(m.y))
    yield "guess, relative misfit", misfit(H.guess(m.y))
    x = estimate(GradientDescent(steps=60), m)
    yield "60 gradient steps, relative misfit", misfit(x)
    phase = np.angle(x[..., 0] * np.exp(-1j * np.angle(x.mean())))
    yield "phase, 1 to 99 %, rad", float(np.ptp(np.percentile(phase, [1, 99])))


def blood_smear(folder: Path, *, upsampling: int = 4) -> Measurement:
    """The amplitudes of the blood smear with the geometry of its description."""
    microscope = FourierPtychographicMicroscope(
        coarser=upsampling, positions="spiral", pitch_mm=4.0, height_mm=90.88, glass_mm=1.0, numerical_aperture=0.1, pixel_size_um=1.845)
    ((one,),) = (recording.measurements for recording in microscope.read([folder / "ptychography/fpm_bloodsmear_red.mat"]))
    return jax.tree.map(jnp.asarray, one)


def cryo_em(folder: Path) -> Figures:
    """cryoDRGN's toy volume projected at its known orientations: correlation with the 1000 stored images."""
    import mrcfile

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # files without the map's magic word
        volume = mrcfile.read(folder / "cryo_em/cryodrgn_toymodel_small_nocenter.mrc")
        images = mrcfile.read(folder / "cryo_em/cryodrgn_toy_projections.mrcs")
    rotations = np.load(folder / "cryo_em/cryodrgn_toy_rot_trans.npz", allow_pickle=True)["rotations"].astype(np.float32)
    x = jnp.asarray(volume, jnp.float32)[..., None]
    for projector in (Projection, RealSpaceProjection):
        made = np.asarray(jax.jit(jax.vmap(lambda R, v: projector(R)(v), (0, None)))(jnp.asarray(rotations), x))[..., 0]
        each = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(made, images)]
        yield f"{projector.__name__}, mean correlation", float(np.mean(each))
        yield f"{projector.__name__}, least correlation", float(np.min(each))


def fluorescence(folder: Path) -> Figures:
    """Filters of one exposure of each class of FMD, beside the best of nine Gaussians; means over the classes of a microscope."""
    window = slice(128, 384)
    methods = {m.label: m for m in (GaussianFilter(), NonLocalMeans(), WaveletShrinkage(), Wiener(), BM3D())}
    for microscope in ("Confocal", "TwoPhoton", "WideField"):
        found = {}
        for path in sorted((folder / "fmd/raw").glob(f"{microscope}_*_1.png")):
            y, mean = (np.asarray(Image.open(p), np.float32)[window, window, None] for p in (path, folder / "fmd/gt" / path.name))
            m = Measurement(jnp.asarray(y), Identity())
            best = max(psnr(estimate(GaussianFilter(s), m), mean) for s in (0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3, 4))
            each = {"noisy": psnr(y, mean), "best Gaussian": best} | {name: psnr(estimate(f, m), mean) for name, f in methods.items()}
            for name, score in each.items():
                found.setdefault(name, []).append(score)
        for name, values in found.items():
            yield f"{microscope} ({len(values)}), {name}, PSNR dB", float(np.mean(values))
