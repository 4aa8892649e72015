r"""Score models: one denoiser D(x; sigma) of clean images, and samplers of p(x | y) that take H and the noise of each measurement.

    D(x; sigma) = E[x_0 | x_0 + sigma n = x],       grad log p_sigma(x) = (D - x) / sigma^2
    x_s = x' + (s^2 / sigma^2) (x - x') + s sqrt(1 - s^2 / sigma^2) n,          x^ = D(x; sigma),   J = dD/dx

    MMPS                x' = x^ + sigma^2 J^T H* (sigma^2 H J^T H* + sigma_y^2)^-1 (y - H x^)
    PiGDM               the same with r^2 in the place of the inner sigma^2 J^T
    DPS                 x_s - zeta grad ||y - H(x^)||:                       any H, linear or not
    DiffPIR             x' = argmin ||y - H x||^2 + rho ||x - x^||^2:        no derivative of D
    DDS                 a few conjugate gradients towards y:                  no noise model
    PredictorCorrector  Langevin's dynamics, x += H*(y - H x) in between:    no noise model
    Denoising           y is itself an x of the level sigma_y

Only MMPS converges to p(x | y) of Gaussian images as levels are added. The others are cheaper or take more, and are biased: for
images of 8 numbers of which 5 are measured, in tests/test_score.py, each by how much.
"""

from unsup_jax.methods.score.dds import DDS
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.denoising import Denoising
from unsup_jax.methods.score.diffpir import DiffPIR
from unsup_jax.methods.score.dps import DPS
from unsup_jax.methods.score.heun import Heun
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.pigdm import PiGDM
from unsup_jax.methods.score.predictor_corrector import PredictorCorrector
from unsup_jax.methods.score.sampler import Sampler
from unsup_jax.methods.score.score import Score

__all__ = [
    "DDS", "DPS", "Denoiser", "Denoising", "DiffPIR", "Heun", "MMPS", "Observed", "PiGDM", "PredictorCorrector", "Sampler", "Score",
]
