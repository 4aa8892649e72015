"""AmbientGAN of nuclei of 32^2 pixels of which half are missing, beside GANs of the measurements and of their inpainting.

python -m experiments run ambientgan_inpainting

Two to seven minutes a training of 1200 steps on one CPU core that others share; the inpainting, by total variation of about the weight
of least error, is what takes seven. Distances of 500 samples to held-out clean images, of which 500 clean training images have 3.52:

                                 sliced Wasserstein   kernel MMD   Frechet, random features   power spectrum (dB)
    GAN of y                            14.84            .272              .413                     7.2
    GAN of the inpainted y              10.68            .217              .013                     1.7
    AmbientGAN                           8.04            .127              .147                     1.5

AmbientGAN's samples have the grey levels and sizes of nuclei on a dark background, with softer edges than theirs. Those of the
inpainted y have sharp edges, of shapes that the regulariser grew together; random features rank them first.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import Distributions
from unsup_jax.experiment import Experiment
from unsup_jax.losses.games import R1, R2, Mirror
from unsup_jax.methods import AmbientGAN, ProximalGradient, UnmeasuredGAN
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import ConvCritic, ConvGenerator
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

PLAYERS = {
    "generator": ConvGenerator(width=16), "critic": ConvCritic(width=16, depth=2), "latents": 128, "augment": Mirror(),
    "regularizers": (R1(1.0), R2(1.0)), "generator_optimizer": Adam(7e-4, b1=0.0, b2=0.99, average=0.995),
    "critic_optimizer": Adam(7e-4, b1=0.0, b2=0.99),
}

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=1600, shape=(32, 32)), patch=None, test=500 / 1600),
    modality=Inpainting(noise=Gaussian(20.0), keep=0.5),
    method=AmbientGAN(**PLAYERS),
    train=Train(steps=1200, batch=32, validation_batches=1, use="latest"),
    references=(UnmeasuredGAN(**PLAYERS), UnmeasuredGAN(**PLAYERS, by=ProximalGradient(prior=TotalVariation(0.05), steps=30))),
    analysis=Distributions(),
)
