"""Filaments of which three pixels in four are missing, by draws of a score model given the others, beside total variation.

python -m experiments run score_inpainting

5 minutes of training and 2 of drawing on one CPU core; four images, one seed, eight draws each:
                                 PSNR    one draw    coverage of 90 %    deviation against error
    total variation, best of 5  21.70                                                              its weight chosen on the truth
    DiffPIR                     25.97       24.57                .859                       .672
    DPS                         31.18       27.69                .650                       .602
    MMPS                        30.51       27.91                .935                       .768
So the mean of draws is 9 dB above total variation; DPS has the better mean by .7 dB and intervals that are too narrow, as those of DiffPIR
are. The model is that of `score_denoising` (`--prior RUN`); one training serves all samplers. Every sampler is told H and the noise; the model has seen 1000 clean images of the same law.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import ProximalGradient, Score
from unsup_jax.methods.score import DPS, MMPS, DiffPIR
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

MODEL = {"network": ScoreUNet(width=24), "optimizer": Adam(2e-3, clip=1.0, warmup=20, average=0.99)}

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=2004, shape=(64, 64)), patch=64, test=4 / 2004, validation=0.02),
    modality=Inpainting(noise=Gaussian(3.0), keep=0.25),
    method=Score(**MODEL, sampler=MMPS()),
    train=Train(steps=300, batch=16, checkpoint_every=100, validation_batches=2, use="latest"),
    references=(
        ProximalGradient(prior=TotalVariation(3e-4, nonnegative=True), steps=300),
        Score(**MODEL, sampler=DiffPIR()), Score(**MODEL, sampler=DPS()),
    ),
)
