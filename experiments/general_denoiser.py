"""A general denoiser for plug-and-play, trained on clean images in noise of every level.

python -m experiments run general_denoiser --data.clean FOLDER --data.scored Set12 --out runs/general_denoiser

`make weights` runs and packages it, in 4.6 MB. Its 30000 steps were never run: of the 4200 below, which took 23 minutes of a core that others shared, an hour of two
cores is an estimate. Those (`--train.steps 4200`, the moving average 0.99), on Train400 and 24 means of FMD, which must not be scored by it then, have on
Set12, at sigma 5, 15, 25 and 50, 37.25, 31.40, 28.92 and 25.67 dB: .8 to 1 dB below BM3D (32.16, 29.93, 26.68 at the last three).
As plug-and-play that does not reach total variation. Images 1, 3 and 5 of Set12 behind a Gaussian blur of 1.6 pixels, in noise of 2 grey levels (23.55 dB), the
best of each row's weights by the truth:

    FISTA, the network           1e-5 to 3e-4              24.26
    splitting, the network       1e-6, 4e-6, 1e-5          27.17, at the largest, where it still rose
    FISTA, total variation       3e-5 to 1e-3              27.92
    splitting, total variation   1e-5, 1e-4                27.68
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
