"""Noise2Self on a photograph with white noise of sigma 25.

python -m experiments run n2s_camera

2 minutes on 2 CPU cores; 30.82 dB, from 20.06 (Noise2Void 30.78, BM3D with the true sigma 32.66).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import Noise2Self

from .n2v_camera import EXPERIMENT as N2V

EXPERIMENT = replace(
    N2V, method=Noise2Self(optimizer=Adam(learning_rate=1e-3)), references=(),
)
