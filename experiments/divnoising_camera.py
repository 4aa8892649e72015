"""DivNoising of a photograph with white noise of known sigma 25.

python -m experiments run divnoising_camera
"""

from dataclasses import replace

from experiments.n2v_camera import EXPERIMENT as N2V
from unsup_jax.core import Adam
from unsup_jax.methods import DivNoising

EXPERIMENT = replace(N2V, method=DivNoising(beta=0.5, optimizer=Adam(learning_rate=2e-3)), references=())
