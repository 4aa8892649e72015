"""What an MRI measurement needs to know of samples on no grid: how densely they lie, and k-space on a grid to estimate maps from."""

from dataclasses import dataclass, field
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.files.scan import Trajectory
from unsup_jax.operators import NonCartesianSENSE, NonuniformFourier, density_compensation
from unsup_jax.operators.density import scaled_to_unit
from unsup_jax.operators.fourier import toeplitz_kernel

_WIDTH = 4


@dataclass(frozen=True)
class Sampling:
    """The trajectory of one slice."""

    coordinates: np.ndarray
    frame: tuple[int, int]
    weights: np.ndarray
    """Density compensation [samples], for which ||H||^2 is one."""
    _kernels: dict = field(default_factory=dict)

    @classmethod
    def of(cls, trajectory: Trajectory, place: int, before: "Sampling | None") -> "Sampling":
        """That of the slice at a `place`; the one of the slice `before` it where that is the same."""
        k, own = (None if many is None else np.asarray(many[place], np.float32) for many in (trajectory.coordinates, trajectory.weights))
        if before is not None and own is None and np.array_equal(before.coordinates, k):
            return before
        at = jnp.asarray(k)
        w = density_compensation(at, trajectory.frame) if own is None else scaled_to_unit(jnp.asarray(own), at, trajectory.frame)
        return cls(k, trajectory.frame, np.asarray(w))

    def root(self, compensated: bool) -> np.ndarray:
        """What samples [coil, samples] are multiplied by: the root of the weights, or one."""
        return np.sqrt(self.weights)[None] if compensated else np.ones((1, 1), np.float32)

    def operator(self, maps: np.ndarray, compensated: bool) -> NonCartesianSENSE:
        """The forward operator of coils with `maps`."""
        weights = self.weights if compensated else None
        if compensated not in self._kernels:
            self._kernels[compensated] = np.asarray(_kernel(self.frame, self.coordinates, weights))
        return NonCartesianSENSE(maps, self.coordinates, weights, _WIDTH, kernel=self._kernels[compensated])

    def gridded(self, kspace: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(uncentred k-space [coil, H, W] of the least-squares image of each coil, the points [H, W] of its grid that samples lie at)."""
        cells = np.round(self.coordinates * self.frame).astype(int) % self.frame
        sampled = np.zeros(self.frame, np.float32)
        sampled[tuple(cells.T)] = 1
        return np.asarray(_least_squares(self.frame, self.coordinates, self.weights, kspace)), sampled


@partial(jax.jit, static_argnums=0)
def _kernel(frame: tuple[int, int], coordinates: Array, weights: Array | None) -> Array:
    return toeplitz_kernel(coordinates, frame, weights, _WIDTH)


@partial(jax.jit, static_argnums=0)
def _least_squares(frame: tuple[int, int], coordinates: Array, weights: Array, kspace: Array) -> Array:
    H = NonuniformFourier(coordinates, frame, _WIDTH).toeplitz(weights)
    back = H.adjoint(weights.astype(kspace.dtype)[:, None] * kspace.T)
    images = H.inverse(back, jnp.float32(0), iterations=10)
    return jnp.fft.fft2(jnp.moveaxis(images, -1, 0), norm="ortho")
