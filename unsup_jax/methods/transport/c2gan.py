r"""Content-preserving cycleGAN, c2GAN, with UTOM's saliency (Li et al., Light Sci. Appl. 10, 44 (2021); article, [33]).

    min (45) + c_t { mean |m_Y(y) - m_X(G y)| + mean |m_X(x) - m_Y(H x)| },       c_t = saliency exp(-t / decay)

m(u) = sigmoid(sharpness (u - T)) of the mean over channels is where an image is bright, beyond its domain's threshold T, and 1 - m where its
objects are dark. A cycle alone is as content with objects and ground exchanged; that the object stays one settles which is which, in
the first steps, and then the constraint fades. T is a grey level of its own domain, of G y that of x.
"""

from dataclasses import dataclass, replace
from typing import ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.core.method import Metrics
from unsup_jax.errors import InputError
from unsup_jax.losses.fidelity import mean_absolute_error
from unsup_jax.methods.adversarial.game import Players
from unsup_jax.methods.transport.cycle_gan import CycleGAN, Maps


@dataclass(frozen=True)
class C2GAN(CycleGAN):
    """A cycleGAN that keeps objects objects. Raises `InputError` where H is no network, and as `CycleGAN` does."""

    reference: ClassVar[str] = "Li 2021"

    saliency: float = 50.0
    """c at the first step."""
    decay: float = 400.0
    """Steps in which c falls to 1/e of it; the authors' are those of an epoch."""
    sharpness: float = 10.0
    """Slope of m, over deviations of the grey levels; the authors' 100 is of levels in [-1, 1]."""
    threshold_x: float = 0.5
    """T of x, in deviations above the mean of its grey levels."""
    threshold_y: float = 0.5
    """T of y."""
    dark_x: bool = False
    """Whether the objects of x are darker than their ground."""
    dark_y: bool = False
    """Whether those of y are."""

    def __post_init__(self):
        super().__post_init__()
        if not self.forward.of_network:
            raise InputError(f"C2GAN is of an H that is not known; of {type(self.forward).__name__} the objects are where they were")

    @property
    def label(self) -> str:
        """The name, short."""
        return "c2GAN"

    def at(self, state: Players) -> "C2GAN":
        return replace(super().at(state), saliency=self.saliency * jnp.exp(-state.generator.steps / self.decay))

    def bright(self, image: Array, threshold: float, dark: bool) -> Array:
        """m of an image [*S, C]: where its objects are."""
        m = jax.nn.sigmoid(self.sharpness * (image.mean(-1) - threshold))
        return 1 - m if dark else m

    def constraints(self, maps: Maps, one: Measurement, Gy: Array, Hx: Array) -> tuple[Array, Metrics]:
        loss, metrics = super().constraints(maps, one, Gy, Hx)
        of_x, of_y = (lambda x: self.bright(x, self.threshold_x, self.dark_x)), (lambda y: self.bright(y, self.threshold_y, self.dark_y))
        saliency = mean_absolute_error(of_y(one.y), of_x(Gy)) + mean_absolute_error(of_x(one.unpaired), of_y(Hx))
        return loss + self.saliency * saliency, {**metrics, "saliency": saliency}
