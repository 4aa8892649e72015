"""SSDU on fourfold accelerated parallel MRI of simulated brain slices, beside compressed sensing and supervision.

python -m experiments run ssdu_mri

20 minutes on 2 CPU cores, 6 of which train SSDU; 31.15 dB (conjugate gradients 25.36, wavelets 29.45, naive eq. (18)
21.04, supervised 33.25). `--method.masks 5` is multi-mask SSDU; needs the extra `mri`, or `--data.clean`.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Brain, Data
from unsup_jax.experiment import Experiment
from unsup_jax.losses import Split
from unsup_jax.methods import SSDU, ConjugateGradient, NaiveConsistency, ProximalGradient, Supervised
from unsup_jax.modalities import Scanner
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation, Wavelet
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Brain(), patch=None, test=0.1),
    modality=Scanner(noise=Gaussian(4.0), sampling="shifted lines"),
    method=SSDU(split=Split(selection="uniform"), optimizer=Adam(learning_rate=2e-3)),
    train=Train(steps=300, batch=2, checkpoint_every=100, validation_batches=2),
    references=(
        ConjugateGradient(steps=4), ProximalGradient(prior=Wavelet(8e-3, cycle_spin=True), steps=60),
        ProximalGradient(prior=TotalVariation(8e-3), steps=60), NaiveConsistency(), Supervised(),
    ),
)
