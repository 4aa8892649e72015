"""x"""

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
        Wiener(), VariableSplitting(prior=TotalVariation(1e-4, nonnegative=True), steps=100),
        RichardsonLucy(steps=40), RichardsonLucy(steps=60), RichardsonLucy(steps=100),
        Score(**MODEL, sampler=DiffPIR()), Score(**MODEL, sampler=DPS()),
    ),
)
