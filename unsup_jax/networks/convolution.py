"""Convolution, the one layer that every network here is made of.

`convolve` is stride-1 correlation of channels-last images of any rank with a small kernel,

    out[n, p, f] = sum_{t, c} x[n, p + t - lo, c] kernel[t, c, f],

as a JAX primitive that is bilinear, so that it is vmapped, jitted, and differentiated in both modes to any order.
It exists, beside `lax.conv_general_dilated`, for XLA's CPU backend: there its weight gradient takes more than twice the
forward pass (in 3-D, in a loop, or of an even number of taps, twenty times as much as it need, and of one channel ten times),
which Winograd's algorithm takes less than; filtering along one axis halves the forward pass and the input gradient of many channels;
and volumes take five times as long as their planes. On GPU and TPU every part of it is the native convolution. The choices are
in `_correlate` and `weight_gradient`, and look at one image, so that the parameters do not depend on how devices share a batch.

`UpConv` is the decoder step of a U-Net, "repeat, concatenate the skip, convolve", written so that the
repeated half is convolved before it is repeated (2^d taps instead of 3^d, and no large intermediate).
"""

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import Literal

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, export, lax
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from unsup_jax.networks import winograd

Padding = tuple[tuple[int, int], ...]
Lowering = Literal["auto", "native"]
Precision = Literal["float32", "bfloat16", "float16"]

_WORTH_FILTERING = 2**21  # products a tap of an image below which it costs more to compile than it saves
_WORTH_TILES = 2**18  # the same of the weight gradient
_MANY_CHANNELS = 64  # from which on it is faster for the correlation itself too


def convolve(x: Array, kernel: Array, *, padding: Padding) -> Array:
    """Stride-1 correlation of `x` [N, *S, C] with `kernel` [*K, C, F], zero-padded by (lo, hi) an axis."""
    return convolve_p.bind(x, kernel, padding=padding)


