r"""What leaves the house: a method's reconstruction as one function of images, traced at no particular size.

    images [N, C, *S]  ->  estimates [N, C', *S],        of any N and of any S from `smallest` pixels an axis on

theta, as it reconstructs, the units of grey and the noise model of the training are constants of it. The sizes are symbols of `jax.export`,
so that one trace serves all images: what would need another program at another size is not traced, and refused.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, export

from unsup_jax.core import Measurement, Method, Operator
from unsup_jax.errors import InputError
from unsup_jax.networks import Network, natively
from unsup_jax.operators import Identity

PLATFORMS = ("cpu", "cuda", "tpu")
AXES = {2: "yx", 3: "zyx"}
SMALLEST = 16  # pixels an axis, that every network takes


class Untold(Operator):
    """Stands for an operator that mixes pixels, of which a network that leaves the house is told nothing: whatever asks of H is refused."""

    def _refuse(self, *_, **__):
        """Raises `InputError`."""
        raise InputError("the estimate is made from y and its operator H; what leaves the house is a function of images alone")

    __call__ = domain = guess = adjoint = normal = inverse = measured = back_project = transfer = check_views = without_pose = _refuse


def estimates(method: Method, state: Any, noise: Any, operator: Operator) -> Callable[[Array], Array]:
    """`reconstruct` of a method, images [N, C, *S] -> estimates [N, C', *S]; `operator` is that of its measurements."""
    H = Identity() if operator.identity else Untold()
    native, key = natively(method), jax.random.key(0)

    def estimate(images):
        def one(y):
            measured = Measurement(y, H, noise)
            return native.solved(key, measured) if method.scope == "measurement" else native.reconstruct(key, state, measured)

        return jnp.moveaxis(jax.vmap(one)(jnp.moveaxis(images, 1, -1)), -1, 1)

    return estimate


def smallest(method: Method) -> int:
    """Pixels an axis from which on the trace holds, a multiple of the method's alignment."""
    alignment = 1 if method.tiling is None else method.tiling[1]
    return -(-SMALLEST // alignment) * alignment


def symbolic_images(method: Method, channels: int, dimensions: int) -> jax.ShapeDtypeStruct:
    """The shape [n, C, *S] of images, of symbols n and those of `AXES`."""
    axes = AXES[dimensions]
    sizes = export.symbolic_shape(", ".join(["n", *axes]), constraints=[f"{axis} >= {smallest(method)}" for axis in axes])
    return jax.ShapeDtypeStruct((sizes[0], channels, *sizes[1:]), jnp.float32)


def traced(method: Method, trace: Callable[[], Any]) -> Any:
    """What `trace` makes; `InputError` where the method's program is another one at every size."""
    refusal = f"{method.label} ({network_of(method)}) does not leave the house"
    try:
        return trace()
    except InputError as error:
        raise InputError(f"{refusal}: {error}") from error
    except (jax.errors.InconclusiveDimensionOperation, jax.errors.ConcretizationTypeError, NotImplementedError, TypeError, ValueError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{refusal}: it cannot be traced for images of any size ({first[:200]})") from error


def serialized(method: Method, function: Callable[[Array], Array], images: jax.ShapeDtypeStruct) -> bytes:
    """The function as `jax.export` writes it, for cpu, cuda and tpu."""
    return bytes(traced(method, lambda: export.export(jax.jit(function), platforms=PLATFORMS)(images).serialize()))


def deserialized(program: bytes) -> Callable[[Array], Array]:
    """The function of what `serialized` made; `jax.export` alone is asked for it."""
    return export.deserialize(bytearray(program)).call


def network_of(method: Any) -> str:
    """The names of a method's networks, also of those of the methods that it is made of."""
    parts = [getattr(method, field.name) for field in dataclasses.fields(method)]
    names = [type(part).__name__ for part in parts if isinstance(part, Network)]
    names += [network_of(part) for part in parts if isinstance(part, Method)]
    return ", ".join(filter(None, names)) or "no network"
