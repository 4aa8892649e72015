"""Blind deconvolution of simulated filaments: a cycleGAN whose H is one kernel, learnt from twice the width that the blur has.

python -m experiments run cyclegan_blur

2 minutes of one CPU core, compilation apart; the kernel's width goes from 4.0 pixels to 2.10, of a true 2.00 (2.14 with another seed of the
training, 2.16 after 420 steps), and x^ from 21.5 to 28.3 dB (28.6; 29.5), where total variation with the kernel that is told gives 16.2,
supervision by simulation 15.9, and Wiener with the true kernel 26.7.
"""

from dataclasses import replace

from unsup_jax.methods.transport import LearntBlur
from unsup_jax.modalities import MisinformedBlur
from unsup_jax.noise import Gaussian

from .otcyclegan_deconvolution import EXPERIMENT as KNOWN

EXPERIMENT = replace(
    KNOWN, modality=MisinformedBlur(noise=Gaussian(2.0), psf_sigma=4.0, true_sigma=2.0),
    method=replace(KNOWN.method, forward=LearntBlur(width=21, rate=100.0), adversarial=1.0), train=replace(KNOWN.train, steps=240),
)
