"""DivNoising from one noisy micrograph of stained tissue, with the camera's noise model: many plausible images.

python -m experiments run divnoising_tissue

3 minutes on 2 CPU cores; 26.59 dB, from 16.73 (one draw 23.09, Noise2Void 26.88); the 90 % intervals of 32 draws cover 92 %.
"""

from dataclasses import replace

from experiments.n2v_tissue import EXPERIMENT as N2V
from unsup_jax.core import Adam
from unsup_jax.methods import DivNoising

EXPERIMENT = replace(N2V, method=DivNoising(beta=0.5, optimizer=Adam(learning_rate=2e-3)), references=())
