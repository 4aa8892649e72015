"""What ImageJ writes into a TIFF: scales, colour tables, display ranges, labels, overlays and notes.

Read and written by tifffile. A hyperstack of ImageJ has the axes TZCYXS, in this order, and 8- or 16-bit integers
without sign, 32-bit floats, or 8-bit RGB.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from unsup_jax.files.metadata import Channel, Metadata, Scale, symbol

AXES = "TZCYXS"
_COUNTS = {"images", "channels", "slices", "frames", "order", "SCIFIO"}  # these follow from the shape
_TAGS = {"Info", "Labels", "Ranges", "LUTs", "Plot", "ROI", "Overlays", "Properties"}


def holds(axes: str, shape: tuple[int, ...], dtype: np.dtype) -> bool:
    """Whether a hyperstack can hold an array."""
    if "S" in axes and (shape[axes.index("S")] != 3 or dtype != np.uint8):
        return False
    return set(axes) <= set(AXES) and dtype in (np.uint8, np.uint16, np.float32)


def read(tags: Mapping[str, Any], resolution: tuple[float, float], axes: str, shape: tuple[int, ...]) -> Metadata:
    """What ImageJ's tags say, as tifffile reads them, with the `resolution` in pixels a unit."""
    sizes = dict(zip(axes, shape))
    unit = symbol(str(tags.get("unit", "")))
    step = {"X": _inverse(resolution[0]), "Y": _inverse(resolution[1]), "Z": _number(tags.get("spacing"))}
    scales = {
        a: Scale(step[a], unit, 0.0 - _number(tags.get(f"{a.lower()}origin")) * step[a])
        for a in "XYZ" if a in axes and step[a] > 0 and unit not in ("", "pixel")
    }
    interval = _number(tags.get("finterval")) or _inverse(_number(tags.get("fps")))
    if "T" in axes and interval > 0:
        scales["T"] = Scale(interval, symbol(str(tags.get("tunit", "s"))))
    own = {k: v for k, v in tags.items() if k not in _COUNTS and (k in _TAGS or not isinstance(v, bytes))}
    return Metadata("", str(tags.get("Info", "")), scales, _channels(tags, sizes), own={"imagej": own})


def fields(own: Mapping[str, Any], axes: str) -> dict[str, Any]:
    """tifffile's `metadata` for a hyperstack with the tags it was read with, in ASCII."""
    return {"axes": axes} | {k: _ascii(v) if isinstance(v, str) and k not in _TAGS else v for k, v in own.items()}


def restored(description: str, own: Mapping[str, Any]) -> bytes:
    """A description made from `fields`, with the characters beyond ASCII as the file had them: a unit of "µm"."""
    beyond = {f"{k.lower()}={_ascii(v)}": f"{k.lower()}={v}" for k, v in own.items() if isinstance(v, str) and k not in _TAGS}
    return "".join(beyond.get(line, line) + "\n" for line in description.splitlines()).encode("latin-1", "replace")


def _ascii(text):
    return text.encode("ascii", "replace").decode()


def _number(value):
    return float(value) if isinstance(value, (int, float)) and np.isfinite(value) else 0.0


def _inverse(value):
    return 1 / value if value else 0.0


def _channels(tags, sizes):
    """The colours and display ranges of channels; their labels are names only where each channel is one plane."""
    count = sizes.get("C", 1)
    tables = tags.get("LUTs", [])
    tables = [tables] if isinstance(tables, np.ndarray) else tables
    ranges, labels = tags.get("Ranges", ()), tags.get("Labels", [])
    labels = [labels] if isinstance(labels, str) else labels
    named = len(labels) == count > 1 and sizes.get("Z", 1) * sizes.get("T", 1) == 1
    channels = tuple(
        Channel(
            labels[c] if named else None,
            tuple(int(v) for v in tables[c][:, -1]) if c < len(tables) and tables[c].shape[0] == 3 else None,
            tuple(map(float, ranges[2 * c : 2 * c + 2])) if 2 * c + 1 < len(ranges) else None,
        )
        for c in range(count)
    )
    return channels if any(channel != Channel() for channel in channels) else ()
