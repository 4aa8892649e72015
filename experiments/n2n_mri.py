"""Noise2Noise from pairs of undersampled acquisitions of simulated brain slices, each with random lines of its own.

python -m experiments run n2n_mri

3 minutes on 2 CPU cores; 30.97 dB (conjugate gradients 24.80).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.data import Brain, Data
from unsup_jax.methods import ConjugateGradient, Noise2Noise
from unsup_jax.networks import Unrolled

from .ssdu_mri import EXPERIMENT as SSDU_MRI

EXPERIMENT = replace(
    SSDU_MRI, data=Data(source=Brain(), patch=None, test=0.1), modality=replace(SSDU_MRI.modality, sampling="random lines", pair="other"),
    method=Noise2Noise(network=Unrolled(), optimizer=Adam(learning_rate=1e-3)), references=(ConjugateGradient(steps=5),),
    train=replace(SSDU_MRI.train, steps=200),
)
