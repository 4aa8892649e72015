r"""H_phi: x -> y of the dual (44)-(45), by what is known of it.

    Known           H is the measurement's own, or is drawn (`core.Family`)  nothing of phi is left to learn: no D_Y
    LearntBlur      H x = h * x,   h(t) = exp(phi(t) + a . t) / Z            [11]
    LearntMap       H is a network                                          cycleGAN
    Switched        H is G's network under its other code, H x = F(x, 0), G y = F(y, 1)         switchable cycleGAN

A kernel h is non-negative and of unit sum; a is such that sum_t t h(t) = 0, which is where log Z(a) is least. So its scale and its
shift, which G could undo, are not there to learn.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core import LINEAR, SAME_PIXELS, Family, Measurement, Own, Takes
from unsup_jax.errors import InputError
from unsup_jax.networks import Network, ResNet
from unsup_jax.operators import Convolution


@dataclass(frozen=True)
class Forward:
    """H_phi. A subclass writes `at`, and `init` where there is a phi."""

    known: ClassVar[bool] = False
    """Nothing of phi is to be learnt, so that D_Y falls away."""
    of_network: ClassVar[bool] = False
    """H is made by a network, which can be asked to leave a y as it is."""
    one_unit: ClassVar[bool] = True
    """x and y are in one unit of grey, from one zero."""
    label: ClassVar[str]
    """What the cycleGAN is called by it."""
    takes: ClassVar[Takes] = SAME_PIXELS
    """The measurements that it can be of."""

    def check(self, generator: Network) -> None:
        """Raise `InputError` on a G beside which there is no such H."""

    def phi(self, params: dict[str, Any], F: Callable[..., Array]) -> Any:
        """What `at` takes for phi, of the parameters of both: those of H, unless it is made of F, the network of G with its theta."""
        return params["H"]

    def init(self, key: Array, one: Measurement) -> Any:
        """phi, for measurements like ONE; None where nothing is learnt, or nothing beside theta."""
        return None

    def at(self, params: Any, one: Measurement) -> Callable[[Array], Array]:
        """H_phi by which ONE was measured."""
        raise NotImplementedError

    def drawn(self, key: Array, params: Any, one: Measurement) -> Callable[[Array], Array]:
        """H_phi of another measurement of the kind of ONE: the same, unless operators are drawn."""
        return self.at(params, one)

    def kernel(self, params: Any) -> Array | None:
        """h [*K], of an H_phi that learns one."""
        return None

    def images(self, params: Any, y: Array) -> dict[str, Array]:
        """What the report shows of H_phi beside an estimate from y, by its caption: grids of images [rows, columns, *S, C]."""
        return {}

    def tiny(self) -> "Forward":
        """The same as small as it works, for tests."""
        return self


@dataclass(frozen=True)
class Known(Forward):
    """The measurement's own operator for y, and for x one that is drawn."""

    known: ClassVar[bool] = True
    takes: ClassVar[Takes] = LINEAR
    label: ClassVar[str] = "OT-cycleGAN"

    family: Family = Own()
    """What x is measured by: the operator of the y beside it, so that the masks of a data set are drawn as often as they are there; or one
    that an instrument draws anew in each step."""

    def at(self, params: Any, one: Measurement) -> Callable[[Array], Array]:
        return one.operator

    def drawn(self, key: Array, params: Any, one: Measurement) -> Callable[[Array], Array]:
        return self.family.draw(key, one)


