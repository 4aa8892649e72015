"""Wiener deconvolution of simulated nuclei behind a Gaussian blur.

python -m experiments run wiener_deconvolution

A second; 35.95 dB, from 30.90.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import Wiener
from unsup_jax.modalities import Blurred
from unsup_jax.noise import Gaussian

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=8, shape=(128, 128)), patch=None),
    modality=Blurred(noise=Gaussian(1.0), psf_sigma=1.5),
    method=Wiener(),
)
