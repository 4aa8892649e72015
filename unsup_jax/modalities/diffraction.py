"""Optical diffraction tomographs."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator
from unsup_jax.core.phasors import as_complex
from unsup_jax.errors import InputError
from unsup_jax.files.fields import Fields, is_series, is_text, read_field, read_phase, read_series, read_views
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.table import read_table
from unsup_jax.modalities.base import Modality, Recording, square
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import Diffraction, Fourier, parallel_angles
from unsup_jax.operators.diffraction import demodulate, potential, refocused, refractive_index, rytov


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
    gridded: bool = False
    """Bring the views onto the grid of the potential's Fourier coefficients, which are then the measurement."""

    def __post_init__(self):
        _wavenumber(self)

    @property
    def wavenumber(self) -> float:
        """k, radians per pixel."""
        return _wavenumber(self)

    def specimen(self, x: Array) -> Array:
        ratio = 1 + self.index_contrast / self.medium_index * x / 100
        return as_complex(self.wavenumber**2 * (jnp.square(ratio) - 1))

    def measure(self, key: Array, x: Array) -> Measurement:
        one = super().measure(key, x)
        return on_grid(one) if self.gridded else one


@dataclass(frozen=True)
class DiffractionTomograph(IndexTomograph):
    """Optical diffraction tomography under Rytov's approximation: grey values become a refractive index.

    The truth is the scattering potential f = k^2 ((n / n_medium)^2 - 1), that of own views in files of the refractive index n. It reads views
    of a turning specimen, whose axis is seen in the detector's middle: series of qpimage, complex fields (.npy, or texts of real and imaginary
    parts), images of the phase, and off-axis holograms, with their `angles`; the phase is counted from the median of each view's border. What a
    file says of the light stands before the fields here. Raises `InputError` on pixels that are too large for the wavelength, an arc outside
    (0, 360] degrees, and own views of which something is missing.
    """

    name: ClassVar[str] = "diffraction tomography"
    records: ClassVar[str] = "phase images of a turning specimen"
    own: ClassVar[str] = ("phase series of qpimage (.h5), complex fields (.npy, or texts NAME_real.txt and NAME_imag.txt), images of the phase or "
                          "holograms, all with --modality.angles; or --data.clean, images that it measures in simulation")
    written: ClassVar[tuple[str, ...]] = files.VOLUMES

    views: int = 90
    """Angles of illumination, evenly over the arc."""
    arc_degrees: float = 360.0
    """How far the specimen turns. Of own views, those that lie within it from the first one on are taken."""
    middle: int | None = None
    """The middle pixels of own views that are taken, along each of their axes; None: all."""
    angles: str | None = None
    """The angles of own views: a text with one in radians a line; "even" where they are spread evenly over the arc."""
    shows: Literal["phase", "hologram"] = "phase"
    """What own images that are no fields show: the unwrapped phase in radians, or off-axis holograms."""
    amplitude: str | None = None
    """Images of the amplitude, where own images show the phase alone."""
    background: str | None = None
    """The field, or the hologram, without a specimen, which own fields and holograms are divided by."""
    defocus_um: float = 0.0
    """How far behind the axis of rotation the views are in focus; they are brought back to it."""

    def __post_init__(self):
        super().__post_init__()
        if self.views < 1 or not 0 < self.arc_degrees <= 360:
            raise InputError(f"DiffractionTomograph takes views >= 1 over an arc of (0, 360] degrees, not {self.views}, {self.arc_degrees}")

    def operator(self, key: Array, x: Array) -> Operator:
        angles = parallel_angles(self.views, extent=float(np.deg2rad(self.arc_degrees)))
        return Diffraction(angles, jnp.float32(self.wavenumber), square(x, "DiffractionTomograph"))

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return is_series(path)

    def reads(self, path: str | Path) -> bool:
        return self.angles is not None and (self.recognises(path) or is_text(path) or files.is_image(path))

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """The views of each file, of a slice for 2 dimensions and of a volume for 3."""
        return [self._recording(path, axes, dimensions) for path in paths]

    def reference(self, one: Measurement, image: np.ndarray, source: Any = None) -> np.ndarray:
        """The potential of a refractive index."""
        light = self if source is None else source
        return super().reference(one, np.asarray(potential(jnp.asarray(image), light.medium_index, _wavenumber(light))))

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
        arc = float(np.deg2rad(self.arc_degrees))
        even = self.angles == "even"
        angles = np.asarray(parallel_angles(len(y), extent=arc)) if even else read_table(self.angles, "angles in radians")[:, -1]
        if len(angles) != len(y):
            raise InputError(f"{path}: {len(y)} views and {len(angles)} angles; each view has one")
        if np.ptp(angles) > 4 * np.pi:
            raise InputError(f"{self.angles}: angles over {np.ptp(angles):.4g}; they are in radians")
        if self.arc_degrees < 360:
            within = np.abs(angles - angles[0]) <= arc
            y, angles = y[within], angles[within]
        y = _middle(y, self.middle)
        H = Diffraction(np.mod(angles, 2 * np.pi).astype(np.float32), np.float32(k), y.shape[-1])
        one = Measurement(y[..., None].astype(np.complex64), H)
        return Recording(found.path, [jax.tree.map(np.asarray, jax.jit(on_grid)(one)) if self.gridded else one], kept)

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


def on_grid(one: Measurement) -> Measurement:
    """A measurement of views as one of Fourier coefficients of the potential, those next to which there are samples of the views."""
    y, sampled = one.operator.on_grid(one.y)
    pair = None if one.pair is None else one.operator.on_grid(one.pair)[0]
    return one.replace(y=y, operator=Fourier(sampled), noise=None, pair=pair)


def _middle(y, size):
    """The middle pixels of views [angle, ..., detector], about the pixel where the axis is seen."""
    if size is None:
        return y
    if not 8 <= size <= min(y.shape[1:]):
        raise InputError(f"middle is {size}; of views of shape {y.shape[1:]} 8 to {min(y.shape[1:])} pixels can be taken")
    return y[(slice(None), *(slice(n // 2 - size // 2, n // 2 - size // 2 + size) for n in y.shape[1:]))]


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
