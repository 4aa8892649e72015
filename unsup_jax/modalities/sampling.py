"""What an MRI measurement needs to know of samples on no grid: how densely they lie, and k-space on a grid to estimate maps from."""

from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.files.scan import Trajectory
from unsup_jax.operators import NonCartesianSENSE, NonuniformFourier, density_compensation
from unsup_jax.operators.density import scaled_to_unit


@dataclass(frozen=True)
class Sampling:
    """The trajectory of one slice."""

    coordinates: np.ndarray
    frame: tuple[int, int]
    weights: np.ndarray
    """Density compensation [samples], for which ||H||^2 is one."""

    @classmethod
    def of(cls, trajectory: Trajectory, slice_: int, before: "Sampling | None") -> "Sampling":
        """That of a slice; the one of the slice `before` it where that is the same."""
        k, own = (None if many is None else np.asarray(many[slice_], np.float32) for many in (trajectory.coordinates, trajectory.weights))
        if before is not None and own is None and np.array_equal(before.coordinates, k):
            return before
        w = density_compensation(jnp.asarray(k), trajectory.frame) if own is None else scaled_to_unit(jnp.asarray(own), jnp.asarray(k), trajectory.frame)
        return cls(k, trajectory.frame, np.asarray(w))

    def operator(self, maps: np.ndarray, compensated: bool) -> NonCartesianSENSE:
        """The forward operator of coils with `maps`."""
        H = NonCartesianSENSE(jnp.asarray(maps), jnp.asarray(self.coordinates), jnp.asarray(self.weights) if compensated else None)
        return jax.tree.map(np.asarray, H.toeplitz())

    def gridded(self, kspace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(uncentred k-space [coil, H, W] of the least-squares image of each coil, the points [H, W] of its grid that samples lie at)."""
        cells = np.round(self.coordinates * self.frame).astype(int) % self.frame
        sampled = np.zeros(self.frame, np.float32)
        sampled[tuple(cells.T)] = 1
        return np.asarray(_least_squares(self.frame, *map(jnp.asarray, (self.coordinates, self.weights, kspace)))), sampled


@partial(jax.jit, static_argnums=0)
def _least_squares(frame: tuple[int, int], coordinates: Array, weights: Array, kspace: Array) -> Array:
    H = NonuniformFourier(coordinates, frame, width=4).toeplitz(weights)
    back = H.adjoint(weights.astype(kspace.dtype)[:, None] * kspace.T)
    images = H.inverse(back, jnp.float32(0), iterations=10)
    return jnp.fft.fft2(jnp.moveaxis(images, -1, 0), norm="ortho")
