r"""A learned denoiser between the generalised Anscombe transform of a camera's noise and its exact unbiased inverse.

    z = f(y),     Var[z | x] = 1 wherever photons are counted            (`noise.anscombe`)
    x^ = f^-1(F_theta(z))

The mean square error of y is led by its brightest pixels, whose noise is the strongest; that of z weighs all alike, and it is F = E[z | x]
that the inverse is made for. The gain, the read-out noise and the offset of each channel are those of a known camera, else estimated from
the first measurements; where noise does not grow with the signal, z is y in units of the noise. What is trained sees white noise of
deviation one, and is told so: any denoiser that learns from images will do, and those that ask for a noise model have one.
"""

from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.method import Metrics
from unsup_jax.methods.around import AroundDenoiser
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.noise import Gaussian, anscombe, anscombe_inverse


class StabilizedState(struct.PyTreeNode):
    """What is trained, and the cameras that were estimated."""

    denoiser: Any
    cameras: Array
    """(gain, sigma, offset) [3, C] of measurements that are told no noise."""

    @property
    def params(self) -> Any:
        """theta, as it reconstructs."""
        return self.denoiser.params


@dataclass(frozen=True)
class Stabilized(AroundDenoiser):
    """x^ = f^-1(F_theta(f(y))). Raises `InputError` on what its denoiser does not take."""

    reference: ClassVar[str] = "Makitalo & Foi 2013"

    @property
    def label(self) -> str:
        """The name in tables."""
        return f"{self.denoiser.label} + VST"

    @property
    def tiling(self) -> tuple[int, int] | None:
        return self.denoiser.tiling

    def init(self, key: Array, example: Measurement) -> StabilizedState:
        self.require(jax.tree.map(lambda leaf: leaf[0], example))
        few = jax.tree.map(lambda leaf: leaf[:8], example.only(()))
        cameras = jax.vmap(lambda one: jnp.stack(channel_cameras(one)))(few).mean(0)
        return StabilizedState(self.denoiser.init(key, _stabilized(cameras, example)), cameras)

    def update(self, key: Array, state: StabilizedState, batch: Measurement) -> tuple[StabilizedState, Metrics]:
        denoiser, metrics = self.denoiser.update(key, state.denoiser, _stabilized(state.cameras, batch))
        return state.replace(denoiser=denoiser), metrics

    def validate(self, key: Array, state: StabilizedState, batch: Measurement) -> Metrics:
        return self.denoiser.validate(key, state.denoiser, _stabilized(state.cameras, batch))

    def reconstruct(self, key: Array, state: StabilizedState, measurement: Measurement) -> Array:
        gain, sigma, offset = _cameras(state.cameras, measurement)
        z = self.denoiser.reconstruct(key, state.denoiser, _white(state.cameras, measurement))
        return jnp.where(gain > 0, anscombe_inverse(z, jnp.where(gain > 0, gain, 1), sigma), z * _unit(sigma)) + offset

    def check(self, measurement: Measurement) -> None:
        self.require(measurement)
        self.denoiser.check(measurement.replace(noise=Gaussian(jnp.float32(1))))

    def start_from(self, state: StabilizedState, params: Any) -> StabilizedState:
        return state.replace(denoiser=self.denoiser.start_from(state.denoiser, params))


def _stabilized(cameras, batch):
    """A batch in white noise."""
    return jax.vmap(lambda one: _white(cameras, one))(batch)


def _white(cameras, one):
    """ONE measurement in white noise of deviation one."""
    gain, sigma, offset = _cameras(cameras, one)
    f = lambda y: jnp.where(gain > 0, anscombe(y - offset, jnp.where(gain > 0, gain, 1), sigma), (y - offset) / _unit(sigma))
    seen = {name: getattr(one, name) for name in ("y", "pair", "unpaired", "truth")}
    return one.replace(noise=Gaussian(jnp.float32(1)), **{name: image if image is None else f(image) for name, image in seen.items()})


def _cameras(cameras, one):
    """(gain, sigma, offset), each [1, ..., 1, C]: the measurement's own where it is told, else the estimated ones."""
    own = cameras if one.noise is None else jnp.stack(channel_cameras(one))
    return own.reshape(3, *(1,) * (one.y.ndim - 1), -1)


def _unit(sigma):
    return jnp.where(sigma > 0, sigma, 1)
