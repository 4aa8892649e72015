"""An untrained network on fourfold accelerated parallel MRI: one slice's k-space alone, beside total variation and wavelets.

python -m experiments run dip_mri

45 s on one CPU core; two images, one seed:
                               PSNR    SSIM    FRC 1/2, pixels
    conjugate gradients       24.62    .565    4.1
    wavelets                  26.09    .634    4.1    one weight, not tuned
    deep image prior          27.15    .744    3.2    all of its 800 steps: the held-out samples were still getting better
    total variation, 0.002    28.75    .766    2.7
    total variation, 0.006    29.20    .877    2.6
    total variation, 0.02     28.48    .903    2.5
So the deep image prior is 2 dB below the best of three weights of total variation, chosen on the truth.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import ConjugateGradient, DeepImagePrior, ProximalGradient
from unsup_jax.modalities import Scanner
from unsup_jax.networks import SkipNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation, Wavelet

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=4, shape=(64, 64)), patch=None),
    modality=Scanner(noise=Gaussian(3.0), coils=4, sampling="random lines", centre=8),
    method=DeepImagePrior(network=SkipNet(width=32, depth=4, jitter=0.03), optimizer=Adam(3e-3, decay=False), steps=800),
    references=(
        ConjugateGradient(steps=5), ProximalGradient(prior=Wavelet(6e-3, cycle_spin=True), steps=60),
        *(ProximalGradient(prior=TotalVariation(weight), steps=100) for weight in (0.002, 0.006, 0.02)),
    ),
)
