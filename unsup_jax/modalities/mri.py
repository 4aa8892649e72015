"""Magnetic resonance scanners: parallel imaging of a slice, and of several slices at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Measurement, Operator
from unsup_jax.core.phasors import as_complex, cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.files.kspace import OUTPUTS, check_images, is_kspace, read_kspace, write_images
from unsup_jax.files.scan import Scan
from unsup_jax.modalities import kspace
from unsup_jax.modalities.base import Modality, Recording
from unsup_jax.noise import Gaussian, NoiseModel
from unsup_jax.operators import SENSE, Multislice, NonCartesianSENSE
from unsup_jax.operators.trajectories import (
    GOLDEN_ANGLE, equispaced_lines, gaussian_points, gaussian_points_density, radial, random_lines, random_lines_density,
)


@dataclass(frozen=True)
class Scanner(Modality):
    """Parallel MRI of a slice with a smooth phase, by coils around it whose maps are known.

    Raises `InputError` on fewer than one coil.
    """

    name: ClassVar[str] = "MRI"
    records: ClassVar[str] = "k-space"
    written: ClassVar[tuple[str, ...]] = OUTPUTS
    own: ClassVar[str] = "k-space of several coils (.cfl, .h5, complex .npy), or --data.clean, images that it measures in simulation"

    noise: NoiseModel = Gaussian(1.0)
    """Complex thermal noise of each sample; k-space is unitary, so this is also that of a fully sampled image."""
    coils: int | None = None
    """Receive coils of the simulation, 8 where it is None; of k-space that is read, the virtual coils of most energy that it
    is compressed to, all where it is None."""
    acceleration: int = 4
    """Samples of the grid over samples taken."""
    centre: int = 16
    """Width of the fully sampled centre; spokes sample it always."""
    sampling: Literal["equispaced lines", "shifted lines", "random lines", "gaussian points", "golden spokes"] = "equispaced lines"
    """Which samples are taken, beside the centre: shifted lines are equispaced from a line drawn for each measurement, so
    that all measurements together take every line. Golden spokes are radial, a golden angle apart, from an angle drawn for
    each measurement; without acceleration there are pi/2 W of them, each of 2 W samples."""
    pair: Literal["same", "other"] = "same"
    """Samples of the second acquisition: the same ones, or others, drawn anew."""
    maps: int | None = None
    """Sets of sensitivity maps of k-space that is read; None: as many as its eigenvalues ask for, more than one where the
    field of view is smaller than the object."""
    whiten: bool = True
    """Make the noise of k-space that is read white and of unit variance, where its file holds a noise scan."""
    compensated: bool = True
    """Weigh samples of a trajectory that is read by their density, so that iterations need few steps; False: all alike, as the
    likelihood of white noise has it."""

    def __post_init__(self):
        if self.coils is not None and self.coils < 1:
            raise InputError(f"Scanner has {self.coils} coils; it needs at least one, or None")
        if self.maps is not None and self.maps < 1:
            raise InputError(f"Scanner has {self.maps} sets of maps; it needs at least one, or None")

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return is_kspace(path)

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        """Every slice of scans, with maps from its own centre; a channel of its image a set of maps."""
        found: list[Recording] = []

        def scans():
            for path in paths:
                scan = read_kspace(path)
                found.append(Recording(scan.path, range(len(scan.kspace)), replace(scan, kspace=scan.kspace[:0])))
                yield scan

        measurements = iter(self.of_scans(scans(), channels=channels))
        return [replace(one, measurements=list(islice(measurements, len(one.measurements)))) for one in found]

    def of_scans(self, scans: Iterable[Scan], *, channels: int | None = None) -> list[Measurement]:
        """The measurement of each slice of scans, as `read` gives them."""
        return kspace.measurements(
            scans, sets=self.maps, channels=channels, coils=self.coils, whiten=self.whiten, compensated=self.compensated)

    def reference(self, one: Measurement, image: np.ndarray, source: Any = None) -> np.ndarray:
        return kspace.framed(one, image)

    def check_write(self, output: str | Path, like: Recording | None = None) -> None:
        super().check_write(output, like)
        if like is not None:
            check_images(output, like.source)

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        return write_images(output, np.stack(pictures), like.source)

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        return [kspace.note(measurements)]

    def specimen(self, x: Array) -> Array:
        return with_phase(x)

    def measure(self, key: Array, x: Array) -> Measurement:
        one = super().measure(key, x)
        if self.pair == "same":
            return one
        draw, noise = jax.random.split(jax.random.fold_in(key, 1))
        H = self.operator(draw, one.truth)
        return one.replace(pair=one.noise.sample(noise, H(one.truth)), pair_operator=H)

    def operator(self, key: Array, x: Array) -> Operator:
        height, width = x.shape[:2]
        maps = loop_coils(self.coils or 8, (height, width))[None]
        if self.sampling == "golden spokes":
            start = jax.random.uniform(key, (), maps.real.dtype, 0, np.pi)
            places = radial(round(np.pi / 2 * width / self.acceleration), 2 * width, angle=GOLDEN_ANGLE, start=start)
            return NonCartesianSENSE(maps, places).toeplitz()
        mask = {
            "equispaced lines": lambda: equispaced_lines(width, self.acceleration, centre=self.centre),
            "shifted lines": lambda: equispaced_lines(
                width, self.acceleration, centre=self.centre, offset=jax.random.randint(key, (), 0, self.acceleration)),
            "random lines": lambda: random_lines(key, width, self.acceleration, centre=self.centre),
            "gaussian points": lambda: gaussian_points(key, (height, width), self.acceleration, centre=self.centre),
        }[self.sampling]()
        density = {
            "shifted lines": lambda: sum(equispaced_lines(width, self.acceleration, centre=self.centre, offset=o) for o in range(self.acceleration)) / self.acceleration,
            "random lines": lambda: random_lines_density(width, self.acceleration, centre=self.centre),
            "gaussian points": lambda: gaussian_points_density((height, width), self.acceleration, centre=self.centre),
        }.get(self.sampling)
        return SENSE(maps, mask, None if density is None else density())


@dataclass(frozen=True)
class MultisliceScanner(Modality):
    """Simultaneous multislice (SMS) MRI of a stack [slice, H, W, 1] that is excited at once, with blipped CAIPI.

    Phase is encoded along the first axis of a slice, where lines are left out and slices shifted. Each slice is also
    scanned alone once, at low resolution: calibration for slice-GRAPPA. Raises `InputError` on fewer than one
    coil, acceleration or line of calibration, and on a specimen that is not a stack.
    """

    name: ClassVar[str] = "SMS MRI"

    noise: NoiseModel = Gaussian(1.0)
    """Complex thermal noise of each sample; k-space is unitary."""
    coils: int = 32
    """Receive coils, on rings of eight about the stack."""
    acceleration: int = 2
    """Distance of the lines that are acquired; slices multiply it."""
    shift: float = 1 / 3
    """Part of the field of view that each slice is shifted by against the one below it."""
    calibration: int = 32
    """Width of the centre of k-space that is scanned for each slice alone."""
    extent: float = 0.8
    """Height of the stack, of the diameter of the field of view."""

    def __post_init__(self):
        if min(self.coils, self.acceleration, self.calibration) < 1:
            raise InputError(
                f"MultisliceScanner needs coils, acceleration and calibration of 1 or more, not {self.coils}, {self.acceleration}, {self.calibration}")

    def specimen(self, x: Array) -> Array:
        if x.ndim != 4 or x.shape[-1] != 1:
            raise InputError(f"MultisliceScanner images stacks [slice, H, W, 1]; this one has the shape {x.shape}")
        return with_phase(x)

    def operator(self, key: Array, x: Array) -> Operator:
        slices, height, width = x.shape[:3]
        heights = self.extent * np.linspace(-1, 1, slices) if slices > 1 else np.zeros(1)
        maps = head_coils(self.coils, heights, (height, width))
        lines = equispaced_lines(height, self.acceleration, centre=0).T
        return Multislice(maps, lines, jnp.asarray(self.shift * np.arange(slices) % 1, maps.real.dtype))

    def measure(self, key: Array, x: Array) -> Measurement:
        one = super().measure(key, x)
        H = one.operator
        scans = jnp.fft.fftshift(H.spectra(one.truth), (2, 3))
        for axis in (2, 3):
            n = scans.shape[axis]
            few = min(self.calibration, n)
            scans = jax.lax.slice_in_dim(scans, n // 2 - few // 2, n // 2 - few // 2 + few, axis=axis)
        reference = one.noise.sample(jax.random.fold_in(key, 2), scans)
        return one.replace(operator=H.replace(reference=reference))


def with_phase(x: Array) -> Array:
    """An image [..., H, W, C] with the smooth phase that an imperfect field gives it."""
    rows, columns = (jnp.linspace(-1, 1, n).astype(x.dtype) for n in x.shape[-3:-1])
    phase = 0.8 * jnp.square(rows)[:, None] + 0.6 * columns[None] * rows[:, None]
    return as_complex(x) * cis(phase).reshape((1,) * (x.ndim - 3) + (*phase.shape, 1))


def loop_coils(count: int, shape: tuple[int, int]) -> Array:
    """Smooth sensitivities [coil, H, W] of large loops evenly around the field of view, of unit sum of squares."""
    angle = 2 * np.pi / count * np.arange(count)
    return _loops(1.3, angle, np.zeros(count), np.zeros(1), shape, lambda square: jnp.exp(-square / 1.6))[0]


def head_coils(count: int, heights: np.ndarray, shape: tuple[int, int]) -> Array:
    """Sensitivities [slice, coil, H, W] of small loops on rings of eight, of unit sum of squares in each slice.

    `heights` [slice] are those of the slices in half fields of view; the rings lie evenly between -1 and 1, each
    turned by half a loop against the one below it. A loop of radius a sees a distance d as (1 + d^2 / a^2)^(-3/2).
    """
    ring, place = np.divmod(np.arange(count), 8)
    angle, rings = 2 * np.pi / min(count, 8) * (place + 0.5 * (ring % 2)), -(-count // 8)
    return _loops(0.9, angle, (2 * ring + 1) / rings - 1, heights, shape, lambda square: (1 + square / 0.35**2) ** -1.5)


def _loops(radius, angle, height, heights, shape, profile):
    """Sensitivities [slice, coil, H, W] of loops at the angles [coil] and heights [coil] on a cylinder."""
    rows, columns = (jnp.linspace(-1, 1, n) for n in shape)
    angle, height, heights = (jnp.asarray(a, rows.dtype).reshape(s) for a, s in (
        (angle, (1, -1, 1, 1)), (height, (1, -1, 1, 1)), (heights, (-1, 1, 1, 1))))
    y = rows.reshape(1, 1, -1, 1) - radius * jnp.sin(angle)
    x = columns.reshape(1, 1, 1, -1) - radius * jnp.cos(angle)
    z = heights - height
    modulus = profile(jnp.square(x) + jnp.square(y) + jnp.square(z))
    phase = angle + 0.7 * (x * jnp.cos(angle) + y * jnp.sin(angle)) + 0.5 * z
    return weighted(modulus / jnp.sqrt(jnp.sum(jnp.square(modulus), 1, keepdims=True)), cis(phase))
