"""Supervised inpainting and denoising of simulated filaments with three pixels of ten missing, by a DnCNN.

python -m experiments run supervised_inpainting

About a minute on 2 CPU cores, 24 s on an H100; 37.51 dB, from 22.16 of the image with its holes.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import Supervised
from unsup_jax.modalities import Inpainting
from unsup_jax.networks import DnCNN
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=32, shape=(128, 128)), test=0.25, patch=48),
    modality=Inpainting(noise=Gaussian(5.0), keep=0.7),
    method=Supervised(network=DnCNN(depth=8, width=32), optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=600, batch=8, checkpoint_every=200),
)
