"""RARE from pairs of undersampled acquisitions of simulated brain slices.

python -m experiments run rare_mri

2 minutes on 2 CPU cores; 25.73 dB (conjugate gradients 24.95).
"""

from dataclasses import replace

from experiments.n2n_mri import EXPERIMENT as N2N_MRI
from unsup_jax.core import Adam
from unsup_jax.methods import RARE
from unsup_jax.networks import DnCNN

EXPERIMENT = replace(N2N_MRI, method=RARE(network=DnCNN(depth=8, width=32), optimizer=Adam(learning_rate=1e-3)))
