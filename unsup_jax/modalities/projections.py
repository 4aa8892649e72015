r"""From the projections of a turning specimen to measurements of its slices, and from slices to a volume with its voxel size.

    y = -ln((I - I_dark) / (I_flat - I_dark))

are the line integrals of the attenuation, in 1 / pixel. A transmission below 1e-4, which no detector tells from none, counts as
that, and a pixel that counts nothing without a specimen takes its value from its neighbours along the detector.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from unsup_jax import files
from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.files.metadata import Metadata
from unsup_jax.files.projections import Projections
from unsup_jax.modalities.base import Recording
from unsup_jax.operators import Radon
from unsup_jax.operators.rotation_axis import rotation_axis


def line_integrals(found: Projections, *, logarithm: bool | None = None) -> np.ndarray:
    """y [angle, row, detector] of what was counted: its logarithm where `logarithm` says so, or (None) where a flat field is known."""
    logarithm = found.flat is not None if logarithm is None else logarithm
    dark = np.float32(0) if found.dark is None else found.dark
    y = found.counts - dark
    if found.flat is not None:
        gain = found.flat - dark
        y = y / np.where(gain > 0, gain, 1)
        for row in np.flatnonzero((gain <= 0).any(1)):
            dead = gain[row] <= 0
            places, alive = np.flatnonzero(dead), np.flatnonzero(~dead)
            for view in y[:, row] if len(alive) else ():
                view[places] = np.interp(places, alive, view[alive])
    return -np.log(np.maximum(y, 1e-4)) if logarithm else y


def recording(found: Projections, y: np.ndarray, centre: float | None, dimensions: int) -> Recording:
    """One measurement for each row of the detector, or one of them all for 3 dimensions; the axis is at `centre`, or found.

    It is found in the row whose views vary most.
    """
    if centre is None and len(y) < 3:
        raise InputError(f"{found.path}: {len(y)} views tell no axis of rotation; give --modality.centre")
    if centre is None:
        row = int(np.argmax(y.std(2).sum(0)))
        centre = rotation_axis(y[:, row], found.angles)
    width = y.shape[2]
    H = Radon(found.angles.astype(np.float32), width, detector=np.arange(width, dtype=np.float32) - np.float32(centre))
    views = [y] if dimensions == 3 else list(np.moveaxis(y, 1, 0))
    kept = replace(found, counts=found.counts[:0], flat=None, dark=None)
    return Recording(found.path, [Measurement(np.ascontiguousarray(view[..., None], np.float32), H) for view in views], kept)


def axis_seen(one: Measurement) -> tuple[float, int]:
    """(place of the axis, pixels) of the detector of a measurement."""
    detector = np.asarray(one.operator.detector)
    return -float(detector[0]), len(detector)


def write_slices(output: str | Path, estimates: Sequence[np.ndarray], like: Recording, *, order: str = "ZYX") -> str:
    """Slices [H, W, 1], or a volume [depth, H, W, 1], whose axes are called `order`, as one volume [Z, Y, X] in float32."""
    volume = np.stack([estimate[..., 0] for estimate in estimates]) if estimates[0].ndim == 3 else estimates[0][..., 0]
    volume = np.asarray(volume, np.float32).transpose([order.index(a) for a in "ZYX"])
    across, along = like.source.scales.get("X"), like.source.scales.get("Y")
    scales = {axis: scale for axis, scale in zip(order, (along, across, across)) if scale is not None}
    files.write_image(output, volume, "ZYX", Metadata(scales=scales), source=like.path)
    size = f", {' x '.join(f'{scales[a].step:.4g}' for a in 'ZYX')} {scales['X'].unit} a voxel" if len(scales) == 3 else ""
    return f"a volume of {' x '.join(map(str, volume.shape))}{size}"
