r"""Fourier ptychography from few LEDs by a conditional GAN (Nguyen et al., Opt. Express 26, 26470 (2018)).

    G:  weight (.05 (1/n) || |F x| - |F G(y)| ||_1 + .95 (1/n) ||x - G(y)||_1)  -  log D(y, G(y))

y are the amplitudes of the images of a few LEDs, each finely sampled as a channel of what G sees. x is the complex object: G makes
its phase, and what its amplitude has more than the image of the central LED; D sees its real and its imaginary part. Where many
LEDs were lit once, an iteration makes the x of that first frame, from which G learns what to make of the frames that follow, of
few. The moduli of the spectra do not change where the object moves.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Adam, Measurement, Optimizer, Scale, Takes
from unsup_jax.core.phasors import cis, weighted
from unsup_jax.errors import InputError
from unsup_jax.losses import Objective, SpectralError, SupervisedError
from unsup_jax.methods.adversarial.game import Player
from unsup_jax.methods.adversarial.pix2pix import Pix2Pix
from unsup_jax.networks import Network, UNet


def _images_of_an_object(one: Measurement) -> bool:
    x = one.operator.domain(one.y)
    return one.y.ndim == 4 and not jnp.iscomplexobj(one.y) and jnp.issubdtype(x.dtype, jnp.complexfloating) and len(x.shape) == 3


@dataclass(frozen=True)
class PtychographyGAN(Pix2Pix):
    """The content in space and frequency, with the conditional game. Raises `InputError` on a generator of other than two channels."""

    takes: ClassVar[Takes] = Takes("real images [LED, n, n, 1] of a complex object", _images_of_an_object)
    reference: ClassVar[str] = "Nguyen 2018"

    generator: Network = UNet(depth=3, channels=2)
    """G."""
    content: Objective = 100 * (0.05 * SpectralError() + 0.95 * SupervisedError(absolute=True))
    """What G pays for its distance from x, with its weight."""
    generator_optimizer: Optimizer = Adam(2e-4, b1=0.5, average=0.99)
    """Optimiser of G, with its moving average."""

    def __post_init__(self):
        super().__post_init__()
        if (channels := getattr(self.generator, "channels", None)) != 2:
            raise InputError(f"{self.label} takes a generator of two channels, of amplitude and phase; those of {type(self.generator).__name__} are {channels}")

    def units(self, example: Measurement) -> tuple[Scale, Scale]:
        """The largest amplitude of x, for both."""
        largest = jnp.abs(example.truth).max()
        scale = Scale(jnp.zeros_like(largest), largest)
        return scale, scale

    def shown(self, one: Measurement) -> Array:
        """The image of each LED on the pixels of x, as a channel [N, N, LED]."""
        size, coarse = one.operator.domain(one.y).shape[0], one.y.shape[1]
        return coarse / size * jax.image.resize(jnp.moveaxis(one.y[..., 0], 0, -1), (size, size, one.y.shape[0]), "linear")

    def made(self, G: Player, one: Measurement) -> Array:
        more, phase = jnp.split(G(self.shown(one)), 2, -1)
        return weighted(jnp.abs(one.operator.guess(one.y)) + more, cis(phase))

    def looked_at(self, x: Array) -> Array:
        return jnp.concatenate([x.real, x.imag], -1)

    @property
    def tiling(self) -> None:
        return None
