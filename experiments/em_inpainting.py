"""Filaments from images of which half the pixels are missing, those of the training too: EM diffusion, lap by lap.

python -m experiments run em_inpainting

3 minutes on one CPU core; eight images of 32^2 pixels, one seed, eight draws each:
                                 PSNR    one draw    coverage of 90 %    deviation against error
    total variation, best of 2  25.70                                                              its weight chosen on the truth
    1 lap                       21.43       18.04                .920                       .680
    3 laps                      28.90       25.77                .938                       .598
    4 laps                      30.82       27.98                .930                       .556
The fewer laps are runs with `--train.steps 100` and so on. The first lap draws missing pixels as white noise, of which the model of a lap keeps a part; it is
the less of it, the more laps have gone by. It is 5 dB above total variation, which sees no other image.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import EMDiffusion, ProximalGradient
from unsup_jax.methods.score import MMPS
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=1008, shape=(32, 32)), patch=None, test=8 / 1008, validation=0.02),
    modality=Inpainting(noise=Gaussian(3.0), keep=0.5),
    method=EMDiffusion(
        network=ScoreUNet(width=16), optimizer=Adam(2e-3, decay=False, clip=1.0, warmup=20, average=0.98), sampler=MMPS(),
        expectation=MMPS(levels=16), pool=256, lap=100,
    ),
    train=Train(steps=400, batch=16, checkpoint_every=100, validation_batches=1, use="latest"),
    references=(
        ProximalGradient(prior=TotalVariation(3e-4, nonnegative=True), steps=300), ProximalGradient(prior=TotalVariation(3e-3, nonnegative=True), steps=300),
    ),
)
