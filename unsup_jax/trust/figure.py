"""The trust report as one picture: where the residual is not noise, at which scales and grey levels, and what changes with the noise."""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure  # not pyplot, whose windows and backend are the user's

from unsup_jax.evaluate.figures import plane
from unsup_jax.lazy import Lazy
from unsup_jax.trust.report import Trust

ndimage = Lazy("scipy.ndimage")

_FOUND, _EXPECTED = {"color": "#0072B2", "lw": 1.4}, {"color": "#D55E00", "lw": 1.2, "ls": "--"}     # told apart by the colour-blind
_SIGNED = {"cmap": "PuOr_r", "interpolation": "nearest"}


def draw(path: Path, trust: Trust, estimate: np.ndarray) -> bool:
    """Write the picture of a report of an `estimate` [*S, C]; False where there is nothing to draw."""
    panels = [
        panel for panel, needed in (
            (_residual, trust.residual), (_regions, trust.by_region), (_neighbours, trust.whiteness), (_levels, trust.by_level),
            (_scales, trust.by_frequency), (_change, trust.renoised), (_unsupported, trust.renoised), (_resolution, trust.halves or trust.renoised),
        ) if needed is not None
    ]
    if not panels:
        return False
    columns = min(4, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(3.5 * columns, 3.1 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axis, panel in zip(axes, panels):
        panel(figure, axis, trust, estimate)
    for axis in axes[len(panels):]:
        axis.set_visible(False)
    figure.savefig(path, dpi=110)
    return True


def _image(figure, axis, image, title, label, **settings):
    drawn = axis.imshow(image, **settings)
    axis.set(xticks=[], yticks=[])
    axis.set_title(title, fontsize=9)
    figure.colorbar(drawn, ax=axis, shrink=0.75).set_label(label, fontsize=8)


def _curve(axis, title, x, y, legend):
    axis.set_title(title, fontsize=9)
    axis.set_xlabel(x, fontsize=8)
    axis.set_ylabel(y, fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    if legend:
        axis.legend(fontsize=7)


def _residual(figure, axis, trust, estimate):
    of = trust.residual
    r, axes = np.where(of.measured, of.r.real, np.nan), of.axes[-2:]
    r = np.moveaxis(r, axes, range(-len(axes), 0))
    r = r.reshape(-1, *r.shape[-len(axes):])
    r = np.atleast_2d(r[len(r) // 2])
    _image(figure, axis, r, "residual", "deviations of the noise", vmin=-4, vmax=4, aspect="equal" if min(r.shape) > 8 else "auto", **_SIGNED)


def _regions(figure, axis, trust, estimate):
    values = np.atleast_2d(trust.by_region.value)
    most = max(2.0, float(np.nanmax(values)))
    _image(figure, axis, values, "χ² of the residual by region", "1: noise", vmin=0, vmax=min(most, 4), cmap="cividis", interpolation="nearest")


def _neighbours(figure, axis, trust, estimate):
    rho = trust.whiteness.autocorrelation.copy()
    rho[tuple(n // 2 for n in rho.shape)] = np.nan
    most = max(0.1, float(np.nanmax(np.abs(rho))))
    _image(figure, axis, rho, f"autocorrelation of the residual, p = {trust.whiteness.p:.2g}", "correlation", vmin=-most, vmax=most, **_SIGNED)


def _levels(figure, axis, trust, estimate):
    of = trust.by_level
    axis.errorbar(of.place, of.value, 2 * of.error * of.value, marker="o", ms=3, label="found", **_FOUND)
    if trust.expected_by_level is not None:
        axis.plot(of.place, trust.expected_by_level.value, label="expected of this estimator", **_EXPECTED)
    axis.axhline(1, color="k", lw=0.8, ls=":")
    axis.set_ylim(0, min(max(2.0, 1.2 * float(np.nanmax(of.value))), 10))
    _curve(axis, "χ² of the residual by grey level", "grey value", "χ²", trust.expected_by_level is not None)


def _scales(figure, axis, trust, estimate):
    of = trust.by_frequency
    axis.plot(of.frequency, of.power, label="found", **_FOUND)
    around = 2 * of.error * of.power
    axis.fill_between(of.frequency, np.maximum(of.power - around, 1e-3), of.power + around, color=_FOUND["color"], alpha=0.2, lw=0)
    if trust.expected_by_frequency is not None:
        axis.plot(of.frequency, trust.expected_by_frequency.power, label="expected of this estimator", **_EXPECTED)
    axis.axhline(1, color="k", lw=0.8, ls=":")
    axis.set_yscale("log")
    told = trust.expected_by_frequency is not None
    _curve(axis, "residual at each scale", "spatial frequency (cycles per pixel)", "power, in that of the noise", told)


def _change(figure, axis, trust, estimate):
    change = plane(trust.renoised.change)
    change = change if change.ndim == 2 else change.mean(-1)
    most = float(np.percentile(change, 99.7)) or None
    _image(figure, axis, change, "change when noise is drawn anew", "grey values", vmin=0, vmax=most, cmap="magma", interpolation="nearest")


def _unsupported(figure, axis, trust, estimate):
    """Over the estimate, the more opaque the more structure there is: what is pale has hardly any."""
    grey = plane(estimate)
    grey = grey if grey.ndim == 2 else grey.mean(-1)
    low, high = np.percentile(grey, [0.5, 99.7])
    axis.imshow(grey, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
    part = plane(trust.renoised.unsupported[..., None])
    around = lambda image: ndimage.gaussian_filter(image.astype(np.float64), 4)
    structure = np.sqrt(around((grey - around(grey)) ** 2))
    opacity = np.where(part >= 0.5, 0.7 * np.clip(structure / max(np.percentile(structure, 95), 1e-12), 0, 1), 0)
    title = "structure that the data do not support"
    _image(figure, axis, part, title, "part that comes of the noise", vmin=0.5, vmax=1, cmap="autumn_r", alpha=opacity, interpolation="nearest")


def _resolution(figure, axis, trust, estimate):
    if trust.halves is not None:
        axis.plot(trust.halves.frequency, trust.halves.correlation, label="halves of the data", **_FOUND)
        axis.axhline(1 / 7, color=_FOUND["color"], lw=0.8, ls=":")
    if trust.renoised is not None:
        axis.plot(trust.renoised.reproduced.frequency, trust.renoised.reproduced.correlation, label="measured again", **_EXPECTED)
    axis.set(xlim=(0, 0.5), ylim=(-0.1, 1.02))
    _curve(axis, "ring correlation", "spatial frequency (cycles per pixel)", "correlation", True)
