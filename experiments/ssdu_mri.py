"""SSDU on fourfold accelerated parallel MRI of simulated brain slices, beside compressed sensing and supervision.

python -m experiments run ssdu_mri

12 minutes on 2 CPU cores, 4 of which train SSDU; 33.90 dB (conjugate gradients 26.33, wavelets 31.63, naive eq. (18) 21.14,
supervised 34.21; total variation, which this piecewise smooth anatomy is made for, 36.07; weights tuned on the truth).
The lines shift from slice to slice: where all slices leave out the same ones, nothing is ever scored there, and SSDU stays
2 dB below supervision, and 1.8 further with a Gaussian hold-out. At `--modality.acceleration 6`: one mask 32.27,
`--method.masks 5` 32.24 dB; with `--train.steps 600 --train.use latest` 32.88 and 32.31: several masks a slice did not
help (one seed each; validation, on slices that hold little, would choose steps 300 and 200: 32.70, 32.12).
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
    method=SSDU(split=Split(selection="uniform"), optimizer=Adam(learning_rate=2e-3)),
    train=Train(steps=600, batch=2, checkpoint_every=100, validation_batches=6),
    references=(
        ConjugateGradient(steps=3), ProximalGradient(prior=Wavelet(6e-3, cycle_spin=True), steps=60),
        ProximalGradient(prior=TotalVariation(6e-3), steps=60), NaiveConsistency(), Supervised(),
    ),
)
