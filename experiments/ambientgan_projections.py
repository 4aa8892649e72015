"""AmbientGAN of nuclei of 32^2 pixels of which four projections each are known, with and without their angles, beside a GAN of back-projections.

python -m experiments run ambientgan_projections

About two minutes a training of 1200 steps on one CPU core. Distances of 500 samples to held-out clean images:

                                          sliced Wasserstein   kernel MMD   Frechet, random features   power spectrum (dB)
    GAN of FBP                                   11.71            .185              .888                     2.0
    AmbientGAN, D is not told the angles          9.05            .156              .061                     2.2
    AmbientGAN                                    5.01            .074              .096                     3.1

D is told the angles by what it compares, the back-projected H* y, along which they are seen. The samples have the grey levels of clean
images and spots of their size, without the nuclei's outlines: four projections in this noise do not tell them.
"""

from dataclasses import replace

from unsup_jax.methods import AmbientGAN, FilteredBackProjection, UnmeasuredGAN
from unsup_jax.modalities import Tomograph
from unsup_jax.noise import Gaussian

from .ambientgan_inpainting import EXPERIMENT as INPAINTING
from .ambientgan_inpainting import PLAYERS

EXPERIMENT = replace(
    INPAINTING,
    modality=Tomograph(noise=Gaussian(20.0), views=4, turned=True),
    method=AmbientGAN(**PLAYERS, space="image"),
    references=(AmbientGAN(**PLAYERS), UnmeasuredGAN(**PLAYERS, by=FilteredBackProjection(window="hann"))),
)
