r"""A general denoiser: one network for every camera, level of noise and unit of grey; what plug-and-play asks of D(x, sigma).

It learns from clean images, in noise that is drawn anew at every step, Gaussian to Poisson, of the variance

    v(x) = s^2 ((1 - rho) + rho (x - x_0) / <x - x_0>),     log s uniform, rho uniform in [0, 1], x_0 the darkest pixel,

and it is told that variance, as it can be known of y (Zhang, Zuo and Zhang, FFDNet, IEEE Trans. Image Process. 27, 4608 (2018)):

    m = <y>,  k = <v(y)>^(1/2),       D(y; v) = y - k N_theta((y - m) / k, v(y)^(1/2) / k)
    min_theta E | D(y; v) - x |

The network works in units of the noise, so that for any a > 0 and any b, of whatever theta,

    D(a y + b; a^2 v) = a D(y; v) + b

and units of grey do not matter. Of a measurement whose noise nobody told, v is the camera's that its own pixels tell
(`noise.estimate_poisson_gaussian`). Channels, and the planes of a volume, are denoised one by one.

Its figures are in `experiments/general_denoiser.py`.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import REAL_IMAGES, Learned, Measurement, Takes
from unsup_jax.errors import InputError
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.networks import Folded, Network, UNet


@dataclass(frozen=True)
class GeneralDenoiser(Learned):
    """D(y; v) for any noise of a camera. Raises `InputError` on levels that are not positive and ordered."""

    sees: ClassVar[frozenset[str]] = frozenset({"truth"})
    takes: ClassVar[Takes] = REAL_IMAGES
    equivariant: ClassVar[bool] = True
    reference: ClassVar[str] = "Zhang, Zuo & Zhang 2018"

    network: Network = Folded(UNet(width=40, depth=2))
    """N_theta, of a plane of two channels, y and the deviation of its noise, in units of the noise; its output has one channel."""
    lowest: float = 0.02
    """Least s, in units of the standard deviation of the training images."""
    highest: float = 1.2
    """Greatest s."""

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.lowest <= self.highest:
            raise InputError(f"levels of noise are 0 < lowest <= highest, not {self.lowest} and {self.highest}")

    def tiny(self) -> "GeneralDenoiser":
        return replace(self, network=self.network.tiny())

    @property
    def tiling(self) -> None:
        """m and k are of the whole image."""
        return None

    def _N(self):
        return self.network.clone(channels=1)

    def init_params(self, key: Array, example: Measurement):
        return self._N().init(key, jnp.zeros((*example.y.shape[-3:-1], 2)))

    def denoised(self, params, y: Array, variance: Array) -> Array:
        """D(y; v) for y and v [*S, C]."""
        def plane(y, v):
            k = jnp.sqrt(jnp.mean(v))
            safe = jnp.where(k > 0, k, 1)
            seen = jnp.stack([(y - jnp.mean(y)) / safe, jnp.sqrt(v) / safe], -1)
            return y - k * self._N().apply(params, seen)[..., 0]

        planes = plane
        for _ in range(y.ndim - 3):
            planes = jax.vmap(planes)
        return jax.vmap(planes, -1, -1)(y, variance)

    def loss(self, key: Array, params, one: Measurement):
        x, (of_s, of_rho, of_w) = one.truth, jax.random.split(key, 3)
        s = jnp.exp(jax.random.uniform(of_s, minval=jnp.log(self.lowest), maxval=jnp.log(self.highest)))
        rho = jax.random.uniform(of_rho)
        dark = jnp.min(x)
        mean = jnp.mean(x - dark)
        light = lambda image: jnp.maximum(image - dark, 0) / jnp.where(mean > 0, mean, 1)
        v = lambda image: jnp.square(s) * ((1 - rho) + rho * light(image))
        y = x + jnp.sqrt(v(x)) * jax.random.normal(of_w, x.shape)
        return jnp.mean(jnp.abs(self.denoised(params, y, v(y)) - x)), {}

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        gain, sigma, offset = channel_cameras(one)
        per_channel = lambda number: number.reshape(*(1,) * (one.y.ndim - 1), -1)
        light = jnp.maximum(one.y - per_channel(offset), 0)
        return self.denoised(params, one.y, per_channel(gain) * light + jnp.square(per_channel(sigma)))
