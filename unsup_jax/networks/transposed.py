r"""The transposed convolution of generators of volumes: kernel 4, stride 2, padding 2 (Kench and Cooper, Nat. Mach. Intell. 3, 299 (2021)).

    out[2 q + p - 2, f] = sum_{c} x[q, c] kernel[p, c, f] + x[q - 1, c] kernel[p + 2, c, f],      p = 0, 1,  q = 1 ... n - 1

along each axis, n -> 2 n - 2 places. The stride divides the kernel and is less than it, and the padding is the kernel less the stride or more:
so every place of the output is a sum over as many of the input, those at the edges too, and the law of what is made of white noise is the same
everywhere. It is 2^d correlations of 2 taps an axis, side by side and interleaved; no zero is inserted, and none stands outside.
"""

import itertools

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.networks.convolution import Lowering, Precision, convolve, interleave, native


class Transposed(nn.Module):
    """[*S, C] -> [*2 S - 2, F], of two places or more along each axis."""

    features: int
    use_bias: bool = True
    lowering: Lowering = "auto"
    precision: Precision = "float32"
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        rank = x.ndim - 1
        start = lambda *of: self.gain * 2 ** (rank / 2) * nn.initializers.he_normal()(*of)          # 2^d of the 4^d taps meet in a place
        kernel = self.param("kernel", start, (*(4,) * rank, x.shape[-1], self.features)).astype(self.precision)
        phases = [kernel[tuple(slice(p, None, 2) for p in phase)] for phase in itertools.product((0, 1), repeat=rank)]
        taps = jnp.flip(jnp.concatenate(phases, -1), range(rank))
        correlate = convolve if self.lowering == "auto" else native
        out = correlate(x[None].astype(self.precision), taps, padding=((0, 0),) * rank)[0]
        out = interleave(jnp.stack(jnp.split(out, 2**rank, -1)))
        if not self.use_bias:
            return out
        bias = self.param("bias", nn.initializers.zeros, (self.features,)).astype(self.precision)
        return out + bias.reshape(*(1,) * rank, -1)
