r"""The error of an estimator at data that it is not shown, with its standard error, and paired differences of two.

    error = mean over J of |H F(y with J renewed) - y|^2_J        has the mean of |H F(y with J renewed) - H x|^2_J + v_J

for noise that is independent between J and what is shown. It needs no model of the noise to rank estimators: v is the same for all of
them; where the model is known, error - v is the risk. What is held out depends on the operator:

    images of every pixel, blurred or not      J is one of the grids of every `width`-th pixel, which partition the frame (`losses.j_invariance`)
    any other linear measurement               J is a random part of the samples, of which H makes nothing (`losses.splitting`)

A pixel of J that showed the mean of its neighbours would be denoised already, and an estimator that keeps all noise would look like one
that averages. It shows that mean with noise of the size that there was, borrowed from a pixel a few away, of which q is what the mean keeps,

    renewed = mean + ((1 - q) / (1 + q))^(1/2) (y' - mean'),      q = sum w^2 / (sum w)^2 of the weights of the mean         (1)

Each of the `folds` is a J of its own and costs an estimation. Where pixels share noise with those up to `extent` away, these are renewed
with J, as in structN2V. Estimates a and b do not know the noise of J, so that of the sums over J

    Var[sum |a - y|^2 - v - |a - H x|^2] = sum 4 v |a - H x|^2 + 2 v^2,        estimated by sum 4 v |a - y|^2 - 2 v^2       (2)
    Var[sum |a - y|^2 - |b - y|^2 - (the same of H x)] = sum 4 v |a - b|^2                                                  (3)

(half of it for complex y). Where v is not known, (2) is the variance over J, and |(a + b) / 2 - y|^2 stands for v in (3), which adds
what both miss.
"""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.losses.hold_out import grid_pixels
from unsup_jax.losses.objective import Estimator
from unsup_jax.losses.splitting import Split, restricted
from unsup_jax.trust.difference import Difference
from unsup_jax.trust.stein import predicted, wide

ndimage = Lazy("scipy.ndimage")


@dataclass(frozen=True)
class HeldOutRisk:
    """The error of an estimator at what was held out."""

    value: float
    """The mean square error at held-out data; less the variance of the noise where that is known."""
    error: float
    """Its standard error."""
    noise: float | None
    """The mean variance of the noise, which was taken off; None where it is not known and `value` has it."""
    made: np.ndarray
    """H F of each number that was held out, fold after fold."""
    variance: np.ndarray | None
    """v of each, where it is known."""
    data: np.ndarray
    """y of each."""
    folds: int
    """Parts that were held out."""
    held: np.ndarray
    """The data of the key that drew them."""

    @property
    def estimations(self) -> int:
        """Estimates that were made for it."""
        return self.folds

    def minus(self, other: "HeldOutRisk") -> Difference:
        """error - other error, of the same J, by (3). Raises `InputError` where these are others, or the noise is known of one alone."""
        if self.made.shape != other.made.shape or not np.array_equal(self.held, other.held):
            raise InputError("errors at held-out data are compared at the same data: give the same key, measurement and folds")
        if (self.variance is None) != (other.variance is None):
            raise InputError("the noise was taken off one of the errors and not off the other; give both the same measurement")
        apart = np.abs(self.made - other.made) ** 2
        mean = np.abs(self.made + other.made - 2 * self.data) ** 2 / 4 if self.variance is None else np.abs(self.variance)
        part = 0.5 if np.iscomplexobj(self.made) and self.variance is not None else 1.0
        return Difference(self.value - other.value, float(np.sqrt(4 * part * np.sum(apart * mean)) / apart.size))


