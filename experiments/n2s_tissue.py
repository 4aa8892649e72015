"""Noise2Self from one noisy micrograph of stained tissue, on grids, with full-image inference.

python -m experiments run n2s_tissue

About 2 minutes on 2 CPU cores; 26.91 dB, from 16.73 (Noise2Void 26.94).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import Noise2Self

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=Noise2Self(optimizer=Adam(learning_rate=2e-3)), references=())
