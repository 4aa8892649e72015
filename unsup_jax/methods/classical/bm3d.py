r"""BM3D (Dabov et al., IEEE Trans. Image Process. 16, 2080 (2007)) of a measurement; the filter is `priors.bm3d`.

BM3D takes white Gaussian noise of known sigma. For a camera's Poisson-Gaussian noise the generalised
Anscombe transform makes the variance one before, and its exact unbiased inverse is taken after:

    f(y)    = (2 / g) sqrt(g y + 3/8 g^2 + sigma^2)
    f^-1(D) = g (D^2/4 + sqrt(3/2)/4 D^-1 - 11/8 D^-2 + 5/8 sqrt(3/2) D^-3 - 1/8) - sigma^2 / g

for gain g and read-out noise sigma (Makitalo & Foi, IEEE Trans. Image Process. 22, 91 (2013)).
"""

import importlib
from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from unsup_jax.core import Direct, Measurement
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.methods.classical.camera import channel_cameras
from unsup_jax.methods.classical.callback import numbers_on_host, on_host
from unsup_jax.noise import anscombe, anscombe_inverse
from unsup_jax.priors import BM3DDenoiser

restoration = Lazy("skimage.restoration")


@dataclass(frozen=True)
class BM3D(Direct):
    """BM3D of each channel of an image; by its authors' package, also BM4D of a volume.

    Gain and read-out noise of a channel are those of a known camera, else estimated. Plain, sigma is that of a known Gaussian noise
    model, else estimated from the wavelet coefficients of each channel. Raises `InputError` for a volume without the package, for
    the package where it is not installed, and for complex values to be stabilised.
    """

    reference: ClassVar[str] = "Dabov 2007; Makitalo & Foi 2013"

    stabilize: bool | None = None
    """Apply the generalised Anscombe transform before, and its exact unbiased inverse after, in channels whose noise grows with the
    signal; False is plain BM3D, which takes all noise for white. None is plain for complex values alone, which have no photon noise."""
    package: bool = False
    """Filter by the authors' packages bm3d and bm4d (the extra `bm3d`), which are closed and for non-commercial use alone."""
    denoiser: BM3DDenoiser = BM3DDenoiser()
    """Our filter."""

    @property
    def label(self) -> str:
        return "BM3D" + {None: "", True: " + VST", False: ", plain"}[self.stabilize] + " (package)" * self.package

    @property
    def independent_noise(self) -> bool:
        return True

    def answer(self, key: Array, one: Measurement) -> Array:
        y, collaborative = one.y, self._filter(one.y.ndim - 1)
        if self.stabilize or (self.stabilize is None and not jnp.iscomplexobj(y)):
            return _stabilized(one, collaborative)
        parts = jnp.concatenate([y.real, y.imag], -1) if jnp.iscomplexobj(y) else y
        if one.noise is not None and one.noise.white:  # of complex values, sigma^2 is the variance of both parts together
            sigma = jnp.asarray(one.noise.camera()[1], parts.dtype) * (y.shape[-1] / parts.shape[-1]) ** 0.5
        else:
            sigma = numbers_on_host(lambda y: [restoration.estimate_sigma(channel) for channel in np.moveaxis(y, -1, 0)], parts, parts.shape[-1])
        parts = collaborative(parts, sigma)
        return lax.complex(*jnp.split(parts, 2, -1)) if jnp.iscomplexobj(y) else parts

    def _filter(self, dimensions):
        if self.package:
            return _packaged(dimensions)
        if dimensions != 2:
            raise InputError(
                "BM3D filters images; of volumes there is BM4D, closed and for non-commercial use alone: "
                "pip install 'unsup_jax[bm3d]' and give --method.package True")
        return self.denoiser


def _stabilized(one, collaborative):
    y = one.y
    if jnp.iscomplexobj(y):
        raise InputError("BM3D stabilises photon noise, which complex values do not have; take it without stabilize")
    gain, sigma, offset = (of.reshape(*(1,) * (y.ndim - 1), -1) for of in channel_cameras(one))
    photons = gain > 0  # else the noise is white already
    gain = jnp.where(photons, gain, 1)
    stable = collaborative(jnp.where(photons, anscombe(y - offset, gain, sigma), y), jnp.where(photons, 1, sigma).ravel())
    return jnp.where(photons, anscombe_inverse(stable, gain, sigma) + offset, stable)


def _packaged(dimensions):
    """x, sigma -> BM3D of images or BM4D of volumes by the authors' packages, channel by channel."""
    name = "bm3d" if dimensions == 2 else "bm4d"
    try:
        collaborative = getattr(importlib.import_module(name), name)
    except ImportError as error:
        raise InputError(
            f"the package {name}, which is closed and for non-commercial use alone, is not installed: pip install 'unsup_jax[bm3d]'"
        ) from error

    def call(x, sigma):
        channels = zip(np.moveaxis(x.astype(np.float64), -1, 0), np.broadcast_to(sigma, x.shape[-1:]).astype(np.float64))
        return np.stack([collaborative(channel, s) if s > 0 else channel for channel, s in channels], -1)

    return lambda x, sigma: on_host(call, x, sigma)
