"""Does what is said without truth rank methods as the truth does?

Phantoms are measured in four ways, and reconstructed by eight classical methods, some of them poor. Of each measurement, Spearman's
rank correlation between the mean square error against the truth and each blind statistic is taken over the methods.

`benchmarks trust`, the mean of three measurements of 64 x 64 and the least of them:

                            Gaussian     Poisson-Gaussian   deconvolution   MRI
    Stein's risk            .99 (.98)    .87 (.81)          .87 (.83)       .96 (.95)
    held-out data           .96 (.93)    .75 (.69)          .73 (.71)       .65 (.60)

Stein's risk is that of the image; held-out data are predicted well by an image that is poor where H sees little of it.
"""

from collections.abc import Iterator

import jax
import numpy as np
from scipy import stats

from unsup_jax.core import Method
from unsup_jax.data.phantoms import nuclei
from unsup_jax.methods import (
    BM3D, ConjugateGradient, GaussianFilter, MedianFilter, NonLocalMeans, ProximalGradient, RichardsonLucy, VariableSplitting,
    WaveletShrinkage, Wiener,
)
from unsup_jax.modalities import Blurred, Camera, Modality, Scanner
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.priors import TotalVariation, Wavelet
from unsup_jax.train import solve
from unsup_jax.trust import held_out_risk, stein_risk

DENOISERS = (
    GaussianFilter(0.4), GaussianFilter(1.0), GaussianFilter(3.0), MedianFilter(3), Wiener(), NonLocalMeans(), WaveletShrinkage(), BM3D(),
)
DECONVOLVERS = (
    Wiener(), RichardsonLucy(steps=5), RichardsonLucy(steps=40), RichardsonLucy(steps=400), VariableSplitting(prior=TotalVariation(3e-3)),
    VariableSplitting(prior=TotalVariation(1e-1)), ConjugateGradient(steps=50), ConjugateGradient(steps=20, weight=0.3),
)
SCANNED = (
    ConjugateGradient(steps=2), ConjugateGradient(steps=10), ConjugateGradient(steps=60), ConjugateGradient(steps=10, weight=0.5),
    ProximalGradient(prior=TotalVariation(2e-3), steps=40), ProximalGradient(prior=TotalVariation(5e-2), steps=40),
    ProximalGradient(prior=Wavelet(4e-3), steps=40), ProximalGradient(prior=Wavelet(5e-2), steps=40),
)
CASES: dict[str, tuple[Modality, tuple[Method, ...]]] = {
    "gaussian": (Camera(noise=Gaussian(15.0)), DENOISERS),
    "poisson_gaussian": (Camera(noise=PoissonGaussian(3.0, 2.0)), DENOISERS),
    "deconvolution": (Blurred(noise=Gaussian(2.0), psf_sigma=1.5), DECONVOLVERS),
    "mri": (Scanner(), SCANNED),
}


def measure(only: str = "", repeats: int = 3, size: int = 64) -> Iterator[dict]:
    """One row for each case whose name holds `only` and each statistic, over as many measurements as there are `repeats`."""
    for name, (modality, methods) in CASES.items():
        if only in name:
            found = [ranked(jax.random.key(i), modality, methods, size) for i in range(repeats)]
            for statistic in found[0]:
                rho = [each[statistic] for each in found]
                yield {"case": f"{name}: {statistic}", "who": "ours", "note": f"{np.mean(rho):.2f}, least {min(rho):.2f}"}


def ranked(key: jax.Array, modality: Modality, methods: tuple[Method, ...], size: int = 64) -> dict[str, float]:
    """Spearman's correlation of each blind statistic with the error, over the methods, of one measurement."""
    draw, measured, probe = jax.random.split(key, 3)
    one = modality.measure(measured, nuclei(draw, (size, size)))
    truth, one = np.asarray(one.truth), one.only(())
    errors, risks = [], {"Stein's risk": [], "held-out data": []}
    for method in methods:
        F = estimator(method)
        x = F(one)
        errors.append(np.mean(np.abs(x - truth) ** 2))
        risks["Stein's risk"].append(stein_risk(probe, F, one, of="image", estimate=x).value)
        risks["held-out data"].append(held_out_risk(probe, F, one).value)
    return {name: float(stats.spearmanr(errors, values)[0]) for name, values in risks.items()}


def estimator(method: Method):
    """What maps a measurement to the method's estimate."""
    key = jax.random.key(0)
    return lambda one: np.asarray(method.reconstruct(key, solve(method, key, one)[0], one))
