"""Noise2Void on a photograph with white noise of sigma 25, the usual benchmark of denoisers.

python -m experiments run n2v_camera

2 minutes on 2 CPU cores, 18 s on an H100; 30.79 dB, from 20.06 (BM3D with the true sigma 32.66). For many images give
`--data.clean FOLDER --data.scored OTHERS`. Trained on 400 photographs of 180 x 180, in dB, BSD68 and Set12:

    noisy                           19.45   19.43
    BM3D                            27.88   29.26
    4000 steps, Noise2Noise         27.86   28.72
    4000 steps, supervised DnCNN    27.80   28.68
    4000 steps, Noise2Self          27.36   28.06
    4000 steps, Noise2Void          27.23   27.94
    4000 steps, PN2V                27.01   27.56
    8000 steps, Noise2Void          27.45   28.26
    with `--method.augment True`    27.62   28.50
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
