r"""The trust report of one estimate of one measurement: all that can be said of it without truth.

What is made costs estimations beside the one that is judged, in this order, as far as they are allowed:

    1   Stein's risk, of the image where H is linear
    2   two measurements simulated from the estimate: what changes, and what is expected of the residual
    2   two halves of the data
    4   held-out data

Without an estimator the residual and the input alone are judged.
"""

from collections.abc import Callable
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement, Operator
from unsup_jax.errors import InputError
from unsup_jax.evaluate.resolution import Correlation
from unsup_jax.losses.objective import Estimator
from unsup_jax.modalities.given import as_made
from unsup_jax.noise import NoiseModel, PoissonGaussian, estimate_poisson_gaussian
from unsup_jax.operators import Identity
from unsup_jax.trust import judgement
from unsup_jax.trust.consistency import ByFrequency, by_frequency
from unsup_jax.trust.finding import Finding, Light
from unsup_jax.trust.halves import split_halves
from unsup_jax.trust.held_out import HeldOutRisk, held_out_risk
from unsup_jax.trust.inputs import input_findings
from unsup_jax.trust.renoising import Renoised, renoised
from unsup_jax.trust.residual import ChiSquare, Residual, chi_square, chi_square_by_level, chi_square_by_region, residual
from unsup_jax.trust.stein import SteinRisk, stein_risk
from unsup_jax.trust.whiteness import Whiteness, whiteness

ALL = 9
"""Estimations that everything takes."""


@dataclass(frozen=True)
class Trust:
    """What is known of an estimate without truth; None of what the data, the noise or the estimations did not allow."""

    findings: tuple[Finding, ...]
    """What it comes to, what matters most first."""
    noise: NoiseModel | None
    """The noise model that all is told by."""
    estimations: int
    """Estimates that were made, beside the one that is judged."""
    risk: SteinRisk | None = None
    held_out: HeldOutRisk | None = None
    residual: Residual | None = None
    by_region: ChiSquare | None = None
    by_level: ChiSquare | None = None
    whiteness: Whiteness | None = None
    by_frequency: ByFrequency | None = None
    expected_by_level: ChiSquare | None = None
    expected_by_frequency: ByFrequency | None = None
    """What is expected of the residual of this estimator, of simulated measurements."""
    renoised: Renoised | None = None
    halves: Correlation | None = None

    @property
    def light(self) -> Light:
        """The worst of the findings'."""
        return self.findings[0].light if self.findings else "green"

    @property
    def chi_square(self) -> float | None:
        """The variance of the residual, in that of the noise model."""
        return None if self.residual is None else float(chi_square(self.residual).value[0])

    def summary(self) -> str:
        """A line for each finding, the worst first."""
        return "\n".join(f"{f.light.upper():5}  {f.name}: {f.words}" for f in self.findings)


def trust(
    y: np.ndarray, estimate: np.ndarray, *, H: Operator | None = None, noise: NoiseModel | None = None,
    estimator: Callable[[np.ndarray], np.ndarray] | None = None, pages: np.ndarray | None = None, estimations: int = ALL, seed: int = 0,
) -> Trust:
    """The trust report of an estimate of x from y = H(x) + noise.

    y [*S, C] is as H makes it, an image where no H is given; an axis of one channel may be left out. A noise that is not given is
    estimated, of images. `estimator` makes an estimate of an array like y, and is asked for `estimations` of them at most; `pages`
    [N, *S] are repeats of the scene that y is one of. Raises `InputError` on arrays that do not fit one another.
    """
    own, H = np.asarray(y), Identity() if H is None else H
    measured, short = as_made(np.asarray(own, np.complex64 if np.iscomplexobj(own) else np.float32), H, "y")
    wanted = H.domain(jnp.asarray(measured)).shape if H.linear else None
    x = np.asarray(estimate)
    given, x = x.shape, x[..., None] if wanted is not None and (*x.shape, 1) == wanted else x
    if wanted is not None and x.shape != wanted:
        raise InputError(f"an estimate of shape {given} of data of shape {own.shape} by {type(H).__name__}; it is {wanted}")
    if pages is not None and np.shape(pages)[1:] != own.shape:
        raise InputError(f"pages of shape {np.shape(pages)} beside y of shape {own.shape}; they are repeats of it")

    def F(one):
        if one.operator is not measurement.operator:
            raise InputError("an estimator of arrays is not told another operator")
        shown = np.asarray(one.y)
        return np.asarray(estimator(shown[..., 0] if short else shown), x.dtype).reshape(x.shape)

    measurement = Measurement(jnp.asarray(measured), H, jax.tree.map(lambda leaf: jnp.asarray(leaf, measured.real.dtype), noise))
    pages = None if pages is None else np.asarray(pages, np.float32).reshape(len(pages), *measured.shape)
    return examine(jax.random.key(seed), measurement, x, None if estimator is None else F, estimations=estimations, pages=pages)


