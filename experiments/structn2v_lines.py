"""structN2V on filaments under noise that runs along the rows, which Noise2Void keeps.

python -m experiments run structn2v_lines

4 minutes on 2 CPU cores; 29.73 dB, from 20.91 (Gaussian filter 24.72, Noise2Void 21.84).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import GaussianFilter, Noise2Void
from unsup_jax.modalities import LineScanner
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=8, shape=(192, 192)), augment=False),
    modality=LineScanner(),
    method=Noise2Void(structure=(0, 8), fraction=0.01, optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=800, batch=8, checkpoint_every=200),
    references=(GaussianFilter(2.0), Noise2Void(fraction=0.03, kappa="mean", radius=2)),
)
