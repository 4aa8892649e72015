"""Self2Self from one photograph of 256 x 256 pixels with white noise of sigma 25.

python -m experiments run self2self_camera

TODO
"""

from dataclasses import replace

from experiments.n2v_camera import EXPERIMENT as N2V
from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.methods import Self2Self
from unsup_jax.networks import PartialUNet
from unsup_jax.train import Train

EXPERIMENT = replace(
    N2V, data=Data(source=Bundled("camera", bin=2), patch=96, test=0),
    method=Self2Self(network=PartialUNet(width=24), p=0.2, optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=2500, batch=4, checkpoint_every=500, use="latest"),
)
