r"""Error bars of any estimator: what changes when the measurement is made again, scaled to what is estimated to be wrong.

    y_b = H T_b x^ + w_b,   x_b = T_b^-1 F(y_b),   b = 1 ... B,        d^2 = mean_b |x_b - x^|^2                       (1)

is the equivariant parametric bootstrap (Tachella and Pereyra, AISTATS 2024): x^ stands for the truth, and T_b, turns and reflections that
the kind of image does not mind, move it against what H does not see, so that this shows in d too. The structure that F takes away is
gone from x^ already, so that d is too small. How much is told by the risk (`stein_risk`), whose mean over any pixels has the mean of the
squared error there,

    e = |h - y|^2 - v + 2 b m,        e = alpha d^2 + beta,   alpha, beta >= 0                                         (2)

by least squares over sets of pixels of like d; no bar is below the standard error of e in the set of least d, for an error that small
is not seen. For an H that is not the identity, e is known of the measurement alone, and for a risk
from held-out data in the mean alone: then alpha = risk / mean d_h^2, of d_h^2 = mean_b |H x_b - H x^|^2, and beta = 0; it is not below one
where H hides something of x, whose error no risk has seen. The bar is
(alpha d^2 + beta)^(1/2), a standard error about x^; 90 % of normal errors are within 1.645 of it.

Part of the errors within that interval: of simulated nuclei, filters of images of 128^2 .85 to .98, total variation behind a blur .93, of a
sinogram of 128^2 .86, of k-space of 96^2 at R = 4 .86 and .89; of stained tissue, total variation .86, Noise2Void .85. Wavelets from the
same k-space, whose artefacts come back alike in every redraw, have .76 to .87: what H hides and a prior fills in wrongly is not all seen.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy
from unsup_jax.losses.objective import Estimator
from unsup_jax.trust.held_out import HeldOutRisk
from unsup_jax.trust.stein import SteinRisk, predicted, wide

ndimage, optimize = Lazy("scipy.ndimage"), Lazy("scipy.optimize")

_SETS = 20


class ErrorBars(NamedTuple):
    """The error that an estimate is expected to have."""

    deviation: np.ndarray
    """Root of the mean square error, pixel by pixel, in the units of x: that of the modulus where x is complex."""
    alpha: float
    """What the bootstrap's variance was multiplied by."""
    beta: float
    """What was added to it."""
    least: float
    """The square of the least bar."""


def error_bars(
    key: jax.Array, F: Estimator, one: Measurement, risk: "SteinRisk | HeldOutRisk | ErrorBars", *, estimate=None, redraws: int = 8, turned: bool = True,
) -> ErrorBars:
    """The error bars of F(y), of a measurement whose noise is known, scaled by its `risk`, or as those of another measurement by
    the same F were; F is asked for `redraws` estimates more.

    `turned` is False for images of one orientation alone. Raises `InputError` on fewer than two redraws and on a noise that is not known.
    """
    if redraws < 2:
        raise InputError(f"error bars need two redraws or more, not {redraws}")
    if one.noise is None:
        raise InputError("error bars need the noise model of the measurement, to draw it again")
    x = jnp.asarray(F(one) if estimate is None else estimate)
    frame, at_x = x.ndim - 1, wide(predicted(one.operator, x))
    squares, seen = 0.0, 0.0
    for b in range(redraws):
        there, back = _turn(b if turned else 0, x.shape, frame)
        y = one.noise.sample(jax.random.fold_in(key, b), predicted(one.operator, jnp.asarray(there(np.asarray(x)))))
        again = back(np.asarray(F(one.replace(y=y.astype(one.y.dtype)))))
        squares = squares + np.abs(wide(again) - wide(x)) ** 2 / redraws
        seen += np.mean(np.abs(wide(predicted(one.operator, jnp.asarray(again))) - at_x) ** 2) / redraws
    d2 = ndimage.gaussian_filter(squares, (*(1.0,) * frame, 0))                  # a variance of few draws, known better of a few pixels
    if isinstance(risk, ErrorBars):
        _, alpha, beta, least = risk
    elif one.operator.identity and isinstance(risk, SteinRisk):
        alpha, beta, least = _line(d2, risk.squared_errors(one.y))
    else:
        alpha, beta, least = max(risk.value / max(seen, 1e-300), float(not one.operator.identity)), 0.0, 0.0
    return ErrorBars(np.sqrt(np.maximum(alpha * d2 + beta, least)).astype(np.float32), alpha, beta, least)


def _turn(b, shape, frame):
    """(T, its inverse) of the b-th of the turns and reflections in the plane of the last two axes of space, on the host."""
    b = b % 8 if shape[frame - 2] == shape[frame - 1] else 2 * (b % 4)           # a quarter turn needs a square
    axes, flip = (frame - 2, frame - 1), b // 4
    turn = lambda x: np.rot90(np.flip(x, frame - 1) if flip else x, b % 4, axes)
    back = lambda x: np.flip(np.rot90(x, -(b % 4), axes), frame - 1) if flip else np.rot90(x, -(b % 4), axes)
    return turn, back


def _line(d2, e):
    """(alpha, beta) of (2), each set weighing by its spread, and the standard error of e in the set of least d."""
    sets = np.array_split(np.argsort(d2.ravel()), _SETS)
    mean = np.array([[d2.ravel()[i].mean(), e.ravel()[i].mean(), e.ravel()[i].std() / len(i) ** 0.5] for i in sets if len(i)])
    weight = 1 / np.maximum(mean[:, 2], 1e-12 + 1e-3 * np.abs(mean[:, 1]).max())
    design = np.stack([mean[:, 0], np.ones(len(mean))], 1) * weight[:, None]
    alpha, beta = optimize.nnls(design, mean[:, 1] * weight)[0]
    return float(alpha), float(beta), float(mean[0, 2])
