"""Blurred filaments by draws of a score model given them, beside Richardson-Lucy, total variation and Wiener.

python -m experiments run score_deconvolution

5 minutes of training and 4 of drawing on one CPU core; four images, eight draws each, by the model of `score_denoising` (`--prior RUN`):
                                        PSNR    one draw    coverage of 90 %    deviation against error
    blurred                            21.35
    Wiener                             26.54
    total variation, best of 6         29.19                                                              its weight chosen on the truth
    Richardson-Lucy, best of 3 counts  29.51                                                              60, chosen on the truth
    DiffPIR                            33.17       31.67                .894                       .643
    DPS                                32.39       30.84                .883                       .635
    MMPS                               33.39       30.91                .951                       .671
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import RichardsonLucy, Score, VariableSplitting, Wiener
from unsup_jax.methods.score import DPS, MMPS, DiffPIR
from unsup_jax.modalities import Blurred
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

MODEL = {"network": ScoreUNet(width=24), "optimizer": Adam(2e-3, clip=1.0, warmup=20, average=0.99)}

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=2004, shape=(64, 64)), patch=64, test=4 / 2004, validation=0.02),
    modality=Blurred(noise=Gaussian(2.0), psf_sigma=2.0),
    method=Score(**MODEL, sampler=MMPS(iterations=3)),
    train=Train(steps=300, batch=16, checkpoint_every=100, validation_batches=2, use="latest"),
    references=(
        Wiener(), VariableSplitting(prior=TotalVariation(1e-5, nonnegative=True), steps=100),
        RichardsonLucy(steps=40), RichardsonLucy(steps=60), RichardsonLucy(steps=100),
        Score(**MODEL, sampler=DiffPIR()), Score(**MODEL, sampler=DPS()),
    ),
)
