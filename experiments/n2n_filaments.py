"""Noise2Noise from pairs of noisy images of simulated filaments.

python -m experiments run n2n_filaments

About 2 minutes on 2 CPU cores, 21 s on an H100; 36.00 dB, from 25.53 (Gaussian filter 30.85, BM3D + VST 35.57).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, GaussianFilter, Noise2Noise
from unsup_jax.modalities import Camera
from unsup_jax.noise import PoissonGaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=32, shape=(128, 128)), test=0.25),
    modality=Camera(noise=PoissonGaussian(gain=8.0, sigma=4.0)),
    method=Noise2Noise(optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=800, batch=8, checkpoint_every=200),
    references=(GaussianFilter(), BM3D(stabilize=True)),
)