@dataclass(frozen=True)
class LearntBlur(Forward):
    """One kernel, learnt from where the measurement's operator, or a Gaussian, has it. Raises `InputError` on a width below 3 or a sigma
    that is not positive."""

    label: ClassVar[str] = "cycleGAN, blur learnt"

    width: int = 15
    """Pixels of h along each axis."""
    sigma: float | None = None
    """Standard deviation, in pixels, of the Gaussian from which h starts; None: from what the measurement says is its blur."""
    rate: float = 10.0
    """Step size of phi over that of G."""

    def __post_init__(self):
        if self.width < 3 or (self.sigma is not None and not self.sigma > 0):
            raise InputError(f"LearntBlur takes a width of 3 or more and a positive sigma, not {self.width} and {self.sigma}")

    def init(self, key: Array, one: Measurement) -> Array:
        rank = one.y.ndim - 1
        if min(one.y.shape[:-1]) < self.width:
            raise InputError(f"a kernel {self.width} pixels wide (--method.forward.width) for images of {' x '.join(map(str, one.y.shape[:-1]))}")
        if self.sigma is not None:
            return -jnp.sum(jnp.square(_places(self.width, rank)), -1) / (2 * self.sigma**2 * self.rate)
        middle = tuple(n // 2 for n in one.y.shape[:-1])
        h = one.operator(jnp.zeros_like(one.y).at[middle].set(1))[..., 0]
        h = h[tuple(slice(m - self.width // 2, m - self.width // 2 + self.width) for m in middle)]
        return jnp.log(jnp.maximum(h, 1e-4 * h.max())) / self.rate

    def kernel(self, params: Array) -> Array:
        logits, t = self.rate * params, _places(self.width, params.ndim).astype(params.dtype)
        tilt = jnp.zeros((params.ndim,), params.dtype)
        for _ in range(6):                                          # Newton's steps to the a of least log Z, from a nearby one
            h = jax.nn.softmax((logits + t @ tilt).ravel()).reshape(logits.shape)
            mean = jnp.einsum("...,...i->i", h, t)
            spread = jnp.einsum("...,...i,...j->ij", h, t, t) - mean[:, None] * mean[None]
            tilt = tilt - jnp.linalg.solve(spread + 1e-3 * jnp.eye(params.ndim, dtype=params.dtype), mean)
        return jax.nn.softmax((logits + t @ tilt).ravel()).reshape(logits.shape)

    def at(self, params: Array, one: Measurement) -> Callable[[Array], Array]:
        return Convolution(self.kernel(params))

    def images(self, params: Array, y: Array) -> dict[str, Array]:
        return {"The kernel that was learnt": self.kernel(params)[None, None, ..., None]} if params.ndim == 2 else {}

    def tiny(self) -> "LearntBlur":
        return LearntBlur(width=5, sigma=1.0)


@dataclass(frozen=True)
class LearntMap(Forward):
    """A network, x and y each in units of its own. Raises `InputError` on one that asks for the operator."""

    of_network: ClassVar[bool] = True
    one_unit: ClassVar[bool] = False
    label: ClassVar[str] = "cycleGAN"

    network: Network = ResNet(depth=3, width=32)
    """H_phi."""

    def __post_init__(self):
        if self.network.takes_operator:
            raise InputError(f"H of LearntMap sees an image alone; {type(self.network).__name__} asks for the operator too")

    def init(self, key: Array, one: Measurement) -> Any:
        return self.network.init(key, one.y)

    def at(self, params: Any, one: Measurement) -> Callable[[Array], Array]:
        return lambda x: self.network.apply(params, x)

    def tiny(self) -> "LearntMap":
        return LearntMap(self.network.tiny())


@dataclass(frozen=True)
class Switched(Forward):
    """H x = F(x, 0) of the network whose F(y, 1) is G y: one for both directions, in one unit of grey, with nothing of phi beside its theta."""

    of_network: ClassVar[bool] = True
    label: ClassVar[str] = "switchable cycleGAN"

    def check(self, generator: Network) -> None:
        if not generator.switchable:
            raise InputError(f"{self.label} takes a network of two directions, such as StyledUNet, not {type(generator).__name__}")

    def phi(self, params: dict[str, Any], F: Callable[..., Array]) -> Any:
        return F

    def at(self, params: Any, one: Measurement) -> Callable[[Array], Array]:
        return lambda x: params(x, 0.0)

    def images(self, params: Any, y: Array) -> dict[str, Array]:
        return {"F(y, a), a = 0, 1/4, 1/2, 3/4, 1": jax.vmap(lambda a: params(y, a))(jnp.linspace(0, 1, 5))[None]}


def width(h: Array) -> Array:
    """The standard deviation of a centred kernel's light along an axis, the mean over axes, in pixels."""
    return jnp.sqrt(jnp.sum(jnp.sum(jnp.square(_places(h.shape[0], h.ndim)), -1).astype(h.dtype) * h) / h.ndim)


def _places(width, rank):
    """The places t [*K, rank] of a kernel's pixels about its middle."""
    t = jnp.arange(width, dtype=jnp.float32) - width // 2
    return jnp.stack(jnp.meshgrid(*(t,) * rank, indexing="ij"), -1)
