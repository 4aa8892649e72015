"""Filaments from a quarter of their k-space lines, one coil, by draws of a score model given them, beside total variation.

python -m experiments run score_mri

5 minutes on one CPU core; four images, one seed, eight draws each:
                                 PSNR    one draw    coverage of 90 %    deviation against error
    conjugate gradients         21.03
    total variation, best of 5  22.16                                                              its weight chosen on the truth
    DDS                         26.34       22.04                .857                       .747
    DiffPIR                     28.50       25.25                .880                       .679
    MMPS                        31.71       27.87                .957                       .715
The model has seen 1000 clean complex images of the same law, which nothing beside it has.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import ConjugateGradient, ProximalGradient, Score
from unsup_jax.methods.score import DDS, MMPS, DiffPIR
from unsup_jax.modalities import Scanner
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

MODEL = {"network": ScoreUNet(width=24), "optimizer": Adam(2e-3, clip=1.0, warmup=20, average=0.99)}

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=2004, shape=(64, 64)), patch=None, augment=False, test=4 / 2004, validation=0.02),
    modality=Scanner(noise=Gaussian(3.0), coils=1, sampling="random lines", centre=8),
    method=Score(**MODEL, sampler=MMPS(iterations=3)),
    train=Train(steps=300, batch=16, checkpoint_every=100, validation_batches=2, use="latest"),
    references=(
        ConjugateGradient(steps=5), *(ProximalGradient(prior=TotalVariation(weight), steps=200) for weight in (0.005, 0.01)),
        Score(**MODEL, sampler=DiffPIR()), Score(**MODEL, sampler=DDS()),
    ),
)
