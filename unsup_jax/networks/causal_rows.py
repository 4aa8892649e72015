r"""An autoregressive decoder along the rows of an image (Salmon and Krull, arXiv:2310.07887, 2024; after van den Oord et al., ICML 2016).

    p(y|z) = prod_i p(y_i | y_{i-r} ... y_{i-1}, z)                     i-r ... i-1 in the row of i, or in its column
    e = y - m(h)                                                        what z does not tell of y, of features h(z)
    p(y_i | ...) = sum_k w_k N(m_i + A e_{<i} + mu_k, v_k)              of each channel
    [w, mu, v]_i = f(B e_{<i} + D h_i)                                  a perceptron, pixel by pixel

so that noise which runs along a row is told by the pixels before, at a variance that may depend on the signal. The perceptron sees
no pixel of another row: what rows have in common it can know from z alone. Before the beginning of a row e is zero.
"""

from typing import Literal, NamedTuple

import flax.linen as nn
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import logsumexp

from unsup_jax.networks.convolution import Conv
from unsup_jax.networks.ladder import bounded

Axis = Literal["rows", "columns"]


class Mixture(NamedTuple):
    """Normal components of each pixel: log w (of sum 1), means and log v, all [*S, C, K]."""

    log_weight: Array
    mean: Array
    log_variance: Array

    def log_density(self, y: Array) -> Array:
        """log sum_k w_k N(y; mean_k, v_k) of each pixel [*S, C], nats."""
        square = jnp.square(y[..., None] - self.mean) * jnp.exp(-self.log_variance)
        return logsumexp(self.log_weight - 0.5 * (square + self.log_variance + jnp.log(jnp.asarray(2 * jnp.pi, y.dtype))), -1)


class CausalRows(nn.Module):
    """p(y_i | y_{<i}, h) of each pixel of y [*S, C], of features h [*S, F]."""

    axis: Axis
    """Whether i runs along the rows (X) or along the columns (Y)."""
    reach: int
    """r, pixels before i."""
    width: int
    """Features of the perceptron."""
    components: int
    """K."""

    @nn.compact
    def __call__(self, y: Array, h: Array) -> Mixture:
        pixelwise = lambda features, name, **settings: Conv(features, kernel_size=1, name=name, **settings)
        m = pixelwise(y.shape[-1], "m")(h)
        before = past(y - m, self.reach, -2 if self.axis == "rows" else -3)
        f = nn.relu(pixelwise(self.width, "B")(before) + pixelwise(self.width, "D", use_bias=False)(h))
        f = pixelwise(3 * y.shape[-1] * self.components, "f2", gain=0.1)(nn.relu(pixelwise(self.width, "f1")(f)))
        weight, mu, log_variance = jnp.split(f.reshape(*y.shape, 3 * self.components), 3, -1)
        centre = m + pixelwise(y.shape[-1], "A", use_bias=False, gain=0.0)(before)
        return Mixture(nn.log_softmax(weight), centre[..., None] + mu, bounded(log_variance))


def past(x: Array, reach: int, axis: int) -> Array:
    """The pixels i-1 ... i-reach along an axis, for each i, as channels: [*S, C] -> [*S, reach C]; zeros before the first pixel."""
    axis, size = axis % x.ndim, x.shape[axis]
    longer = jnp.pad(x, [(reach if d == axis else 0, 0) for d in range(x.ndim)])
    return jnp.concatenate([lax.slice_in_dim(longer, reach - k, reach - k + size, axis=axis) for k in range(1, reach + 1)], -1)
