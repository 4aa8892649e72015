"""RARE from pairs of undersampled radial acquisitions of simulated brain slices, each of golden spokes of its own.

python -m experiments run rare_mri

"""

from dataclasses import replace

from experiments.n2n_mri import EXPERIMENT as N2N_MRI
from unsup_jax.core import Adam
from unsup_jax.methods import RARE, ConjugateGradient, ProximalGradient
from unsup_jax.networks import DnCNN
from unsup_jax.priors import Wavelet

EXPERIMENT = replace(
    N2N_MRI, modality=replace(N2N_MRI.modality, sampling="golden spokes"),
    method=RARE(network=DnCNN(depth=8, width=32), optimizer=Adam(learning_rate=1e-3)),
    references=(ConjugateGradient(steps=5), ProximalGradient(prior=Wavelet(8e-3, cycle_spin=True), steps=60)),
)
