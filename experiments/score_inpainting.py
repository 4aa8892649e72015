"""A score model of simulated filaments, and draws of what three pixels of four that were not measured hold, beside total variation.

python -m experiments run score_inpainting
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import ProximalGradient, Score
from unsup_jax.methods.score import MMPS
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=800, shape=(64, 64)), test=0.005, patch=32),
    modality=Inpainting(noise=Gaussian(2.0), keep=0.25),
    method=Score(
        network=ScoreUNet(width=24, depth=2), optimizer=Adam(learning_rate=2e-3, clip=1.0, average=0.995), sampler=MMPS(levels=50), draws=6,
    ),
    train=Train(steps=600, batch=16, checkpoint_every=300, validation_batches=2, use="latest"),
    references=(ProximalGradient(prior=TotalVariation(0.01), steps=200),),
)
