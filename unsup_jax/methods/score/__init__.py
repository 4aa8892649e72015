r"""Score models: one denoiser D(x; sigma) of clean images, and samplers of p(x | y) that take H and the noise of each measurement.

    D(x; sigma) = E[x_0 | x_0 + sigma n = x],       grad log p_sigma(x) = (D - x) / sigma^2
    x_s = x' + (s^2 / sigma^2) (x - x') + s sqrt(1 - s^2 / sigma^2) n,          x^ = D(x; sigma),   J = dD/dx

EDM, NCSN, DDPM and flow matching are what a network may be of D (`Parameterization`). Heun's and Euler's steps of the probability flow (DDIM)
and Langevin's dynamics draw images from noise alone (`Unconditional`). Of p(x | y) draw

    MMPS                x' = x^ + sigma^2 J^T H* (sigma^2 H J^T H* + sigma_y^2)^-1 (y - H x^)
    PiGDM               the same with r^2 in the place of the inner sigma^2 J^T
    DPS                 x_s - zeta grad ||y - H(x^)||:                       any H, linear or not
    DiffPIR             x' = argmin ||y - H x||^2 + rho ||x - x^||^2:        no derivative of D
    DDRM                number by number in the singular vectors of H:       no derivative of D, no system to solve
    DDS                 a few conjugate gradients towards y:                  no noise model
    PredictorCorrector  Langevin's dynamics, x += H*(y - H x) in between:    no noise model
    LangevinInpainting  the same at more levels, y in the noise of each:     samples of orthonormal coordinates
    SplitGibbs          z given x and y exactly, x given z by D, in turn:    no derivative of D
    Denoising           y is itself an x of the level sigma_y

MMPS and SplitGibbs converge to p(x | y) of Gaussian images as levels are added. The others are cheaper or take more, and are biased: for
images of 8 numbers of which 5 are measured, in tests/test_score.py, each by how much. `Score` trains D itself; `PosteriorSampling` takes
that of another run. Of images that nobody has seen D is learnt from measurements alone:

    Ambient             y = A x_0: more of A is hidden, and D asked for all of A                    missing pixels, k-space
    GSURE               y = x_0 + w: the error against x_0 by Stein's identity                      noise of known deviation
    EMDiffusion         x_0 drawn by D from p(x_0 | y), and D trained on them, in turn              any operator of its sampler
"""

from unsup_jax.methods.score.ambient import Ambient
from unsup_jax.methods.score.ddrm import DDRM
from unsup_jax.methods.score.dds import DDS
from unsup_jax.methods.score.denoiser import Denoiser
from unsup_jax.methods.score.denoising import Denoising
from unsup_jax.methods.score.diffpir import DiffPIR
from unsup_jax.methods.score.dps import DPS
from unsup_jax.methods.score.em import EMDiffusion
from unsup_jax.methods.score.gsure import GSURE
from unsup_jax.methods.score.langevin_inpainting import LangevinInpainting
from unsup_jax.methods.score.mmps import MMPS
from unsup_jax.methods.score.observed import Observed
from unsup_jax.methods.score.parameterization import DDPM, EDM, NCSN, FlowMatching, Parameterization
from unsup_jax.methods.score.pigdm import PiGDM
from unsup_jax.methods.score.posterior_sampling import PosteriorSampling
from unsup_jax.methods.score.predictor_corrector import PredictorCorrector
from unsup_jax.methods.score.sampler import Sampler
from unsup_jax.methods.score.score import Score
from unsup_jax.methods.score.split_gibbs import SplitGibbs
from unsup_jax.methods.score.unconditional import DDIM, Heun, Langevin, Unconditional

__all__ = [
    "Ambient", "DDIM", "DDPM", "DDRM", "DDS", "DPS", "Denoiser", "Denoising", "DiffPIR", "EDM", "EMDiffusion", "FlowMatching", "GSURE", "Heun", "Langevin",
    "LangevinInpainting", "MMPS", "NCSN", "Observed", "Parameterization", "PiGDM", "PosteriorSampling", "PredictorCorrector", "Sampler", "Score", "SplitGibbs",
    "Unconditional",
]
