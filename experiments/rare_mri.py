"""RARE from pairs of undersampled radial acquisitions of simulated brain slices, each of golden spokes of its own.

python -m experiments run rare_mri

5 minutes on one CPU core; 37.61 dB (conjugate gradients 33.13, wavelets 38.43, both tuned on the truth).
tau and mu are small because they are parts of ||H||^2, which is that of the centre, where spokes are dense: the highest
frequencies weigh a hundredth of it.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import RARE, ConjugateGradient, ProximalGradient
from unsup_jax.networks import DnCNN
from unsup_jax.priors import Wavelet

from .n2n_mri import EXPERIMENT as N2N_MRI

EXPERIMENT = replace(
    N2N_MRI, modality=replace(N2N_MRI.modality, sampling="golden spokes"),
    method=RARE(
        network=DnCNN(depth=8, width=32), mu=3e-4, inversions=20, tau=0.03, iterations=40, optimizer=Adam(learning_rate=1e-3),
    ),
    train=replace(N2N_MRI.train, steps=300),
    references=(ConjugateGradient(steps=20), ProximalGradient(prior=Wavelet(5e-4, cycle_spin=True), steps=120)),
)