def held_out_risk(
    key: jax.Array, F: Estimator, one: Measurement, *, folds: int = 4, width: int = 4, fraction: float = 0.1,
    extent: tuple[int, ...] | None = None,
) -> HeldOutRisk:
    """The error of F at held-out data of `one`; F is asked for as many estimates as there are `folds`.

    `width` is that of the grids of images, of which there are width^d, `fraction` the part of other measurements that a fold holds out,
    `extent` the reach of the noise's correlation in pixels along each axis. Raises `InputError` on a measurement that cannot be held out
    in part, on folds or a width that there are not, and on an extent of no image or as wide as the grid.
    """
    H, y = one.operator, jnp.asarray(one.y)
    image = not jnp.iscomplexobj(y) and y.ndim >= 3 and (H.identity or H.stationary or H.circular)
    if not (image or H.linear):
        raise InputError(f"data by {type(H).__name__} cannot be held out in part; it takes images, or a linear operator")
    most = width ** (y.ndim - 1) if image else folds
    if width < 2 or not 1 <= folds <= most:
        raise InputError(f"folds {folds} of grids of width {width}; it takes a width of 2 or more and 1 to width^d folds")
    if extent is not None and (not image or len(extent) != y.ndim - 1 or min(extent) < 0 or 2 * max(extent) >= width):
        raise InputError(f"extent {extent} on grids of width {width}: it takes an image, and a half length below width / 2 for each axis")
    v = None if one.noise is None else np.broadcast_to(np.asarray(one.noise.estimated_variance(y), np.float64), y.shape)
    found = []
    for fold in range(folds):
        if image:
            J = held_out_pixels(key, y.shape[:-1], width, fold)
            shown, J = one.replace(y=jnp.asarray(_renewed(np.asarray(y), J, width, extent or (0,) * J.ndim))), J[..., None]
        else:
            shown, J = _without_part(jax.random.fold_in(key, fold), one.replace(y=y), fraction)
        J = np.broadcast_to(np.asarray(J), y.shape)
        found.append([wide(array)[J] for array in (predicted(H, jnp.asarray(F(shown))), y, 0 * y.real if v is None else v)])
    made, data, v_J = (np.concatenate(each) for each in zip(*found))
    squares, part = np.abs(made - data) ** 2, 0.5 if np.iscomplexobj(made) else 1.0
    spread = squares.var() * squares.size if v is None else part * np.sum(4 * v_J * squares - 2 * v_J**2)
    return HeldOutRisk(
        float(np.mean(squares - v_J)), float(np.sqrt(max(spread, 0.0)) / squares.size), None if v is None else float(v.mean()),
        made, None if v is None else v_J, data, folds, np.asarray(jax.random.key_data(key)))


def held_out_pixels(key: jax.Array, frame: tuple[int, ...], width: int, fold: int = 0) -> np.ndarray:
    """J [*S] of a fold of `held_out_risk` of images under that key: every `width`-th pixel of each axis, as booleans."""
    return np.asarray(grid_pixels(jax.random.permutation(key, width ** len(frame))[fold], frame, width))


def _renewed(y, J, width, extent):
    """y [*S, C] with (1) in the place of J [*S], every `width`-th pixel, and of what lies within `extent` pixels of it."""
    hidden = ndimage.maximum_filter(J, [2 * e + 1 for e in extent])[..., None]
    near, shown = _weights(1 + max(extent), y.ndim - 1)[..., None], (~hidden).astype(y.dtype)
    around = lambda image: ndimage.convolve(image, near, mode="constant")
    mean = around(shown * y) / np.maximum(around(shown), 1e-6)
    q = np.sum(near**2) / np.sum(near) ** 2
    away = width // 2 if any(extent) else width - 1
    borrowed = np.roll(y - mean, [away] * (y.ndim - 1), range(y.ndim - 1))
    return np.where(hidden, mean + np.sqrt((1 - q) / (1 + q)) * borrowed, y).astype(y.dtype)


def _weights(radius, dimensions):
    """1 / distance along the axes, of the pixels of a window, and 0 of its centre."""
    distance = np.abs(np.indices((2 * radius + 1,) * dimensions) - radius).sum(0)
    return np.where(distance > 0, 1 / np.maximum(distance, 1), 0)


def _without_part(key, one, fraction):
    """(the measurement without J, J)."""
    Theta, Lambda = Split(fraction, "uniform").draw(key, one.operator, one.y)
    return restricted(one, Theta), (Lambda > 0) & (one.operator.measured(one.y) > 0)
