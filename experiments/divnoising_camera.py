"""DivNoising of a photograph with white noise of known sigma 25.

python -m experiments run divnoising_camera

2 minutes on 2 CPU cores; 29.07 dB, from 20.06 (one draw 25.43, Noise2Void 30.78); the 90 % intervals of 32 draws cover 95 %.
beta is one half: better than one at this length of training (on the tissue 26.38 against 25.10 dB).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import DivNoising

from .n2v_camera import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=DivNoising(beta=0.5, optimizer=Adam(learning_rate=2e-3)), train=replace(N2V.train, steps=1400), references=())
