"""Untrained networks on simulated nuclei in white noise of sigma 25: each image alone, with nothing to learn from.

python -m experiments run dip_nuclei

2 minutes on one CPU core; two images, one seed:
                              PSNR    FRC 1/2, pixels
    noisy                    15.29    5.4
    deep image prior         25.15    4.2      stopped by held-out pixels after 400 to 500 of 800 steps
    deep decoder             22.88    5.8      never stopped
    neural representation    23.65    5.4      stopped by held-out pixels
    total variation          24.61    4.3      its weight tuned on the truth of one of the images
    BM3D                     26.64    4.2
So the deep image prior is above total variation and below BM3D, and takes hundreds of times as long as either.

Of 30 angles by a script (64^2 nuclei, nearly without noise, 3000 steps that decay, jitter 0.01, 75 s each): deep image prior 33.70 dB, neural
representation (bandwidth 1) 33.68, total variation at the best of four weights 34.23, conjugate gradients 30.21.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, DeepImagePrior, ProximalGradient
from unsup_jax.modalities import Camera
from unsup_jax.networks import DeepDecoder, FourierFeatures, SkipNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=4, shape=(64, 64)), patch=None),
    modality=Camera(noise=Gaussian(25.0)),
    method=DeepImagePrior(network=SkipNet(width=32, depth=4, jitter=0.1), optimizer=Adam(3e-3, decay=False), steps=800),
    references=(
        DeepImagePrior(network=DeepDecoder(), validation=None, steps=1500),
        DeepImagePrior(network=FourierFeatures(bandwidth=1.5), optimizer=Adam(2e-3, decay=False), steps=300),
        ProximalGradient(prior=TotalVariation(0.14), steps=200), BM3D(),
    ),
)
