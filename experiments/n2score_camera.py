"""Noise2Score on a photograph with white noise of sigma 25.

python -m experiments run n2score_camera

2 minutes on 2 CPU cores; 30.78 dB, from 20.06 (Noise2Void 30.78, BM3D with the true sigma 32.66). Not told sigma, it
finds 24.5.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import Noise2Score

from .n2v_camera import EXPERIMENT as N2V

EXPERIMENT = replace(
    N2V, method=Noise2Score(optimizer=Adam(learning_rate=1e-3)), references=(),
)
