"""DnCNN with supervision, on a photograph with white noise of sigma 25.

python -m experiments run dncnn_camera

1 minute on 2 CPU cores; 29.66 dB, from 20.06, of the half of the photograph that it did not see (BM3D 32.66).
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.methods import Supervised
from unsup_jax.networks import DnCNN

from .n2v_camera import EXPERIMENT as N2V

EXPERIMENT = replace(
    N2V, method=Supervised(network=DnCNN(depth=12, width=48), optimizer=Adam(learning_rate=1e-3)), references=(),
)
