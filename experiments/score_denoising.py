"""Filaments in white noise by a score model that has seen clean ones, beside the classical filters.

python -m experiments run score_denoising

5 minutes on one CPU core, nearly all of it the training; PSNR in dB, of eight images, by one model of one seed, told each level:
    sigma                         10       20       40
    noisy                        25.40    19.38    13.36
    Wiener                       30.59    26.05    20.49
    wavelets                     30.02    26.58    23.06
    total variation, best of 4   30.71    26.43    22.56      its weight chosen on the truth
    non-local means              33.41    27.97    22.48
    BM3D                         34.92    30.47    25.66
    score model, one call of D   36.24    31.58    26.93
    one draw of x given y        33.93    28.76    24.53
    coverage of 90 % intervals   .930     .922     .898
    deviation against error      .627     .631     .569
The other levels are from the same run: `run score_denoising --modality.noise.sigma 40 --prior RUN`. Its training sees 1000 clean images of
the same law as those that are scored, which no filter beside it does.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, NonLocalMeans, ProximalGradient, Score, WaveletShrinkage, Wiener
from unsup_jax.methods.score import Denoising
from unsup_jax.modalities import Camera
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=2008, shape=(64, 64)), patch=64, test=8 / 2008, validation=0.02),
    modality=Camera(noise=Gaussian(20.0)),
    method=Score(network=ScoreUNet(width=24), optimizer=Adam(2e-3, clip=1.0, warmup=20, average=0.99), sampler=Denoising()),
    train=Train(steps=300, batch=16, checkpoint_every=100, validation_batches=2, use="latest"),
    references=(
        Wiener(), WaveletShrinkage(), *(ProximalGradient(prior=TotalVariation(weight, nonnegative=True), steps=100) for weight in (0.03, 0.06, 0.15)),
        NonLocalMeans(), BM3D(),
    ),
)
