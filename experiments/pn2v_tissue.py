"""Probabilistic Noise2Void from one noisy micrograph of stained tissue, with the camera's noise model.

python -m experiments run pn2v_tissue

About 4 minutes on 2 CPU cores; 26.89 dB, from 16.73 (Noise2Void 26.94).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import PN2V

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=PN2V(fraction=0.03, radius=2, optimizer=Adam(learning_rate=2e-3)), references=())
