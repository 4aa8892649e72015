"""x"""

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