def examine(
    key: jax.Array, one: Measurement, estimate: np.ndarray, F: Estimator | None = None, *, estimations: int = ALL,
    pages: np.ndarray | None = None,
) -> Trust:
    """The trust report of an `estimate` that F made of a measurement; without F, or where no `estimations` are allowed, what needs none."""
    one, guessed = _with_noise(one.replace(y=jnp.asarray(one.y)))
    findings = input_findings(one, pages)
    image = one.operator.identity and not jnp.iscomplexobj(one.y)
    made, spent, keys = {}, 0, jax.random.split(key, 4)

    def attempt(name, cost, function):
        """What needs `cost` estimates, where these are left and the data allow it."""
        nonlocal spent
        if F is None or spent + cost > estimations:
            return
        try:
            made[name] = function()
            spent += cost
        except InputError:
            pass                                                   # None says that the data do not allow it

    if one.noise is not None:
        of = "image" if one.operator.linear else "data"
        attempt("risk", 1, lambda: stein_risk(keys[0], F, one, of=of, estimate=estimate))
        attempt("renoised", 2, lambda: renoised(keys[1], F, one, estimate))
        attempt("halves", 2, lambda: split_halves(keys[2], F, one))
    attempt("held_out", 4, lambda: held_out_risk(keys[3], F, one))
    if one.noise is not None:
        made |= _judged(one, estimate, made.get("renoised"), findings)
        if "risk" in made:
            findings.append(judgement.of_risk(made["risk"], one.operator, any(f.name == "correlated noise" for f in findings)))
        if "renoised" in made:
            deviation = float(np.sqrt(np.mean(np.asarray(one.noise.variance(one.y))))) if image else float("nan")
            findings.append(judgement.of_structure(made["renoised"], deviation))
        if "halves" in made:
            found = made["halves"].resolution()
            fine = f"down to {found:.1f} pixels" if np.isfinite(found) else "at no scale"
            words = f"Two halves of the data agree {fine} (1/7), what the estimator makes of both alike included."
            findings.append(Finding("resolution", "green" if np.isfinite(found) else "red", words))
    findings.append(_of_noise(one.noise, guessed))
    order = {"red": 0, "amber": 1, "green": 2}
    return Trust(tuple(sorted(findings, key=lambda f: order[f.light])), one.noise, spent, **made)


def _judged(one, estimate, again, findings):
    """The statistics of the residual, by their name; what they come to is added to the findings."""
    of = residual(np.asarray(one.y), estimate, one.operator, one.noise)
    simulated = () if again is None else again.residuals
    expected = lambda statistic: None if again is None else _mean([statistic(other) for other in simulated])
    regions, levels, curve = chi_square_by_region(of), chi_square_by_level(of), by_frequency(of, one.operator)
    by_level, by_k = expected(chi_square_by_level), expected(lambda other: by_frequency(other, one.operator))
    white = whiteness(of, simulated)
    found = [
        judgement.of_size(chi_square(of), expected(chi_square)), judgement.of_whiteness(white, again is not None),
        judgement.of_regions(regions, expected(chi_square_by_region)), judgement.of_levels(levels, by_level), judgement.of_frequencies(curve, by_k),
    ]
    findings += [f for f in found if f is not None]
    return {
        "residual": of, "by_region": regions, "by_level": levels, "whiteness": white, "by_frequency": curve, "expected_by_level": by_level,
        "expected_by_frequency": by_k,
    }


def _mean(statistics):
    """The mean of some `ChiSquare` or `ByFrequency`, whose errors are those of one of them: a little too large."""
    first, value = statistics[0], "power" if isinstance(statistics[0], ByFrequency) else "value"
    mean = np.mean([getattr(each, value) for each in statistics], 0)
    return type(first)(**{name: mean if name == value else getattr(first, name) for name in first.__annotations__})


def _with_noise(one):
    """(the measurement, whether its noise was estimated): that of an image which has none told is."""
    H, y = one.operator, np.asarray(one.y)
    if one.noise is not None or np.iscomplexobj(y) or y.ndim < 3 or not (H.identity or H.stationary):
        return one, False
    gain, sigma, offset = estimate_poisson_gaussian(y)
    if not (gain > 0 or sigma > 0):
        return one, False
    return one.replace(noise=PoissonGaussian(*(jnp.float32(value) for value in (gain, sigma, offset)))), True


def _of_noise(noise, guessed):
    if noise is None:
        words = "The noise is not known and cannot be estimated from these data: risks and residuals are not judged. Give its model."
        return Finding("noise model", "amber", words)
    camera = noise.camera()
    told = f"{type(noise).__name__} noise" if camera is None else "gain {:.3g}, read-out noise {:.3g}, offset {:.3g} grey values".format(
        *(float(np.mean(value)) for value in camera))
    return Finding("noise model", "green", f"{told}, {'estimated from the image itself' if guessed else 'as given'}.")
