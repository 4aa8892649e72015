"""SSDU on fourfold accelerated parallel MRI of simulated brain slices, beside compressed sensing and supervision.

python -m experiments run ssdu_mri

18 minutes of one CPU core, or 40 s of an H100, a training, of which there are three, of 600 steps on 270 slices; 36.10 dB
(conjugate gradients 27.11, wavelets 31.36, total variation, which this piecewise smooth anatomy is made for, 35.07, weights tuned
on the truth; naive eq. (18) 21.19; supervised 35.07). With `--method.passes 0`, one estimate from all samples as published, 34.73 dB on an H100 and
33.94 on a CPU, which rounds otherwise and ends elsewhere.
The lines shift from slice to slice: where all slices leave out the same ones, nothing is ever scored there.
Needs the extra `mri`, or `--data.clean`.
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
    data=Data(source=Brain(count=300, planes=("axial", "coronal", "sagittal")), patch=None, test=8 / 300),
    modality=Scanner(noise=Gaussian(4.0), sampling="shifted lines"),
    method=SSDU(split=Split(selection="uniform"), passes=16, optimizer=Adam(learning_rate=2e-3)),
    train=Train(steps=600, batch=2, checkpoint_every=100, validation_batches=6),
    references=(
        ConjugateGradient(steps=3), ProximalGradient(prior=Wavelet(6e-3, cycle_spin=True), steps=60),
        ProximalGradient(prior=TotalVariation(6e-3), steps=60), NaiveConsistency(), Supervised(),
    ),
)
