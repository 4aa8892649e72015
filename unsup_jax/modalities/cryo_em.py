"""Electron microscopes of single frozen particles."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax import files
from unsup_jax.core import Measurement, Operator, Views
from unsup_jax.errors import InputError
from unsup_jax.files import cryodrgn, cryosparc, star
from unsup_jax.files.damaged import reading
from unsup_jax.files.metadata import Metadata, Scale
from unsup_jax.files.particles import Particles
from unsup_jax.modalities.base import Modality, Recording, square
from unsup_jax.noise import Background, Gaussian, NoiseModel
from unsup_jax.operators import ContrastTransfer, Identity, Projection, ctf, random_rotations


@dataclass(frozen=True)
class ElectronMicroscope(Modality):
    """Single-particle cryo-EM: projections of one volume at known random orientations, each behind its own CTF.

    It reads particles from a STAR of RELION, a .cs of cryoSPARC, or a stack beside poses of cryoDRGN: with 3 dimensions, of known
    poses, as the projections of one volume; with 2, of whatever pose, as images behind their CTFs. The sign of contrast is
    RELION's, where a protein is bright. The noise of particles that are read is taken for white, of the deviation of what lies
    outside of the circle that their box holds, unless patches of `background` are given. Raises `InputError` on a box below 8, and
    on an SNR that is not positive.
    """

    name: ClassVar[str] = "cryo-EM"
    records: ClassVar[str] = "particles"
    own: ClassVar[str] = ("particles in a .star of RELION or a .cs of cryoSPARC, or a stack of images with --modality.poses; or --data.clean, "
                          "volumes that it measures in simulation")
    written: ClassVar[tuple[str, ...]] = (".mrc", ".mrcs", *(end for end in files.VOLUMES if end != ".mrc"))

    noise: NoiseModel = Gaussian(200.0)
    """Noise of the images."""
    projections: int = 100
    """Images of the volume."""
    pixel_size_angstrom: float = 2.0
    """Pixels of volume and images; of a stack that is read beside poses, where no `ctf_parameters` say it."""
    snr: float | None = None
    """Variance of the clean images over that of white noise, in place of `noise`, in simulation."""
    defocus_angstrom: float | None = 15000.0
    """Mean underfocus; images lie within a fifth of it. None: images without a CTF."""
    shift: float = 0.0
    """Standard deviation along each axis of where particles lie off the image's middle, pixels."""
    voltage_kv: float = 300.0
    """Acceleration voltage."""
    poses: str | None = None
    """Poses of a stack of images as cryoDRGN keeps them (.pkl, .npz)."""
    ctf_parameters: str | None = None
    """Parameters of the CTFs of a stack of images as cryoDRGN keeps them (.pkl, .npz); None: images without a CTF."""
    background: str | None = None
    """Images of the empty background around particles that are read (MRC, NPY, TIFF), of their size before `box`: their noise."""
    box: int | None = None
    """Width that images are reduced to in Fourier space, pixels; None: their own."""
    contrast: Literal["bright", "dark"] = "bright"
    """How particles that are read stand out; dark ones, as they are recorded, are turned over."""

    def __post_init__(self):
        if self.box is not None and self.box < 8:
            raise InputError(f"ElectronMicroscope has a box of {self.box} pixels; it takes 8 or more, or None")
        if self.snr is not None and not self.snr > 0:
            raise InputError(f"ElectronMicroscope has an SNR of {self.snr}; it is positive, or None for its noise")

    def operator(self, key: Array, x: Array) -> Operator:
        turn, focus, move = jax.random.split(key, 3)
        size, count = square(x, "ElectronMicroscope"), self.projections
        shift = self.shift * jax.random.normal(move, (count, 2)) if self.shift else None
        if self.defocus_angstrom is None:
            return Views(Projection(random_rotations(turn, count), shift, width=2))
        defocus = self.defocus_angstrom * jax.random.uniform(focus, (count,), minval=0.8, maxval=1.2)
        transfer = jax.vmap(lambda d: ctf(
            size, pixel_size_angstrom=self.pixel_size_angstrom, defocus_u_angstrom=d, voltage_kv=self.voltage_kv))(defocus)
        return Views(Projection(random_rotations(turn, count), shift, transfer, width=2))

    def detector(self, clean: Array) -> NoiseModel:
        return self.noise if self.snr is None else Gaussian(clean.std() / self.snr**0.5)

    @classmethod
    def recognises(cls, path: str | Path) -> bool:
        return Path(path).suffix.lower() in (".star", ".cs")

    def reads(self, path: str | Path) -> bool:
        return self.recognises(path) or (self.poses is not None and files.is_image(path))

    def read(
        self, paths: Sequence[str | Path], *, axes: str | None = None, dimensions: int = 2, channels: int | None = None,
    ) -> list[Recording]:
        return [self._recording(Path(path), dimensions) for path in paths]

    def notes(self, measurements: Sequence[Measurement]) -> list[str]:
        y = measurements[0].y
        count = len(y) if y.ndim == 4 else len(measurements)
        return [f"{count} particles of {y.shape[-2]} pixels; of them and of what is made of them {self._sign()}."]

    def store(self, output: str | Path, pictures: Sequence[np.ndarray], like: Recording) -> str:
        """A volume [z, y, x], or the images of all particles, with the size of the voxels."""
        volume = pictures[0].ndim == 4
        pixels = np.asarray(pictures[0] if volume else np.stack(pictures), np.float32)[..., 0]
        step = like.source.pixel_size_angstrom
        axes = "ZYX" if volume else "IYX"
        files.write_image(output, pixels, axes, Metadata(scales={a: Scale(step, "Å") for a in axes if a != "I"}), source=like.path)
        return f"{'a volume' if volume else 'images'} of {' x '.join(map(str, pixels.shape))}, {step:.4g} Å a pixel"

    def _sign(self):
        return "matter is bright" if self.contrast == "bright" else "the contrast was turned over: matter is bright"

    def _recording(self, path, dimensions):
        with reading(path, "particle"):
            found = {".star": star.read, ".cs": cryosparc.read}.get(path.suffix.lower(), self._stack)(path)
        found = found if self.box is None else _reduced(found, self.box)
        found = found if self.contrast == "bright" else replace(found, images=_through(found.images, np.negative))
        kept, size = replace(found, images=found.images[:0]), found.images.shape[-1]
        if dimensions == 2:
            y = _each(lambda part: found.images[part][..., None], found.images, (size, size, 1))
            operators = [Identity()] * len(y)
            if found.optics is not None:
                operators = [ContrastTransfer(one) for one in _each(_transfer(found), found.images, (size, size // 2 + 1))]
            return Recording(path, [Measurement(*one) for one in zip(y, operators, self._noise(found.images))], kept)
        if found.rotations is None:
            raise InputError(f"{path}: says no poses, which the reconstruction of a volume takes; its images are read with --data.dimensions 2")
        single = lambda array: None if array is None else np.asarray(array, np.float32)
        transfer = None if found.optics is None else _transfer(found)(slice(None))
        H = Views(Projection(single(found.rotations), single(found.shifts), transfer, width=2))
        return Recording(path, [Measurement(found.images[:][..., None], H)], kept)

    def _noise(self, images):
        """A noise model for each particle: of the background around all of them, or a patch of the background that was given."""
        count, size = images.shape[:2]
        if self.background is None:
            return [Gaussian(np.float32(_deviation_outside(images)))] * count
        patches = np.asarray(files.open_image(self.background).array, np.float32)
        patches = patches if self.box is None or patches.ndim != 3 else reduced(patches, self.box)
        if patches.ndim != 3 or patches.shape[1:] != (size, size):
            raise InputError(f"{self.background}: background of shape {patches.shape}; accepted are images [N, {size}, {size}], as the particles are")
        return [Background(patches[i % len(patches)][..., None]) for i in range(count)]

    def _stack(self, path):
        """The images of a stack with the poses, and the parameters of the CTF, of cryoDRGN."""
        picture = files.open_image(path)
        images = np.asarray(picture.array, np.float32)
        rotations, shifts = cryodrgn.read_poses(Path(self.poses))
        pixel, optics = self.pixel_size_angstrom, None
        if self.ctf_parameters is not None:
            pixel, width, optics = cryodrgn.read_ctf(Path(self.ctf_parameters))
            pixel = pixel * width / images.shape[-1]
        counts = {len(rotations), len(images), *(len(values) for values in (optics or {}).values())}
        if images.ndim != 3 or images.shape[1] != images.shape[2] or len(counts) > 1:
            raise InputError(f"{path}: images of shape {images.shape} beside {', '.join(map(str, sorted(counts)))} poses and parameters; each image has one")
        return Particles(picture.path, images, pixel, optics, rotations, None if shifts is None else -shifts * images.shape[-1])


def _each(of: Callable[[slice], np.ndarray], images, shape):
    """The arrays of that shape that `of` gives of a part of the particles: of those on the disk, each where it is wanted."""
    if isinstance(images, np.ndarray):
        return list(of(slice(None)))
    one = lambda place: of(slice(place, place + 1))[0]
    return [files.Computed(one, place, shape) for place in range(images.shape[0])]


def _through(images, function):
    """Images as a function of [n, D, D] makes them."""
    return function(images) if isinstance(images, np.ndarray) else images.through(function)


def _transfer(found):
    """The CTFs [n, D, D // 2 + 1] of a part of the particles."""
    size, optics = found.images.shape[-1], {name: np.asarray(values, np.float32) for name, values in found.optics.items()}
    some = jax.jit(jax.vmap(lambda optics: ctf(size, pixel_size_angstrom=found.pixel_size_angstrom, **optics)))
    return lambda part: np.asarray(some({name: values[part] for name, values in optics.items()}))


def _deviation_outside(images):
    """Standard deviation of all images [N, D, D] outside of the circle that their frame holds."""
    (count, size), total, square = images.shape[:2], 0.0, 0.0
    places = np.arange(size) - size // 2
    outside = np.square(places)[:, None] + np.square(places) > (size / 2) ** 2
    for first in range(0, count, 1024):
        part = images[first:first + 1024][:, outside].astype(np.float64)
        total, square = total + part.sum(), square + np.square(part).sum()
    mean = total / (count * outside.sum())
    return np.sqrt(max(square / (count * outside.sum()) - mean**2, 0.0))


def _reduced(found, box):
    """Particles whose images are `box` pixels wide."""
    size = found.images.shape[-1]
    if box > size:
        raise InputError(f"{found.path}: images of {size} pixels are not reduced to a box of {box}")
    shifts = None if found.shifts is None else found.shifts * box / size
    return replace(found, images=_through(found.images, lambda images: reduced(images, box)), pixel_size_angstrom=found.pixel_size_angstrom * size / box, shifts=shifts)


def reduced(images: np.ndarray, box: int) -> np.ndarray:
    """Images [N, D, D] of `box` pixels: the middle of their transforms about their middle."""
    size = images.shape[-1]
    middle = slice(size // 2 - box // 2, size // 2 - box // 2 + box)
    shifted = lambda transform, image: np.fft.fftshift(transform(np.fft.ifftshift(image, (1, 2)), axes=(1, 2)), (1, 2))
    return (shifted(np.fft.ifft2, shifted(np.fft.fft2, images)[:, middle, middle]).real * (box / size) ** 2).astype(np.float32)
