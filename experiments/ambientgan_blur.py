"""AmbientGAN of blurred and noisy nuclei of 32^2 pixels, beside GANs of the measurements and of their deconvolution.

python -m experiments run ambientgan_blur

70 to 150 seconds a training of 1200 steps on one CPU core. Distances of 500 samples to held-out clean images:

                                 sliced Wasserstein   kernel MMD   Frechet, random features   power spectrum (dB)
    GAN of y                            13.67            .302              .034                     6.4
    GAN of the deconvolved y            11.67            .225              .023                     3.3
    AmbientGAN                           6.27            .087              .144                     2.7

AmbientGAN's samples have the grey levels of clean images and their sharpness, but are a texture of patches smaller than nuclei, which random
features see; those of the others are blurred.
"""

from dataclasses import replace

from unsup_jax.methods import ProximalGradient, UnmeasuredGAN
from unsup_jax.modalities import Blurred
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation

from .ambientgan_inpainting import EXPERIMENT as INPAINTING
from .ambientgan_inpainting import PLAYERS

EXPERIMENT = replace(
    INPAINTING,
    modality=Blurred(noise=Gaussian(5.0), psf_sigma=2.0),
    references=(UnmeasuredGAN(**PLAYERS), UnmeasuredGAN(**PLAYERS, by=ProximalGradient(prior=TotalVariation(0.01), steps=30))),
)
