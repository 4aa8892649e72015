"""Filaments from images of which half the pixels are missing, those of the training too: ambient diffusion.

python -m experiments run ambient_inpainting

2 minutes on one CPU core for each of the two models; eight images of 32^2 pixels, one seed:
                                   PSNR    one draw    coverage of 90 %    deviation against error
    total variation, best of 2    25.70                                                              its weight chosen on the truth
    ambient diffusion             30.47       27.15                .829                       .414
    score model of clean images   34.24       31.81                .858                       .609   400 steps of the 600
Nearly 5 dB above total variation, which sees no other image, and 4 below the score model that has seen 2000 clean ones: the 2 dB that longer
trainings are said to lose are not reached. The mean of ambient diffusion is one call of D, which is shown y and where it was measured; the draws of
whole images are 4 dB below those of the other model.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import Ambient, ProximalGradient, Score
from unsup_jax.methods.score import MMPS
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

MODEL = {"network": ScoreUNet(width=24), "optimizer": Adam(2e-3, clip=1.0, warmup=20, average=0.99)}

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=2008, shape=(32, 32)), patch=None, test=8 / 2008, validation=0.02),
    modality=Inpainting(noise=Gaussian(3.0), keep=0.5),
    method=Ambient(**MODEL, sampler=MMPS()),
    train=Train(steps=600, batch=16, checkpoint_every=200, validation_batches=2, use="latest"),
    references=(
        ProximalGradient(prior=TotalVariation(3e-4, nonnegative=True), steps=300), ProximalGradient(prior=TotalVariation(3e-3, nonnegative=True), steps=300),
        Score(**MODEL, sampler=MMPS()),
    ),
)
