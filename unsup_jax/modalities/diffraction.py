"""Optical diffraction tomographs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.core.phasors import as_complex
from unsup_jax.errors import InputError
from unsup_jax.files.fields import Fields, is_series, read_field, read_phase, read_series, read_views
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.table import read_table
from unsup_jax.modalities.base import Modality, Recording, square
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import Diffraction, parallel_angles
from unsup_jax.operators.diffraction import demodulate, refocused, refractive_index, rytov


@dataclass(frozen=True)
class IndexTomograph(Modality):
    """What tomographs of refractive indices share: their light, and the potential f = k^2 ((n / n_medium)^2 - 1) of a specimen in grey values.

    Raises `InputError` on pixels of more than half the wavelength in the medium.
    """

    noise: NoiseModel = Gaussian(0.02)
    """Complex noise of the Rytov phases, radians."""
    index_contrast: float = 0.03
    """n - n_medium of a specimen of 100 grey values."""
    medium_index: float = 1.335
    """n_medium."""
    wavelength_um: float = 0.5
    """Vacuum wavelength."""
    pixel_size_um: float = 0.1
    """Pixels of specimen and detector."""

    def __post_init__(self):
        _wavenumber(self)

    @property
    def wavenumber(self) -> float:
        """k, radians per pixel."""
        return _wavenumber(self)

    def specimen(self, x: Array) -> Array:
        ratio = 1 + self.index_contrast / self.medium_index * x / 100
        return as_complex(self.wavenumber**2 * (jnp.square(ratio) - 1))


@dataclass(frozen=True)
class DiffractionTomograph(IndexTomograph):
    """Optical diffraction tomography under Rytov's approximation: grey values become a refractive index.

    The truth is the scattering potential f = k^2 ((n / n_medium)^2 - 1). It reads views of a turning specimen, whose axis is seen in
    the detector's middle: series of qpimage, complex fields (.npy), images of the phase, and off-axis holograms, with their `angles`;
    the phase is counted from the median of each view's border. What a file says of the light stands before the fields here. Raises
    `InputError` on pixels that are too large for the wavelength, and on own views of which something is missing.
    """

    name: ClassVar[str] = "diffraction tomography"
    records: ClassVar[str] = "phase images of a turning specimen"
    own: ClassVar[str] = ("phase series of qpimage (.h5), complex fields (.npy), images of the phase or holograms, all with --modality.angles; or "
                          "--data.clean, images that it measures in simulation")
    written: ClassVar[tuple[str, ...]] = files.VOLUMES

    views: int = 90
    """Angles of illumination, evenly over the full turn."""
    angles: str | None = None
    """The angles of own views: a text with one in radians a line; "even" where they are spread evenly over the full turn."""
    shows: Literal["phase", "hologram"] = "phase"
    """What own images that are no fields show: the unwrapped phase in radians, or off-axis holograms."""
    amplitude: str | None = None
    """Images of the amplitude, where own images show the phase alone."""
    background: str | None = None
    """The field, or the hologram, without a specimen, which own fields and holograms are divided by."""
    defocus_um: float = 0.0
    """How far behind the axis of rotation the views are in focus; they are brought back to it."""

    def operator(self, key: Array, x: Array) -> Operator:
        angles = parallel_angles(self.views, extent=2 * np.pi)
        return Diffraction(angles, jnp.float32(self.wavenumber), square(x, "DiffractionTomograph"))

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return is_series(path)

    def reads(self, path: str | Path) -> bool:
        return self.angles is not None and (self.recognises(path) or files.is_image(path))

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """The views of each file, of a slice for 2 dimensions and of a volume for 3."""
        return [self._recording(path, axes, dimensions) for path in paths]

    def pictures(self, estimates: Sequence[np.ndarray], like: Recording) -> list[np.ndarray]:
        """The refractive index."""
        light = like.source
        k = _wavenumber(light)
        return [np.asarray(refractive_index(jnp.asarray(x), light.medium_index, k)) for x in estimates]

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        """The refractive index, of a slice or of a volume about its first axis."""
        light, index = like.source, pictures[0][..., 0].astype(np.float32)
        axes = "ZYX"[-index.ndim:]
        files.write_image(output, index, axes, Metadata(scales=dict.fromkeys(axes, Scale(light.pixel_size_um, "µm"))), source=like.path)
        return f"the refractive index, {' x '.join(map(str, index.shape))}, {light.pixel_size_um:.4g} µm a voxel"

    def _recording(self, path, axes, dimensions):
        found = self._views(path, axes)
        if len(found.shape) != dimensions:
            raise InputError(
                f"{path}: views of shape {found.shape} are of a {'volume' if len(found.shape) == 3 else 'slice'}; give --data.dimensions {len(found.shape)}")
        kept = Fields(found.path, **{
            name: getattr(self, name) if getattr(found, name) is None else getattr(found, name)
            for name in ("wavelength_um", "medium_index", "pixel_size_um")})
        k = _wavenumber(kept)
        y = _rytov(found)
        y = y - 1j * _border(y.imag)
        if self.defocus_um:
            y = refocused(y, k, -self.defocus_um / kept.pixel_size_um)
        angles = np.asarray(parallel_angles(len(y), extent=2 * np.pi)) if self.angles == "even" else read_table(self.angles, "angles in radians")[:, -1]
        if len(angles) != len(y):
            raise InputError(f"{path}: {len(y)} views and {len(angles)} angles; each view has one")
        if np.ptp(angles) > 4 * np.pi:
            raise InputError(f"{self.angles}: angles over {np.ptp(angles):.4g}; they are in radians")
        H = Diffraction(np.mod(angles, 2 * np.pi).astype(np.float32), np.float32(k), y.shape[-1])
        return Recording(found.path, [Measurement(y[..., None].astype(np.complex64), H)], kept)

    def _views(self, path, axes):
        if self.recognises(path):
            return read_series(path)
        if self.shows == "hologram":
            holograms = read_views(path, axes)
            if holograms.ndim != 3:
                raise InputError(f"{path}: holograms of shape {holograms.shape}; accepted is [angle, row, detector]")
            without = 1.0 if self.background is None else demodulate(read_views(self.background))
            return Fields(files.parted(path)[0], field=np.stack([demodulate(one) for one in holograms]) / without)
        if np.iscomplexobj(read_views(path, axes)):
            found = read_field(path)
            return found if self.background is None else replace(found, field=found.field / read_views(self.background))
        return read_phase(path, axes, self.amplitude)


def _rytov(found):
    """ln(u / u_0): a field's phase is unwrapped, a phase that is given stands as it is."""
    if found.field is not None:
        return rytov(found.field)
    return 1j * found.phase + (0 if found.amplitude is None else np.log(np.maximum(found.amplitude, 1e-6)))


def _border(phase):
    """The median of each view's outermost eight pixels, or of a twelfth of them."""
    width = min(8, max(1, phase.shape[-1] // 12))
    edges = [phase[..., :width], phase[..., -width:]] + ([phase[:, :width], phase[:, -width:]] if phase.ndim == 3 else [])
    median = np.median(np.concatenate([edge.reshape(len(phase), -1) for edge in edges], 1), 1)
    return median.reshape(-1, *(1,) * (phase.ndim - 1))


def _wavenumber(light: Any) -> float:
    """k, radians per pixel, under the light of an instrument or of a file's fields."""
    k = float(2 * np.pi * light.medium_index * light.pixel_size_um / light.wavelength_um)
    if k > np.pi:
        raise InputError(f"the light has {k:.3g} rad a pixel; pixel_size_um is at most half the wavelength in the medium")
    return k
