"""Self2Self from one photograph of 256 x 256 pixels with white noise of sigma 25.

python -m experiments run self2self_camera

3 minutes on 2 CPU cores; 27.78 dB, from 20.13 (BM3D 30.23): a CPU's steps are too few for the dropout of the paper.
"""

from dataclasses import replace

from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.methods import Self2Self
from unsup_jax.networks import PartialUNet
from unsup_jax.train import Train

from .n2v_camera import EXPERIMENT as N2V

EXPERIMENT = replace(
    N2V, data=Data(source=Bundled("camera", bin=2), patch=96, test=0),
    method=Self2Self(network=PartialUNet(depth=3, width=32, dropout=0.03), p=0.2, optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=800, batch=4, checkpoint_every=200, use="latest"),
)
