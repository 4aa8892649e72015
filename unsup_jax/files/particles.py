"""Particles of electron microscopy: images cut out of micrographs, with what is known of their defocus and poses, whatever the program."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import mrc


@dataclass(frozen=True)
class Particles:
    """N images of [D, D] pixels. What a file does not say is None."""

    path: Path
    images: np.ndarray
    """[N, D, D] float32."""
    pixel_size_angstrom: float
    optics: dict[str, np.ndarray] | None = None
    """Parameters [N] of the contrast transfer, by the names of `unsup_jax.operators.ctf`: angles in radians."""
    rotations: np.ndarray | None = None
    """[N, 3, 3]: row i is the specimen's direction along the image's axis i (x, y, beam)."""
    shifts: np.ndarray | None = None
    """[N, 2]: pixels (x, y) by which the particle lies off the image's middle, D // 2."""


def collected(path: Path, names: Sequence[str], indices: Sequence[int], roots: Sequence[Path]) -> np.ndarray:
    """Images [N, D, D] of the places `indices` in the stacks `names`, which lie below one of the folders `roots`.

    Raises `InputError` where a stack is not found, has fewer images, or images of another size.
    """
    stacks, images = {}, []
    for name, index in zip(names, indices):
        if name not in stacks:
            places = [root / part for root in roots for part in (name, Path(name).name)]
            found = next((place for place in places if place.is_file()), None)
            if found is None:
                raise InputError(f"{path}: the stack {name} is not there; looked for below {', '.join(str(root.resolve()) for root in roots[:3])}")
            stack = mrc.read(found)[0]
            stacks[name] = np.asarray(stack)[None] if len(stack.shape) == 2 else stack
        stack = stacks[name]
        if not 0 <= index < stack.shape[0] or tuple(stack.shape[1:]) != (stack.shape[1],) * 2 or images and tuple(stack.shape[1:]) != images[0].shape:
            raise InputError(f"{path}: image {index + 1} of {name}, a stack of shape {stack.shape}; accepted are square images of one size")
        images.append(np.asarray(stack[index], np.float32))
    if not images:
        raise InputError(f"{path}: lists no particle")
    if not np.isfinite(result := np.stack(images)).all():
        raise InputError(f"{path}: particles hold pixels that are NaN or infinite")
    return result


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
