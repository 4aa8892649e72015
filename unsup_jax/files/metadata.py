"""What a file says of its image beside the pixels, in terms that every other format can write as far as it holds them.

A reader fills `Metadata` from its header; a writer makes a fresh header of it, of the pixels it writes, and, where
the file read was of its own format, of what only that format says (`Metadata.own`). No header is ever copied.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_UNITS = {  # symbol: (its name, what it measures, how many of the SI unit it is)
    "pm": ("picometer", "length", 1e-12),
    "Å": ("angstrom", "length", 1e-10),
    "nm": ("nanometer", "length", 1e-9),
    "µm": ("micrometer", "length", 1e-6),
    "mm": ("millimeter", "length", 1e-3),
    "cm": ("centimeter", "length", 1e-2),
    "m": ("meter", "length", 1.0),
    "in": ("inch", "length", 0.0254),
    "ns": ("nanosecond", "time", 1e-9),
    "µs": ("microsecond", "time", 1e-6),
    "ms": ("millisecond", "time", 1e-3),
    "s": ("second", "time", 1.0),
    "min": ("minute", "time", 60.0),
    "h": ("hour", "time", 3600.0),
}
_SPELLED = {"micron": "µm", "um": "µm", "us": "µs", "a": "Å", "sec": "s", "hr": "h"}
_SPELLED |= {name: symbol for symbol, (name, _, _) in _UNITS.items()}


@dataclass(frozen=True)
class Scale:
    """The coordinates of an axis: its sample i lies at `origin + i * step`, in `unit`."""

    step: float
    unit: str = ""
    """A symbol, as `symbol` gives it; empty where the file does not say."""
    origin: float = 0.0

    def to(self, unit: str) -> "Scale | None":
        """The same coordinates in another unit; None where the two do not measure the same."""
        if self.unit not in _UNITS or unit not in _UNITS or _UNITS[self.unit][1] != _UNITS[unit][1]:
            return self if self.unit == unit else None
        here, there = _UNITS[self.unit][2], _UNITS[unit][2]
        return Scale(self.step * here / there, unit, self.origin * here / there)


@dataclass(frozen=True)
class Channel:
    """How a channel is called and shown; None where the file does not say."""

    name: str | None = None
    color: tuple[int, int, int] | None = None
    """Red, green and blue of its brightest value, 0 to 255."""
    window: tuple[float, float] | None = None
    """The values shown black and brightest."""


@dataclass(frozen=True)
class Optics:
    """The objective and the light of an image; None where the file does not say."""

    numerical_aperture: float | None = None
    index: float | None = None
    """Refractive index of the immersion."""
    wavelengths_um: tuple[float, ...] = ()
    """Of the emission in vacuum, one for each channel."""


@dataclass(frozen=True)
class Metadata:
    """The description of an image; what a file does not say is empty."""

    name: str = ""
    description: str = ""
    scales: Mapping[str, Scale] = field(default_factory=dict)
    """The coordinates of each axis, by its letter: of space, and of time."""
    channels: tuple[Channel, ...] = ()
    """One for each place along the axis of channels."""
    optics: Optics = Optics()
    own: Mapping[str, Any] = field(default_factory=dict)
    """What the format of the file alone can say; only a writer of the same `Picture.kind` reads it."""


def symbol(unit: str) -> str:
    """The symbol of a unit that is spelled in any of the usual ways ("micron", "um", "μm", "\\u00B5m", "micrometre");
    one that is not known is returned as it stands."""
    unit = unit.strip().replace("\\u00B5", "µ").replace("\\u00b5", "µ").replace("μ", "µ").replace("\u212b", "Å")
    if unit in _UNITS:
        return unit
    spelled = unit.lower().replace("metre", "meter")
    return _SPELLED.get(spelled) or _SPELLED.get(spelled.removesuffix("s"), unit)


def unit_name(unit: str) -> str:
    """The full name of a unit, "micrometer" for "µm"; one that is not known is returned as it stands."""
    return _UNITS[unit][0] if unit in _UNITS else unit
