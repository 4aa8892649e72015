"""Non-local means of one noisy micrograph of stained tissue.

python -m experiments run nlm_tissue

A second; 24.27 dB, from 16.73.
"""

from dataclasses import replace

from unsup_jax.methods import NonLocalMeans

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=NonLocalMeans(), references=())
