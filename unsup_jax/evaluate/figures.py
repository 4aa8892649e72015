"""Figures of a run: what was measured, what came out, what was lost; and how training went."""

import textwrap
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure  # not pyplot, whose windows and backend are the user's
from matplotlib.patches import Rectangle

from unsup_jax.evaluate import palette
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation
from unsup_jax.evaluate.uncertainty import calibration, coverage

COLUMNS = 8
"""Images side by side, at most."""


def plane(image: np.ndarray) -> np.ndarray:
    """What is shown of an image [*S, C]: the middle plane of a volume, the modulus of complex values over all channels."""
    image = np.linalg.norm(image, axis=-1, keepdims=True) if np.iscomplexobj(image) else image
    while image.ndim > 3:
        image = image[len(image) // 2]
    return image[..., 0] if image.shape[-1] not in (3,) else image


def comparison(path: Path, images: dict[str, np.ndarray], captions: dict[str, str], truth: np.ndarray | None) -> None:
    """One column a row of the table: the image, a zoomed crop of it, and its residual against the truth.

    More than `COLUMNS` are broken into bands.
    """
    quantity = "modulus" if any(np.iscomplexobj(image) for image in [*images.values(), truth]) else "grey value"
    shown = {name: plane(image) for name, image in images.items()}
    reference = plane(truth) if truth is not None else next(iter(shown.values()))
    if truth is not None:
        shown["truth"] = reference
    low, high = np.percentile(reference, [0.5, 99.7])
    if not high > low:                                              # of few pixels that are not dark
        low, high = reference.min(), reference.max()
    row, column, size = busiest(reference)
    crop = (slice(row, row + size), slice(column, column + size))
    residuals = {} if truth is None else {
        name: (image - reference).reshape(*reference.shape[:2], -1).mean(-1) for name, image in shown.items() if name != "truth"
    }
    if reference.ndim == 3:  # matplotlib scales grey images only
        shown = {name: np.clip((image - low) / max(high - low, 1e-12), 0, 1) for name, image in shown.items()}
    others = [r for name, r in residuals.items() if name != "noisy"]
    spread = float(np.percentile(np.abs(others), 99.5) or np.max(np.abs(others)) or 1.0) if others else 1.0
    rows = 3 if residuals else 2
    height, width = reference.shape[:2]
    bands = -(-len(shown) // COLUMNS)
    columns = -(-len(shown) // bands)
    figure = Figure(layout="constrained", figsize=(
        2.3 * columns + 0.6, bands * (2.3 * (height / width + 1 + (height / width if residuals else 0)) + 0.7)
    ))
    for band, part in enumerate(figure.subfigures(bands, 1, squeeze=False)[:, 0]):
        names = list(shown)[band * columns : (band + 1) * columns]
        axes = part.subplots(rows, columns, squeeze=False, gridspec_kw={"height_ratios": [height / width, 1, height / width][:rows]})
        signed = None
        for axis in axes.ravel():
            axis.set_xticks([]), axis.set_yticks([])
        for axis in axes[:, len(names):].ravel():
            axis.set_visible(False)
        for name, axis in zip(names, axes.T):
            image = shown[name]
            grey = axis[0].imshow(image, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axis[0].set_title(f"{textwrap.fill(name, 28)}\n{captions.get(name, '')}", fontsize=9)
            axis[0].add_patch(Rectangle((column, row), size, size, fill=False, color="tab:orange", lw=1))
            axis[1].imshow(image[crop], cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            for spine in axis[1].spines.values():
                spine.set_color("tab:orange")
            if name in residuals:
                signed = axis[2].imshow(residuals[name], cmap="RdBu_r", vmin=-spread, vmax=spread, interpolation="nearest")
            elif residuals:
                axis[2].set_visible(False)
        for axis, label in zip(axes[:, 0], ("image", f"crop, {size} px", "residual")):
            axis.set_ylabel(label, fontsize=9)
        part.colorbar(grey, ax=axes[0, :], shrink=0.9, pad=0.01).set_label(quantity, fontsize=8)
        if signed is not None:
            part.colorbar(signed, ax=axes[2, :], shrink=0.9, pad=0.01).set_label("estimate - truth", fontsize=8)
    _save(figure, path)


def maps(
    path: Path, rows: dict[str, np.ndarray], under: dict[str, np.ndarray] | None, *, quantity: str, cmap: str = "gray",
    low: float | None = None, high: float | None = None,
) -> None:
    """One row a label, one column a slice of its map [slice, H, W]; where that is NaN, the grey image `under` it is seen."""
    low = min(np.nanmin(m) for m in rows.values()) if low is None else low
    high = max(np.nanpercentile(m, 99.8) for m in rows.values()) if high is None else high
    count = len(next(iter(rows.values())))
    figure = Figure(figsize=(1.9 * count + 1, 1.95 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), count, squeeze=False)
    for line, (label, map_) in zip(axes, rows.items()):
        line[0].set_ylabel(label, fontsize=9)
        for k, axis in enumerate(line):
            if under is not None:
                axis.imshow(under[label][k], cmap="gray", interpolation="nearest")
            drawn = axis.imshow(map_[k], cmap=cmap, vmin=low, vmax=high, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
    beyond = "max" if max(np.nanmax(m) for m in rows.values()) > high else "neither"
    figure.colorbar(drawn, ax=axes, shrink=0.6, pad=0.01, extend=beyond).set_label(quantity, fontsize=8)
    _save(figure, path)


def places(path: Path, images: dict[str, np.ndarray], found: dict[str, np.ndarray], true: np.ndarray | None) -> None:
    """Images [H, W] side by side, each in its own range of grey, with (row, column) [N, 2] of what was found in it and of what is there."""
    figure = Figure(figsize=(3.6 * len(images), 3.9), layout="constrained")
    for axis, (label, image) in zip(figure.subplots(1, len(images), squeeze=False)[0], images.items()):
        axis.imshow(image, cmap="gray", interpolation="nearest")
        if true is not None:
            axis.plot(true[:, 1], true[:, 0], "o", mfc="none", mec="tab:cyan", ms=7, lw=0)
        if label in found:
            axis.plot(found[label][:, 1], found[label][:, 0], "x", color="tab:orange", ms=5)
        axis.set(xticks=[], yticks=[], title=label)
    _save(figure, path)


def grid(path: Path, images: np.ndarray) -> None:
    """A grid of images [rows, columns, *S, C] in one range of grey."""
    tiles = np.stack([[plane(image) for image in row] for row in images])
    rows, columns, height, width = tiles.shape[:4]
    picture = np.swapaxes(tiles, 1, 2).reshape(rows * height, columns * width, *tiles.shape[4:])
    figure = Figure(figsize=(0.9 * columns, 0.9 * rows * height / width), layout="constrained")
    axis = figure.subplots()
    low, high = np.percentile(picture, [0.5, 99.7])
    axis.imshow(np.clip((picture - low) / max(high - low, 1e-12), 0, 1), cmap="gray", interpolation="nearest")
    axis.set_xticks(np.arange(1, columns) * width - 0.5)
    axis.set_yticks(np.arange(1, rows) * height - 0.5)
    axis.grid(color="tab:orange", lw=0.4)
    axis.tick_params(length=0, labelbottom=False, labelleft=False)
    _save(figure, path)


def diversity(path: Path, y: np.ndarray, draws: np.ndarray, truth: np.ndarray | None, *, shown: int = 4) -> None:
    """A measurement, some draws of x given it, their mean and their deviation, the truth and the error; below, a crop of each."""
    mean = draws.mean(0)
    images = {"measured": y} if y.shape == mean.shape else {}
    images |= {f"draw {k + 1}": draw for k, draw in enumerate(draws[:shown])} | {f"mean of {len(draws)}": mean}
    images = {name: plane(image) for name, image in images.items()}
    spreads = {"deviation of the draws": plane(draws.std(0))}
    if truth is not None:
        images["truth"] = plane(truth)
        spreads["|mean - truth|"] = plane(np.abs(mean - truth))
    reference = plane(mean if truth is None else truth)
    low, high = np.percentile(reference, [0.5, 99.7])
    most = np.percentile(next(iter(spreads.values())), 99.5)
    row, column, size = busiest(next(iter(spreads.values())))
    crop = (slice(row, row + size), slice(column, column + size))
    count = len(images) + len(spreads)
    figure = Figure(figsize=(2.1 * count, 2.1 * (1 + reference.shape[0] / reference.shape[1]) + 0.5), layout="constrained")
    axes = figure.subplots(2, count)
    grey, heat = {"cmap": "gray", "vmin": low, "vmax": high}, {"cmap": "inferno", "vmin": 0, "vmax": most}
    for axis, (name, image) in zip(axes.T, (images | spreads).items()):
        settings = heat if name in spreads else grey
        axis[0].imshow(image, interpolation="nearest", **settings)
        axis[0].set_title(name, fontsize=9)
        axis[0].add_patch(Rectangle((column, row), size, size, fill=False, color="tab:orange", lw=1))
        drawn = axis[1].imshow(image[crop], interpolation="nearest", **settings)
        for a in axis:
            a.set(xticks=[], yticks=[])
    figure.colorbar(drawn, ax=axes[:, -1], shrink=0.6).set_label("grey value", fontsize=8)
    _save(figure, path)


def calibrations(path: Path, draws: dict[str, np.ndarray], truth: np.ndarray) -> None:
    """Left, the error against the deviation that the draws of each method predict; right, the coverage of their intervals."""
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    left, right = _charts(figure, 1, 2)
    levels, largest = np.linspace(0.05, 0.95, 19), 0.0
    for name, drawn in draws.items():
        predicted, found = calibration(drawn, truth)
        left.plot(predicted, found, marker="o", ms=4, lw=1.2, label=name)
        right.plot(levels, coverage(drawn, truth, levels), marker="o", ms=3, lw=1.2, label=name)
        largest = max(largest, predicted.max(), found.max())
    left.plot([0, largest], [0, largest], "k:", lw=0.8)
    right.plot([0, 1], [0, 1], "k:", lw=0.8)
    left.set(xlabel="predicted deviation (grey values)", ylabel="root mean square error", xlim=(0, None), ylim=(0, None))
    right.set(xlabel="nominal coverage", ylabel="part of the pixels covered", xlim=(0, 1), ylim=(0, 1))
    for axis in (left, right):
        axis.grid(alpha=0.3)
        axis.legend(fontsize=8)
    _save(figure, path)


def busiest(image: np.ndarray) -> tuple[int, int, int]:
    """(row, column, size) of the square, a quarter of the image wide, that holds the most detail."""
    grey = image if image.ndim == 2 else image.mean(-1)
    size = min(max(8, min(grey.shape) // 3), min(grey.shape) - 1)   # detail lies between pixels
    detail = np.abs(np.diff(grey, axis=0))[:, :-1] + np.abs(np.diff(grey, axis=1))[:-1]
    detail = np.minimum(detail, np.percentile(detail, 99) or np.inf)  # one bright edge is not detail, where there are others
    sums = np.pad(detail, ((1, 0), (1, 0))).cumsum(0).cumsum(1)
    window = sums[size:, size:] - sums[:-size, size:] - sums[size:, :-size] + sums[:-size, :-size]
    row, column = np.unravel_index(np.argmax(window), window.shape)
    return int(row), int(column), size


def curves(path: Path, runs: dict[str, list[dict]]) -> None:
    """Every metric over the steps of each trained method, of training and of validation: a row a method, a panel a metric."""
    metrics = {name: _metrics_of(rows) for name, rows in runs.items()}
    width = max(map(len, metrics.values()))
    figure = Figure(figsize=(4.2 * width, 2.8 * len(runs)), layout="constrained")
    axes = _charts(figure, len(runs), width, squeeze=False)
    for line, (name, rows) in zip(axes, runs.items()):
        for axis in line[len(metrics[name]):]:
            axis.set_visible(False)
        for axis, metric in zip(line, metrics[name]):
            for key, label in ((metric, "training"), (f"validation_{metric}", "validation")):
                points = [(row["step"], row[key]) for row in rows if key in row]
                if points:
                    axis.plot(*zip(*points), label=label, marker="o" if len(points) < 15 else None, ms=4, lw=1.2)
            axis.set(title=name, xlabel="step", ylabel="loss (normalised units)" if metric == "loss" else metric.replace("_", " "))
            keys = (metric, f"validation_{metric}")
            settled = [row[key] for row in rows for key in keys if key in row and row["step"] > rows[0]["step"]]
            if settled and np.ptp(settled) > 0:  # the first steps would flatten all that follows
                axis.set_ylim(min(settled) - 0.1 * np.ptp(settled), np.quantile(settled, 0.98) + 0.2 * np.ptp(settled))
            axis.grid(alpha=0.3, which="both")
            axis.legend(fontsize=8)
    _save(figure, path)


def _metrics_of(rows):
    """The names of a run's metrics, the loss first; a validation's belong to those of the training."""
    names = dict.fromkeys(key.removeprefix("validation_") for row in rows for key in row if key not in ("step", "seconds"))
    return sorted(names, key=lambda name: name != "loss")


def ring_correlations(path: Path, images: dict[str, np.ndarray], truth: np.ndarray) -> None:
    """FRC of each estimate against the truth, with the threshold 1/2."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axis = _charts(figure)
    for name, image in images.items():
        curve = fourier_ring_correlation(image, truth)
        axis.plot(curve.frequency, curve.correlation, lw=1.2, label=name)
    axis.axhline(0.5, color="k", lw=0.8, ls=":")
    axis.text(0.5, 0.51, "1/2", ha="right", fontsize=8)
    axis.set(xlabel="spatial frequency (cycles per pixel)", ylabel="correlation with the truth", xlim=(0, 0.5), ylim=(-0.05, 1.02))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, path)


def volumes(path: Path, maps: dict[str, np.ndarray]) -> None:
    """One row a volume [D, D, D, C]: its central slices along the three axes, and its projections along them."""
    figure = Figure(figsize=(9, 1.6 * len(maps)), layout="constrained")
    for line, (label, x) in zip(figure.subplots(len(maps), 6, squeeze=False), maps.items()):
        x = np.linalg.norm(x, axis=-1) if x.shape[-1] > 1 or np.iscomplexobj(x) else x[..., 0]
        planes = [np.take(x, n // 2, axis) for axis, n in enumerate(x.shape)] + [x.mean(axis) for axis in range(3)]
        line[0].set_ylabel(label, fontsize=8)
        for k, (axis, plane) in enumerate(zip(line, planes)):
            low, high = np.percentile(planes[:3] if k < 3 else planes[3:], [0.5, 99.7])
            axis.imshow(plane, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(figure.axes, ("z = 0", "y = 0", "x = 0", "along z", "along y", "along x")):
        axis.set_title(title, fontsize=8)
    _save(figure, path)


def sections(path: Path, planes: dict[str, list[np.ndarray]], titles: list[str], *, groups: int = 1) -> None:
    """One row a label, its planes [H, W] side by side, in one range of grey: that of all rows, or of each of `groups` of as many columns."""
    columns = len(titles) // groups
    flat = lambda first: np.concatenate([np.ravel(each) for row in planes.values() for each in row[first : first + columns]])
    ranges = [np.percentile(flat(first), [0.5, 99.5]) for first in range(0, len(titles), columns)]
    figure = Figure(figsize=(1.8 * len(titles) + 0.3, 1.85 * len(planes) + 0.2), layout="constrained")
    lines = figure.subplots(len(planes), len(titles), squeeze=False)
    for line, (label, row) in zip(lines, planes.items()):
        line[0].set_ylabel(textwrap.fill(label, 28), fontsize=8)
        for k, (axis, each) in enumerate(zip(line, row)):
            low, high = ranges[k // columns]
            axis.imshow(each, cmap="gray", vmin=low, vmax=max(high, low + 1e-12), interpolation="nearest")
            axis.set(xticks=[], yticks=[])
    for axis, title in zip(lines[0], titles):
        axis.set_title(title, fontsize=8)
    _save(figure, path)


def by_distance(path: Path, curves: dict[str, np.ndarray], quantity: str) -> None:
    """A quantity over distances of 0, 1, ... voxels, one curve a label; the first one is the reference's, drawn thick."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axis = _charts(figure)
    for i, (name, curve) in enumerate(curves.items()):
        axis.plot(curve, label=name, **({"lw": 4, "color": "0.8"} if i == 0 else {"lw": 1.2, "ls": "-" if i % 2 else "--"}))
    axis.set(xlabel="distance (voxels)", ylabel=quantity)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, path)


def by_number(path: Path, curves: dict[str, np.ndarray], item: str, quantity: str) -> None:
    """A quantity of each of a number of items, one curve a label."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axis = _charts(figure)
    for name, curve in curves.items():
        axis.plot(np.arange(1, len(curve) + 1), curve, marker="o", ms=4, lw=1.2, label=name)
    axis.set(xlabel=item, ylabel=quantity)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, path)


def shell_correlations(path: Path, curves: dict[str, Correlation], threshold: float) -> None:
    """Curves of FSC over spatial frequency, with a threshold."""
    figure = Figure(figsize=(5.5, 3.4), layout="constrained")
    axis = _charts(figure)
    for name, curve in curves.items():
        axis.plot(curve.frequency, curve.correlation, lw=1.2, label=name)
    axis.axhline(threshold, color="k", lw=0.8, ls=":")
    axis.text(0.5, threshold + 0.01, f"{threshold:g}", ha="right", fontsize=8)
    axis.set(xlabel="spatial frequency (cycles per voxel)", ylabel="correlation", xlim=(0, 0.5), ylim=(-0.2, 1.02))
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8)
    _save(figure, path)


def _charts(figure, *grid, **settings):
    """The axes of curves, which take the colours of `palette` in turn."""
    axes = figure.subplots(*grid, **settings)
    for axis in np.ravel(axes):
        axis.set_prop_cycle(color=[colour for colour, _ in palette.LINES], linestyle=[(0, dash) if dash else "-" for _, dash in palette.LINES])
    return axes


def _save(figure, path: Path) -> None:
    figure.savefig(path, dpi=110)
