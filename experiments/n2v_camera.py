"""Noise2Void on a photograph with white noise of sigma 25, the usual benchmark of denoisers.

python -m experiments run n2v_camera

2 minutes on 2 CPU cores; 30.35 dB, from 20.06 (BM3D with the true sigma 32.83).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, Noise2Void
from unsup_jax.modalities import Camera
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Bundled("camera", bin=1)),
    modality=Camera(noise=Gaussian(25.0)),
    method=Noise2Void(fraction=0.0625, radius=1, kappa="mean", optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=600, batch=8, checkpoint_every=150),
    references=(BM3D(),),
)