def same_padding(kernel_size: Sequence[int]) -> Padding:
    """The padding that keeps the shape, XLA's convention: (K - 1) // 2 before, K // 2 after."""
    return tuple(((k - 1) // 2, k // 2) for k in kernel_size)


def native(x: Array, kernel: Array, *, padding: Padding) -> Array:
    """The same as `convolve`, by `lax.conv_general_dilated` alone."""
    space = "DHW"[-(x.ndim - 2):]
    numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
    return lax.conv_general_dilated(x, kernel, (1,) * len(space), padding, dimension_numbers=numbers)


def _correlate(x, kernel, *, padding):
    """`native`, or on a CPU the same by planes and by minimal filtering where they are faster."""
    *_, taps, channels, features = kernel.shape
    fast = native
    if any(map(export.is_symbolic_dim, x.shape)):                   # traced for all sizes, to leave the house
        return native(x, kernel, padding=padding)
    worth = x.dtype.itemsize >= 4 and math.prod(x.shape[1:]) * features >= _WORTH_FILTERING
    if worth and taps in (2, 3) and min(channels, features) >= _MANY_CHANNELS:
        fast = partial(winograd.filtered, correlate=native)
    if x.ndim == 5:
        fast = partial(_by_planes, correlate=fast)
    if fast is native:
        return native(x, kernel, padding=padding)
    return lax.platform_dependent(x, kernel, cpu=partial(fast, padding=padding), default=partial(native, padding=padding))


def _by_planes(x, kernel, *, padding, correlate):
    """The correlation of volumes as a sum of those of their planes, over the taps of the first axis."""
    across, *within = padding
    x = jnp.pad(x, ((0, 0), across, *((0, 0),) * 3))
    depth = x.shape[1] - len(kernel) + 1
    planes = lambda part: part.reshape(-1, *part.shape[2:])
    total = sum(correlate(planes(x[:, t : t + depth]), taps, padding=tuple(within)) for t, taps in enumerate(kernel))
    return total.reshape(-1, depth, *total.shape[1:])


def weight_gradient(x: Array, cotangent: Array, *, kernel_size: tuple[int, ...], padding: Padding) -> Array:
    """The transpose of `convolve` in its kernel: sum_{n, p} x[n, p + t - lo, c] cotangent[n, p, f].

    On a CPU never XLA's own: in a loop that takes 20 to 90 times as long as outside of it.
    """
    settings = {"kernel_size": kernel_size, "padding": padding}
    worth = math.prod(x.shape[1:]) * cotangent.shape[-1] >= _WORTH_TILES
    on_cpu = winograd.kernel_gradient if worth else _by_taps
    return lax.platform_dependent(x, cotangent, cpu=partial(on_cpu, **settings), default=partial(_native_gradient, **settings))


def _by_taps(x, cotangent, *, kernel_size, padding):
    """One product for each tap, of rows of pixels: both images have one frame, where a tap is an offset of the row."""
    if cotangent.shape[-1] < x.shape[-1]:                           # the narrower one is moved
        turned = tuple((k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(kernel_size, padding))
        swapped = _by_taps(cotangent, x, kernel_size=kernel_size, padding=turned)
        return jnp.flip(swapped, range(len(kernel_size))).swapaxes(-1, -2)
    x = jnp.pad(x, ((0, 0), *padding, (0, 0)))
    frame = x.shape[1:-1]
    g = jnp.pad(cotangent, ((0, 0), *((0, n - m) for n, m in zip(frame, cotangent.shape[1:-1])), (0, 0)))
    offsets = [int(np.ravel_multi_index(taps, frame)) for taps in np.ndindex(*kernel_size)]
    x, g = (image.reshape(-1, image.shape[-1]) for image in (x, g))
    count = len(x) - offsets[-1]                                    # g is zero after it
    products = [lax.dot_general(x[t : t + count], g[:count], (((0,), (0,)), ((), ()))) for t in offsets]
    return jnp.stack(products).reshape(*kernel_size, *products[0].shape)


def _native_gradient(x, cotangent, *, kernel_size, padding):
    shape = (*kernel_size, x.shape[-1], cotangent.shape[-1])
    transpose = jax.linear_transpose(lambda k: native(x, k, padding=padding), jax.ShapeDtypeStruct(shape, x.dtype))
    return transpose(cotangent)[0]


def _input_gradient(cotangent, kernel, *, padding):
    """The transpose of `convolve` in its image: correlation with the reversed kernel."""
    reversed_kernel = jnp.flip(kernel, range(kernel.ndim - 2)).swapaxes(-1, -2)
    turned = tuple((k - 1 - lo, k - 1 - hi) for k, (lo, hi) in zip(kernel.shape, padding))
    return convolve(cotangent, reversed_kernel, padding=turned)


def _batched(arguments, axes, *, padding):
    """vmap: images fold into N, kernels into F; only where both differ is it a grouped convolution."""
    (x, kernel), (x_axis, kernel_axis) = arguments, axes
    if kernel_axis is None:
        x = jnp.moveaxis(x, x_axis, 0)
        out = convolve(x.reshape(-1, *x.shape[2:]), kernel, padding=padding)
        return out.reshape(*x.shape[:2], *out.shape[1:]), 0
    if x_axis is None:
        kernel = jnp.moveaxis(kernel, kernel_axis, -2)
        out = convolve(x, kernel.reshape(*kernel.shape[:-2], -1), padding=padding)
        return out.reshape(*out.shape[:-1], *kernel.shape[-2:]), out.ndim - 1
    return jax.vmap(partial(native, padding=padding), (x_axis, kernel_axis))(x, kernel), 0


convolve_p = Primitive("convolve")
convolve_p.def_impl(jax.jit(_correlate, static_argnames="padding"))
convolve_p.def_abstract_eval(lambda x, kernel, *, padding: jax.core.ShapedArray(
    jax.eval_shape(partial(native, padding=padding), jax.ShapeDtypeStruct(x.shape, x.dtype),
                   jax.ShapeDtypeStruct(kernel.shape, kernel.dtype)).shape, x.dtype))
mlir.register_lowering(convolve_p, mlir.lower_fun(_correlate, multiple_results=False))
ad.defbilinear(
    convolve_p,
    lambda cotangent, x, kernel, *, padding: _input_gradient(cotangent, kernel, padding=padding),
    lambda cotangent, x, kernel, *, padding: weight_gradient(
        x, cotangent, kernel_size=kernel.aval.shape[:-2], padding=padding),
)
batching.primitive_batchers[convolve_p] = _batched


class Conv(nn.Module):
    """"Same" convolution of one channels-last image [*S, C] -> [*S, F] (1-D, 2-D or 3-D).

    `lowering="native"` forces `lax.conv_general_dilated`, for exporters that know no other primitive. The kernel starts
    He-normal times `gain`: a last layer of a small gain predicts next to nothing at first, instead of a deviation of
    its own that the first hundreds of steps would have to undo.
    """

    features: int
    kernel_size: int = 3
    use_bias: bool = True
    lowering: Lowering = "auto"
    precision: Precision = "float32"
    gain: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        size = (self.kernel_size,) * (x.ndim - 1)
        start = lambda *of: self.gain * nn.initializers.he_normal()(*of)
        kernel = self.param("kernel", start, (*size, x.shape[-1], self.features))
        out = _apply(self, x, kernel)
        if self.use_bias:
            out += _bias(self, x.ndim)
        return out


def _bias(module, rank):
    bias = module.param("bias", nn.initializers.zeros, (module.features,))
    return bias.astype(module.precision).reshape(*(1,) * (rank - 1), -1)


def _apply(module, x, kernel):
    kernel = kernel.astype(module.precision)
    correlate = convolve if module.lowering == "auto" else native
    return correlate(x[None].astype(module.precision), kernel, padding=same_padding(kernel.shape[:-2]))[0]


class Down(nn.Module):
    """Strided convolution, kernel = stride = 2: [*S, C] -> [*S / 2, F]; a matrix product of folded pixels."""

    features: int
    lowering: Lowering = "auto"
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        rank = x.ndim - 1
        kernel = self.param("kernel", nn.initializers.he_normal(), (*(2,) * rank, x.shape[-1], self.features))
        bias = _bias(self, x.ndim)
        x, kernel = x.astype(self.precision), kernel.astype(self.precision)
        if self.lowering == "native":
            space = "DHW"[-rank:]
            numbers = (f"N{space}C", f"{space}IO", f"N{space}C")
            return lax.conv_general_dilated(x[None], kernel, (2,) * rank, "VALID", dimension_numbers=numbers)[0] + bias
        return fold(x) @ kernel.reshape(-1, self.features) + bias


class UpConv(nn.Module):
    """Decoder step: `Conv(concat(repeat(coarse, 2), skip))`, [*S / 2, C], [*S, D] -> [*S, F].

    Nearest-neighbour repetition followed by a 3-tap axis reads only two distinct coarse pixels, so output
    phase 0 (the even pixels) correlates with the taps [k0, k1 + k2] and phase 1 with [k0 + k1, k2].
    """

    features: int
    lowering: Lowering = "auto"
    precision: Precision = "float32"

    @nn.compact
    def __call__(self, coarse: Array, skip: Array) -> Array:
        rank = skip.ndim - 1
        channels = coarse.shape[-1] + skip.shape[-1]
        kernel = self.param("kernel", nn.initializers.he_normal(), (*(3,) * rank, channels, self.features))
        bias = _bias(self, skip.ndim)
        if self.lowering == "native":
            return _apply(self, jnp.concatenate([repeat(coarse), skip.astype(coarse.dtype)], -1), kernel) + bias
        coarse_kernel, skip_kernel = jnp.split(kernel, [coarse.shape[-1]], axis=-2)
        up = self._repeated(coarse, coarse_kernel) + bias
        return up + _apply(self, skip, skip_kernel) if skip.shape[-1] else up

    def _repeated(self, coarse, kernel):
        """`Conv(repeat(coarse))` without the repeat: 2^d phases of 2^d taps, then interleaved."""
        rank = coarse.ndim - 1
        phases = jnp.array([[[1, 0, 0], [0, 1, 1]], [[1, 1, 0], [0, 0, 1]]], kernel.dtype)  # phase, tap, tap of 3
        # phase 0 sits at coarse positions 0..n-1, phase 1 at 1..n, of a correlation padded by one on both sides
        per_phase = []
        for phase in itertools.product((0, 1), repeat=rank):
            taps = kernel
            for axis, p in enumerate(phase):
                taps = jnp.moveaxis(jnp.tensordot(phases[p], taps, (1, axis)), 0, axis)
            per_phase.append(taps.astype(self.precision))
        padding = ((1, 1),) * rank
        out = convolve(coarse[None].astype(self.precision), jnp.concatenate(per_phase, -1), padding=padding)[0]
        phases_first = jnp.stack([
            part[tuple(slice(p, p + n) for p, n in zip(phase, coarse.shape))]
            for phase, part in zip(itertools.product((0, 1), repeat=rank), jnp.split(out, 2**rank, -1))
        ])
        return interleave(phases_first)


def repeat(x: Array) -> Array:
    """Nearest-neighbour up-sampling by 2 of every axis but the last."""
    for axis in range(x.ndim - 1):
        x = jnp.repeat(x, 2, axis)
    return x


def fold(x: Array) -> Array:
    """Space to depth: [*S, C] -> [*S / 2, 2^d C], the pixels of a 2^d block in row-major order."""
    rank = x.ndim - 1
    x = x.reshape(*(n for size in x.shape[:-1] for n in (size // 2, 2)), x.shape[-1])
    x = x.transpose(*range(0, 2 * rank, 2), *range(1, 2 * rank, 2), 2 * rank)
    return x.reshape(*x.shape[:rank], -1)


def interleave(phases: Array) -> Array:
    """The image [*2S, C] of its 2^d phases [2^d, *S, C], phase (p, q) at the pixels (2i + p, 2j + q)."""
    rank = phases.ndim - 2
    for axis in reversed(range(rank)):  # merge the last pair of phases along its axis, axis by axis
        phases = phases.reshape(-1, 2, *phases.shape[1:])
        phases = jnp.stack([phases[:, 0], phases[:, 1]], axis + 2)
        phases = phases.reshape(phases.shape[0], *phases.shape[1:axis + 1], -1, *phases.shape[axis + 3:])
    return phases[0]
