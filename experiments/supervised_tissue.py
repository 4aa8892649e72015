"""Supervised learning on the data of the default experiment, from the part that is not scored.

python -m experiments run supervised_tissue

About 90 s on 2 CPU cores; 26.98 dB, from 16.73.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import Supervised

from .n2v_tissue import EXPERIMENT as N2V

EXPERIMENT = replace(N2V, method=Supervised(optimizer=Adam(learning_rate=2e-3)), references=())
