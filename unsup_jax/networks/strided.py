"""The strided convolution of critics: kernel 4, stride 2, in two lowerings.

    out[p, f] = sum_{t < 4, c} x[2 p + t - 1, c] kernel[t, c, f]                     along each axis

On a CPU it is a stride-1 `convolve` of 2 taps over the blocks of 2^d pixels of the padded image (space to depth): no product
more, and first and second derivatives that are stride-1 convolutions too, where XLA's CPU backend takes a slow path for those
of a strided one. On GPU and TPU it is the native strided convolution.
"""

import flax.linen as nn
import jax.numpy as jnp
from jax import Array, lax

from unsup_jax.networks.convolution import Lowering, Precision, convolve, fold


class Strided(nn.Module):
    """[*S, C] -> [*S / 2, F], sizes rounded up; zeros outside of the image."""

    features: int
    use_bias: bool = True
    lowering: Lowering = "auto"
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        rank = x.ndim - 1
        kernel = self.param("kernel", nn.initializers.he_normal(), (*(4,) * rank, x.shape[-1], self.features))
        padding = (*((1, 1 + n % 2) for n in x.shape[:-1]), (0, 0))
        x, kernel = jnp.pad(x.astype(self.precision), padding), kernel.astype(self.precision)
        if self.lowering == "native":
            out = strided(x, kernel)
        else:
            out = lax.platform_dependent(x, kernel, cpu=folded, default=strided)
        if self.use_bias:
            bias = self.param("bias", nn.initializers.zeros, (self.features,))
            out += bias.astype(self.precision).reshape(*(1,) * rank, -1)
        return out


def strided(x: Array, kernel: Array) -> Array:
    """Stride-2 correlation of x [*2S, C] with a kernel [*4, C, F], without padding, by `lax.conv_general_dilated`."""
    rank = x.ndim - 1
    space = "DHW"[-rank:]
    numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(x[None], kernel, (2,) * rank, "VALID", dimension_numbers=numbers)[0]


def folded(x: Array, kernel: Array) -> Array:
    """The same by a stride-1 correlation of blocks: tap 2 a + p is pixel p of block a."""
    rank = x.ndim - 1
    kernel = kernel.reshape(*(2,) * (2 * rank), *kernel.shape[-2:])
    kernel = kernel.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank, 2 * rank + 1)
    return convolve(fold(x)[None], kernel.reshape(*(2,) * rank, -1, kernel.shape[-1]), padding=((0, 0),) * rank)[0]
