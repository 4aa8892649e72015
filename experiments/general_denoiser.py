"""A general denoiser for plug-and-play, trained on clean images in noise of every level.

python -m experiments run general_denoiser --data.clean FOLDER --data.scored Set12 --out runs/general_denoiser
"""

from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, GeneralDenoiser
from unsup_jax.modalities import Camera
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Bundled("camera", bin=1), patch=64),
    modality=Camera(noise=Gaussian(25.0)),
    method=GeneralDenoiser(optimizer=Adam(learning_rate=2e-3, warmup=50, average=0.999)),
    train=Train(steps=30000, batch=16, checkpoint_every=1000),
    references=(BM3D(),),
)
