"""Particles of electron microscopy: images cut out of micrographs, with what is known of their defocus and poses, whatever the program."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import IN_MEMORY, mrc


@dataclass(frozen=True)
class Particles:
    """N images of [D, D] pixels. What a file does not say is None. Raises `InputError` on poses and optics that are not finite."""

    path: Path
    images: "np.ndarray | Images"
    """[N, D, D] float32."""
    pixel_size_angstrom: float
    optics: dict[str, np.ndarray] | None = None
    """Parameters [N] of the contrast transfer, by the names of `unsup_jax.operators.ctf`: angles in radians."""
    rotations: np.ndarray | None = None
    """[N, 3, 3]: row i is the specimen's direction along the image's axis i (x, y, beam)."""
    shifts: np.ndarray | None = None
    """[N, 2]: pixels (x, y) by which the particle lies off the image's middle, D // 2."""

    def __post_init__(self):
        for what, values in {"rotations": self.rotations, "shifts": self.shifts, **(self.optics or {})}.items():
            if values is not None and not np.isfinite(values).all():
                raise InputError(f"{self.path}: the particles' {what} hold NaN or infinite values")


class Images:
    """Images [N, D, D] in float32 that lie in stacks of one shape of image, of which those that are asked for are read.

    Reading raises `InputError` where pixels are not finite.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path, stacks: Sequence[Any], of: np.ndarray, at: np.ndarray, through: Callable[[np.ndarray], np.ndarray] | None = None):
        self._path, self._stacks, self._of, self._at, self._through = path, stacks, of, at, through or (lambda images: images)
        self.shape = (len(of), *self._through(np.zeros((1, *stacks[0].shape[1:]), np.float32)).shape[1:])

    def through(self, function: Callable[[np.ndarray], np.ndarray]) -> "Images":
        """The same as a function of images [n, D, D] makes them."""
        return Images(self._path, self._stacks, self._of, self._at, lambda images: function(self._through(images)))

    def __getitem__(self, part: slice) -> np.ndarray:
        of, at = self._of[part], self._at[part]
        images = np.empty((len(of), *self._stacks[0].shape[1:]), np.float32)
        for stack in np.unique(of):
            images[of == stack] = self._stacks[stack][at[of == stack]]
        if not np.isfinite(images).all():
            raise InputError(f"{self._path}: particles hold pixels that are NaN or infinite")
        return self._through(images)


def collected(path: Path, names: Sequence[str], indices: Sequence[int], roots: Sequence[Path]) -> np.ndarray | Images:
    """Images [N, D, D] of the places `indices` in the stacks `names`, which lie below one of the folders `roots`.

    More than `IN_MEMORY` numbers stay on the disk. Raises `InputError` where a stack is not found, has fewer images, or images of
    another size.
    """
    if not len(names):
        raise InputError(f"{path}: lists no particle")
    stacks = {name: _stack(path, name, roots) for name in dict.fromkeys(names)}
    size = next(iter(stacks.values())).shape[1]
    for name, index in zip(names, indices):
        shape = tuple(stacks[name].shape)
        if not 0 <= index < shape[0] or shape[1:] != (size, size):
            raise InputError(f"{path}: image {index + 1} of {name}, a stack of shape {shape}; accepted are square images of one size")
    number = {name: i for i, name in enumerate(stacks)}
    images = Images(path, list(stacks.values()), np.array([number[name] for name in names], np.int32), np.array(indices, np.int64))
    return images if np.prod(images.shape) > IN_MEMORY else images[:]


def _stack(path, name, roots):
    """The images [N, D, D] of a stack; of a file of one image, that one."""
    places = [root / part for root in roots for part in (name, Path(name).name)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise InputError(f"{path}: the stack {name} is not there; looked for below {', '.join(str(root.resolve()) for root in roots[:3])}")
    stack = mrc.read(found)[0]
    return np.asarray(stack)[None] if len(stack.shape) == 2 else stack


def euler_zyz(rot: np.ndarray, tilt: np.ndarray, psi: np.ndarray) -> np.ndarray:
    """Rotations [N, 3, 3] = R_z(psi) R_y(tilt) R_z(rot) of RELION's angles in radians, each turning the axes and not what stands in them
    (Heymann, Chagoyen and Belnap, J. Struct. Biol. 151, 196 (2005))."""
    def about(axis, angle):
        cosine, sine, zero, one = np.cos(angle), np.sin(angle), np.zeros_like(angle), np.ones_like(angle)
        rows = {"z": [[cosine, sine, zero], [-sine, cosine, zero], [zero, zero, one]], "y": [[cosine, zero, -sine], [zero, one, zero], [sine, zero, cosine]]}
        return np.moveaxis(np.array(rows[axis]), -1, 0)

    return about("z", psi) @ about("y", tilt) @ about("z", rot)


def one_value(path: Path, values: np.ndarray, what: str) -> float:
    """The value that all particles have in common; `InputError` where they differ."""
    if np.ptp(values) > 1e-4 * abs(values[0]):
        raise InputError(f"{path}: particles of {what} {values.min():g} to {values.max():g}; give a file for each")
    return float(values[0])
