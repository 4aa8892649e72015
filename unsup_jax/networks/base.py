"""A network: a Flax module over one image, and what methods ask of it beside its output."""

import dataclasses
from typing import Any, ClassVar

import flax.linen as nn


class Network(nn.Module):
    """F_theta. A subclass writes `__call__`, and what else it answers otherwise."""

    takes_operator: ClassVar[bool] = False
    """It is called with (y, H) in place of y."""
    switchable: ClassVar[bool] = False
    """It goes two ways: it may be called with (u, a), where a is 0 for one, 1 for the other, and between them for a part of it."""

    @property
    def radius(self) -> int | None:
        """Pixels beyond which an input pixel cannot change an output pixel; None of a network whose reach is the whole image."""
        return None

    @property
    def alignment(self) -> int:
        """The network commutes with shifts by multiples of this many pixels."""
        return 1

    @property
    def tiling(self) -> tuple[int, int] | None:
        """(radius, alignment) of a network that is exact in tiles; None of one that is not."""
        return None if self.radius is None else (self.radius, self.alignment)

    def tiny(self) -> "Network":
        """The same network of as few layers and features as it works with, for tests."""
        return self


def natively(part: Any) -> Any:
    """A method, or a network, whose convolutions are `lax.conv_general_dilated` alone, of the same theta: for exporters."""
    changed = {}
    for field in dataclasses.fields(part):
        value = getattr(part, field.name, None)
        if field.name == "lowering":
            changed[field.name] = "native"
        elif field.init and field.name != "parent" and dataclasses.is_dataclass(value) and not isinstance(value, type):
            changed[field.name] = natively(value)
    if isinstance(part, nn.Module):
        return part.clone(**changed)
    return dataclasses.replace(part, **changed) if changed else part
