"""From the k-space of a scanner to measurements: what was sampled, and the sensitivities of the coils, from its own centre."""

from collections.abc import Iterable, Iterator, Sequence

import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.files.scan import Scan, middle
from unsup_jax.modalities.sampling import Sampling
from unsup_jax.noise import Gaussian
from unsup_jax.operators import SENSE, compress_coils, espirit, sets_seen, whitening
from unsup_jax.operators.fourier import uncentred

_CROP = 0.9
"""Eigenvalue of ESPIRiT above which a coil sees something there."""


def measurements(
    scans: Iterable[Scan], *, sets: int | None = None, channels: int | None = None, calibration: int = 24, coils: int | None = None,
    whiten: bool = True, compensated: bool = True,
) -> list[Measurement]:
    """A `SENSE` or `NonCartesianSENSE` measurement of each slice; the image is in the units of an orthonormal FFT of the file's values.

    Maps are estimated from the central `calibration` samples an axis (ESPIRiT), or fewer where fewer are sampled. All have
    as many `sets` as any slice of any scan needs, where None are given; the scans' coils are filled up with ones that see
    nothing to the largest number, and sets to `channels`. A single coil sees all alike: its map is one. Where the noise is known,
    and `whiten`, that of a sample which was acquired once is made white and of unit variance, which is then the unit of the image
    too. No more than `coils` virtual coils are kept, those of most energy. Samples on no grid are weighed by their density
    where they are to be `compensated`. Raises `InputError` where fewer than 8 samples an axis are there to calibrate from, where
    more sets are needed than `channels`, and where the covariance of the noise is singular.
    """
    found = [(scan.path, one) for scan in scans for one in _of_scan(scan, sets, calibration, coils, whiten, compensated)]
    for path, one in found:
        if channels is not None and (needed := len(one.operator.sensitivity_maps)) > channels:
            raise InputError(f"{path}: takes {needed} sets of maps, and the run was trained on {channels}; train with --modality.maps {needed}")
    most = [max(m.operator.sensitivity_maps.shape[axis] for _, m in found) for axis in (0, 1)]
    return [_filled(m, channels or most[0], most[1]) for _, m in found]


def _of_scan(scan: Scan, sets: int | None, calibration: int, coils: int | None, whiten: bool, compensated: bool) -> Iterator[Measurement]:
    white = _whitening(scan) if whiten and scan.noise is not None else None
    sampling = None
    for i, kspace in enumerate(scan.kspace):
        if not np.isfinite(kspace).all():
            raise InputError(f"{scan.path}: slice {i} holds values that are NaN or infinite")
        if white is not None:
            kspace = np.tensordot(white, kspace, 1)
        if coils is not None and coils < len(kspace):
            kspace = np.asarray(compress_coils(jnp.asarray(kspace), coils)[0])
        if scan.trajectory is None:
            y = np.asarray(uncentred(jnp.asarray(kspace)))
            mask = (np.abs(y).max(0) > 0).astype(np.float32)
            averages = np.ones((1, 1)) if scan.averages is None else np.fft.ifftshift(scan.averages[i])
            sigma = 1 / np.sqrt(np.maximum(averages, 1))[None]
            yield Measurement(y, SENSE(_maps(scan, y, mask, sets, calibration), mask), _gaussian(sigma, white))
        else:
            sampling = Sampling.of(scan.trajectory, i, sampling)
            maps, root = _maps(scan, *sampling.gridded(kspace), sets, calibration), sampling.root(compensated)
            yield Measurement(root * kspace, sampling.operator(maps, compensated), _gaussian(root, white))


def _whitening(scan):
    try:
        return whitening(scan.noise)
    except InputError as error:
        raise InputError(f"{scan.path}: {error}") from error


def _gaussian(sigma, white):
    return None if white is None else Gaussian(sigma.astype(np.float32))


def _maps(scan, y, mask, sets, calibration):
    if len(y) == 1:
        if sets not in (None, 1):
            raise InputError(f"{scan.path}: {sets} sets of maps of one coil; a single coil has one")
        return np.ones((1, *y.shape), np.complex64)
    width = _sampled_centre(mask, calibration)
    if width < 8:
        raise InputError(f"{scan.path}: the {width} x {width} centre of k-space is fully sampled; ESPIRiT takes 8 or more")
    estimated = lambda sets: espirit(jnp.asarray(y), calibration=width, crop=_CROP, sets=sets)
    if sets is not None:
        if sets > len(y):
            raise InputError(f"{scan.path}: {sets} sets of maps of {len(y)} coils; there are no more sets than coils")
        return np.asarray(estimated(sets)[0])
    for tried in sorted({min(2, len(y)), min(4, len(y))}):      # a third set is looked for where the second is needed
        maps, eigenvalues = estimated(tried)
        needed = sets_seen(eigenvalues, crop=_CROP)
        if needed < tried:
            break
    return np.asarray(maps)[:needed]


def _sampled_centre(mask, most):
    centred = np.fft.fftshift(mask)
    for width in range(min(most, *mask.shape), 0, -2):
        window = tuple(slice(n // 2 - width // 2, n // 2 - width // 2 + width) for n in mask.shape)
        if centred[window].mean() > 0.95:   # vendors leave out corners
            return width
    return 0


def _filled(one, sets, coils):
    """The measurement with maps of zero, and coils of nothing, beside its own."""
    maps = one.operator.sensitivity_maps
    more = coils - maps.shape[1]
    if maps.shape[:2] == (sets, coils):
        return one
    maps = np.pad(maps, ((0, sets - len(maps)), (0, more), (0, 0), (0, 0)))
    return one.replace(y=np.pad(one.y, ((0, more), *((0, 0),) * (one.y.ndim - 1))), operator=one.operator.replace(sensitivity_maps=maps))


def framed(one: Measurement, image: np.ndarray) -> np.ndarray:
    """A modulus [h, w, 1] in the middle of the frame [H, W, sets] that the measurement's operator maps from, zero outside.

    Raises `InputError` on an image that is larger, and where the frame holds several sets.
    """
    sets, _, *frame = one.operator.sensitivity_maps.shape
    if sets > 1 or image.shape[2] > 1 or any(n > size for n, size in zip(image.shape, frame)):
        raise InputError(
            f"a reference of shape {image.shape} for k-space of {frame[0]} x {frame[1]} with {sets} sets of maps; accepted is [h, w, 1] "
            "that is no larger, and one set")
    result = np.zeros((*frame, 1), np.float32)
    result[tuple(middle(size, n) for size, n in zip(frame, image.shape))] = image
    return result


def note(measurements: Sequence[Measurement]) -> str:
    """What a run's report says of the maps."""
    sets, coils = measurements[0].operator.sensitivity_maps.shape[:2]
    if coils == 1:
        return _unit(measurements) + "One coil, whose sensitivity is taken for one everywhere."
    return _unit(measurements) + f"{sets} set{'s' * (sets > 1)} of ESPIRiT maps of {coils} coils" + (
        ": parts of the image lie over one another in the field of view; the root of the sum of squares over the sets is shown." if sets > 1 else ".")


def _unit(measurements):
    return "" if measurements[0].noise is None else "The file's noise scan made its noise white, whose deviation in a sample is the unit of the image. "
