"""A general denoiser for plug-and-play, trained on clean images in noise of every level.

python -m experiments run general_denoiser --data.clean FOLDER --data.scored Set12 --out runs/general_denoiser

About an hour on 2 CPU cores, at 0.16 CPU-seconds a step; `make weights` runs and packages it, in 4.6 MB. A training of 4200 of the
30000 steps, 12 CPU-minutes (`--train.steps 4200`, the moving average 0.99), on Train400 and 24 means of FMD has on Set12, at sigma 5, 15, 25 and 50,
37.25, 31.40, 28.92 and 25.67 dB: 1 dB below BM3D (32.16, 29.93, 26.68). The whole was not measured.
As plug-and-play it does not reach total variation yet: images 1, 3 and 5 of Set12 behind a Gaussian blur of 1.6 pixels, in noise of 2 grey levels, come
to 27.17 dB by splitting, the largest of three weights, and to 24.26 by FISTA, from 23.55; total variation to 27.92, its denoiser in the splitting to 27.68, each of a few weights.
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
