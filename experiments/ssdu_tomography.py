"""SSDU in few-view tomography of simulated nuclei: detector pixels are held out.

python -m experiments run ssdu_tomography

6 minutes on 2 CPU cores; 34.30 dB (filtered back-projection 24.11, conjugate gradients 30.26, total variation 35.03,
supervised 34.66).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.losses import Split
from unsup_jax.methods import SSDU, ConjugateGradient, FilteredBackProjection, Supervised
from unsup_jax.networks import ResNet, Unrolled
from unsup_jax.train import Train

from .tv_tomography import EXPERIMENT as TV

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=40, shape=(64, 64)), patch=None, test=0.1),
    modality=TV.modality,
    method=SSDU(
        network=Unrolled(regularizer=ResNet(depth=3, width=24)),
        split=Split(fraction=0.3, selection="uniform", protected=0), masks=0, optimizer=Adam(learning_rate=1e-3),
    ),
    train=Train(steps=300, batch=4, checkpoint_every=100, validation_batches=1),
    references=(FilteredBackProjection(window="hann"), ConjugateGradient(steps=10), TV.method, Supervised()),
)
