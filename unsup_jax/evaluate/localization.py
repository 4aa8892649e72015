r"""How well molecules are found: Jaccard index, error of position, and Fourier ring correlation (Sage et al., Nat. Methods 16, 387 (2019)).

    Jaccard = TP / (TP + FP + FN),     RMSE = sqrt(mean over TP of |r - r_true|^2)

TP are the pairs of a found and a true molecule of one frame within a radius, of which there are as many as can be and whose
distances are the least. FRC is that of the molecules of the even and of the odd frames of one scene.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.resolution import fourier_ring_correlation
from unsup_jax.files import thunderstorm
from unsup_jax.lazy import Lazy
from unsup_jax.modalities.localization import molecules

figures = Lazy("unsup_jax.evaluate.figures")
ndimage, optimize, spatial = Lazy("scipy.ndimage"), Lazy("scipy.optimize"), Lazy("scipy.spatial")


class Matched(NamedTuple):
    """Molecules that were found against true ones; those of several frames add."""

    pairs: int
    found: int
    true: int
    squares: float
    """Of the pairs' distances, summed."""

    @property
    def jaccard(self) -> float:
        """TP / (TP + FP + FN); 1 where there are none and none was found."""
        every = self.found + self.true - self.pairs
        return self.pairs / every if every else 1.0

    @property
    def rmse(self) -> float:
        """Root mean square distance of the pairs; infinite of none."""
        return float(np.sqrt(self.squares / self.pairs)) if self.pairs else float("inf")


def match(found: np.ndarray, true: np.ndarray, radius: float) -> Matched:
    """Of the places [N, 2] and [M, 2] of ONE frame, in the unit of the radius."""
    if not len(found) or not len(true):
        return Matched(0, len(found), len(true), 0.0)
    distance = spatial.distance.cdist(found, true)
    far = distance > radius
    cost = np.where(far, 2 * radius * (min(distance.shape) + 1), distance)      # one pair more is worth any distances
    row, column = optimize.linear_sum_assignment(cost)
    near = ~far[row, column]
    return Matched(int(near.sum()), len(found), len(true), float(np.square(distance[row, column][near]).sum()))


def match_all(found: Iterable[np.ndarray], true: Iterable[np.ndarray], radius: float) -> Matched:
    """Of several frames."""
    each = [match(a, b, radius) for a, b in zip(found, true, strict=True)]
    return Matched(*(sum(part) for part in zip(*each))) if each else Matched(0, 0, 0, 0.0)


def match_tables(found: str | Path, true: str | Path, radius_nm: float) -> Matched:
    """Of two tables of molecules as ThunderSTORM writes them, distances in nm; `InputError` where one of them is none."""
    tables = [thunderstorm.read(path) for path in (found, true)]
    frames = np.unique(np.concatenate([table["frame"] for table in tables]))
    places = [[np.stack([t["y [nm]"], t["x [nm]"]], 1)[t["frame"] == frame] for frame in frames] for t in tables]
    return match_all(*places, radius_nm)


@dataclass(frozen=True)
class Localization(Analysis):
    """The molecules of estimates [H, W, 1], frames of light, against truths whose molecules are single pixels.

    Raises `InputError` on a radius that is not positive, and where the measurements are no frames.
    """

    radius: float = 4.0
    """Greatest distance of a found molecule from its true one, pixels of x."""
    faintest: float = 0.1
    """Light of the faintest molecule, as a part of that of one at the 90th percentile of all that were found."""
    scene: bool = False
    """The frames show one scene: FRC of the molecules of the even and of the odd ones, at 1/7."""

    def __post_init__(self):
        if not self.radius > 0:
            raise InputError(f"the radius is {self.radius}; it must be positive")

    def check(self, shapes: list[tuple[int, ...]]) -> None:
        if any(len(shape) != 3 or shape[-1] != 1 for shape in shapes):
            raise InputError(f"localisation is of frames [H, W, 1], not of {', '.join(map(str, sorted(set(shapes))))}")

    def found(self, estimates: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The places [N, 2] in each frame, pixels of x."""
        places, light = zip(*(molecules(estimate[..., 0]) for estimate in estimates))
        least = self.faintest * np.quantile(every, 0.9) if len(every := np.concatenate(light)) else 0
        return [place[own >= least] for place, own in zip(places, light)]

    def scores(self, estimates: Sequence[np.ndarray], test: Sequence[Measurement], reference: Sequence[np.ndarray]) -> dict[str, float]:
        found = self.found(estimates)
        scored = {"molecules a frame": float(np.mean([len(place) for place in found]))}
        if all(one.truth is not None for one in test):
            truths = [np.asarray(one.truth) for one in test]
            total = match_all(found, [np.argwhere(x[..., 0] > 0) for x in truths], self.radius)
            heat = [np.stack([ndimage.gaussian_filter(np.asarray(x)[..., 0], 1.0) for x in images]) for images in (estimates, truths)]
            scored |= {"Jaccard": total.jaccard, "RMSE (px)": total.rmse, "correlation": _correlation(*heat)}
        if self.scene and len(found) > 1:
            halves = [_counts(found[half::2], estimates[0].shape) for half in (0, 1)]
            scored["FRC 1/7 (px)"] = fourier_ring_correlation(*halves).resolution("1/7")
        return scored

    def figures(self, directory: Path, estimates: dict[str, list[np.ndarray]]) -> dict[str, Path]:
        path = directory / "molecules.png"
        frame = int(np.argmax([np.sum(x) for x in next(iter(estimates.values()))]))
        shown = {label: images[frame][..., 0] for label, images in estimates.items()}
        places = {label: self.found(images)[frame] for label, images in estimates.items() if label != "truth"}
        true = np.argwhere(shown["truth"] > 0) if "truth" in shown else None
        figures.places(path, {label: ndimage.gaussian_filter(image, 1.0) for label, image in shown.items()}, places, true)
        return {"Light of the brightest frame, the molecules found (crosses) and the true ones (circles)": path}


def _correlation(a, b):
    """Pearson's, of images of some light; zero of a constant."""
    a, b = (x.ravel() - x.mean() for x in (a, b))
    norm = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / norm) if norm > 0 else 0.0


def _counts(frames, shape):
    """Molecules in each pixel, of all frames together."""
    image, places = np.zeros(shape), np.rint(np.concatenate(frames)).astype(int)
    np.add.at(image, (*np.minimum(places, np.array(shape[:2]) - 1).T, 0), 1)
    return image
