"""One linked viewer of all methods' images, inlined into the page of a run; `viewer.js` draws it, and asks no network.

Grey levels g of an image are embedded as whole numbers n, g = low + step n, where `step` is 1/1024 of the range that is shown or, of an image
that goes far beyond it, 1/65534 of its own; n = 65535 stands for what is no number. Of n, the differences along the pixels modulo 2^16
are written, first their high bytes and then their low ones, deflated, in base64. PNGs are not used: a canvas gives back 8 bits of their
16, and browsers that guard against being recognised alter what is read from it.
"""

import base64
import html
import itertools
import json
import zlib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.parts import in_memory
from unsup_jax.evaluate.metrics import psnr
from unsup_jax.evaluate.palette import LINES

PIXELS = 3_000_000
"""Pixels of a page, at most, of all its images together; about 2 bytes each."""
WIDTH = 512
"""Pixels of an image each way, at most."""
IMAGES = 16
"""Test images, at most."""
_NOT_A_NUMBER = 65535


def style() -> str:
    """CSS of the viewer."""
    return files(__package__).joinpath("viewer.css").read_text(encoding="utf-8")


def section(estimates: Mapping[str, Sequence[np.ndarray]], test: Sequence[Measurement], *, noisy: bool) -> str:
    """HTML of the viewer of estimates of the test measurements by the label of their method; `noisy` says that y is shown beside them.

    An estimate of another shape than the first one is left out and named. Nothing where there are no estimates, or no images.
    """
    estimates = {label: images for label, images in estimates.items() if len(images)}
    if not estimates or min(np.ndim(images[0]) for images in estimates.values()) < 3:
        return ""
    series = len(estimates) + noisy + (test[0].truth is not None)
    volume, notes = next(iter(estimates.values()))[0].ndim > 3, []
    shown, left = [], PIXELS // series
    count = min(len(test), *(len(images) for images in estimates.values()))
    for k in range(min(count, IMAGES)):
        one = in_memory(test[k])
        images = {"noisy": np.asarray(one.y)} if noisy else {}
        images |= {label: of[k] for label, of in estimates.items()}
        if one.truth is not None:
            images["truth"] = np.asarray(one.truth)
        window = _middle(next(iter(images.values())).shape, PIXELS // series)
        if shown and left < _size(window):
            break
        left -= _size(window)
        shown.append(_of_measurement(images, window, one.operator.identity))
        notes += shown[-1].pop("notes")
    if len(shown) < len(test):
        notes.append(f"Of {len(test)} test images the first {f'{len(shown)} are' if len(shown) > 1 else 'is'} here.")
    if volume:
        notes.insert(0, "A click puts all three planes through one voxel.")
    note = html.escape(" ".join(dict.fromkeys(notes)))
    text = json.dumps({"images": shown, "volume": volume}, ensure_ascii=True, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    script = files(__package__).joinpath("viewer.js").read_text(encoding="utf-8")
    return f"{_CONTROLS.format(note=note)}<script type='application/json' id='viewer-data'>{text}</script><script>{script}</script>"


def pixels(image: np.ndarray, span: float) -> dict[str, Any]:
    """What is embedded of grey levels [...] of which a range `span` wide is shown: `low`, `step` and the deflated `data`."""
    finite = np.isfinite(image)
    low, high = (float(image[finite].min()), float(image[finite].max())) if finite.any() else (0.0, 0.0)
    step = max(span / 1024, (high - low) / (_NOT_A_NUMBER - 1)) or 1.0
    levels = np.where(finite, np.round((np.where(finite, image, low) - low) / step), _NOT_A_NUMBER).astype(np.uint16).ravel()
    steps = np.diff(levels, prepend=np.uint16(0))
    packed = zlib.compress((steps >> 8).astype(np.uint8).tobytes() + (steps & 255).astype(np.uint8).tobytes(), 9)
    return {"low": low, "step": step, "data": base64.b64encode(packed).decode()}


def unpacked(one: Mapping[str, Any], shape: Sequence[int]) -> np.ndarray:
    """The grey levels of `pixels` again, within half a step."""
    high, low = np.frombuffer(zlib.decompress(base64.b64decode(one["data"])), np.uint8).reshape(2, -1).astype(np.uint16)
    levels = np.cumsum(high << 8 | low, dtype=np.uint16)
    return np.where(levels == _NOT_A_NUMBER, np.nan, one["low"] + one["step"] * levels).reshape(shape)


def _of_measurement(images, window, same):
    """What is embedded of one measurement: each image inside the window, with the range that is shown."""
    first = next(iter(images.values()))
    shown = {label: _grey(image)[window] for label, image in images.items() if image.shape[:-1] == first.shape[:-1]}
    notes = [f"{label} is of another shape, {' x '.join(map(str, image.shape))}, and not here." for label, image in images.items() if label not in shown]
    frame = _grey(first).shape
    if frame != (inside := shown[next(iter(shown))].shape):
        notes.append(f"Of {_times(frame)} pixels the middle {_times(inside)} are here.")
    if first.ndim > 4:
        notes.append("Of more than three axes the middle of the first ones is here.")
    if any(np.iscomplexobj(image) for image in images.values()):
        notes.append("Complex values are shown by their modulus.")
    elif first.shape[-1] > 1:
        notes.append("Colours are shown by their mean." if first.shape[-1] == 3 else "The first channel is here.")
    against = "truth" if "truth" in shown else "noisy" if "noisy" in shown and same else None
    reference = shown.get("truth", next(iter(shown.values())))
    finite = reference[np.isfinite(reference)]
    low, high = np.percentile(finite, [0.5, 99.7]) if finite.size else (0.0, 1.0)
    if not high > low:
        low, high = finite.min(initial=low), max(finite.max(initial=high), low + 1)
    errors = [np.abs(image - shown[against]) for label, image in shown.items() if label not in (against, "noisy")] if against else []
    spread = float(np.nanpercentile(errors, 99.5)) if errors and np.isfinite(errors).any() else 0.0
    methods = [label for label in shown if label not in ("noisy", "truth")]
    lines = {"noisy": ("#999999", ()), "truth": ("#000000", ())} | dict(zip(methods, itertools.cycle(LINES)))
    return {
        "shape": [1] * (3 - len(frame)) + [*inside], "low": float(low), "high": float(high), "spread": spread, "against": against, "notes": notes,
        "series": [
            {"label": label, "colour": lines[label][0], "dash": lines[label][1], **pixels(image, float(high - low))}
            | ({"psnr": round(score, 2)} if "truth" in images and label != "truth" and np.isfinite(score := psnr(images[label], images["truth"])) else {})
            for label, image in shown.items()
        ],
    }


def _grey(image):
    """Grey levels [H, W] or [D, H, W] of an image [*S, C]."""
    image = np.linalg.norm(image, axis=-1) if np.iscomplexobj(image) else image.mean(-1) if image.shape[-1] == 3 else image[..., 0]
    while image.ndim > 3:
        image = image[len(image) // 2]
    return image.astype(np.float64)


def _middle(shape, most):
    """The window, in the middle of an image [*S, C], of not more than `most` pixels and `WIDTH` each way."""
    frame = shape[:-1][-3:]
    size = [min(width, WIDTH) for width in frame]
    while np.prod(size) > most:
        longest = int(np.argmax(size))
        size[longest] -= max(1, size[longest] // 16)
    return tuple(slice((width - part) // 2, (width - part) // 2 + part) for width, part in zip(frame, size))


def _size(window):
    return int(np.prod([part.stop - part.start for part in window]))


def _times(shape):
    return " x ".join(map(str, shape))


_CONTROLS = """<section id="viewer" hidden aria-labelledby="viewer-title"><h2 id="viewer-title">All methods side by side</h2>
<p class="help">Drag moves all images, the wheel, two fingers or + and - enlarge them, 0 shows them whole. With the grid in focus the arrows move,
<kbd>n</kbd> and <kbd>p</kbd> go through the test images, <kbd>r</kbd> shows residuals, <kbd>w</kbd> the wipe, and <kbd>l</kbd> the line of the
profile, whose end the arrows then move, and with shift its start. {note}</p>
<div class="controls">
<span class="of-many"><label for="viewer-image">image</label><input type="range" id="viewer-image" min="0" step="1" value="0"><output></output></span>
<span class="of-volume"><label for="viewer-z">z</label><input type="range" id="viewer-z" min="0" step="1"><output></output></span>
<span class="of-volume"><label for="viewer-y">y</label><input type="range" id="viewer-y" min="0" step="1"><output></output></span>
<span class="of-volume"><label for="viewer-x">x</label><input type="range" id="viewer-x" min="0" step="1"><output></output></span>
<span><input type="checkbox" id="viewer-line"><label for="viewer-line">line profile</label></span>
<span class="of-residual"><input type="checkbox" id="viewer-residual"><label for="viewer-residual">residual</label><output></output></span>
<span><input type="checkbox" id="viewer-wiping"><label for="viewer-wiping">wipe</label>
<select id="viewer-left" aria-label="left of the wipe"></select><input type="range" id="viewer-wipe" min="0" max="1" step="0.005" value="0.5"
aria-label="place of the wipe"><select id="viewer-right" aria-label="right of the wipe"></select></span>
<span><label for="viewer-black">black</label><input type="range" id="viewer-black" min="-0.5" max="1" step="0.01" value="0"></span>
<span><label for="viewer-white">white</label><input type="range" id="viewer-white" min="0" max="2.5" step="0.01" value="1"></span>
<button type="button" id="viewer-reset">reset</button></div>
<div class="wiped" hidden></div><div class="profile" hidden></div>
<div class="grid" tabindex="0" role="group" aria-label="images of all methods"></div></section>
"""
