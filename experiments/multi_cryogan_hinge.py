"""Conformations of a particle with a hinge from projections at unknown orientations, each of an angle of its own: multi-cryoGAN beside
cryoGAN, whose one volume is to stand for all of them.

python -m experiments run multi_cryogan_hinge
"""

from unsup_jax.data import Data, Hinge
from unsup_jax.evaluate import Conformations
from unsup_jax.experiment import Experiment
from unsup_jax.methods import CryoGAN, MultiCryoGAN
from unsup_jax.modalities import ElectronMicroscope
from unsup_jax.networks import ConvCritic
from unsup_jax.train import Train

CRITIC = ConvCritic(width=16, depth=3)
EXPERIMENT = Experiment(
    data=Data(source=Hinge(grid=9, count=496, largest_angle=1.4), patch=None, augment=False, dimensions=3, validation=0, test=9 / 505),
    modality=ElectronMicroscope(projections=8, snr=2.0, defocus_angstrom=None),
    method=MultiCryoGAN(critic=CRITIC),
    train=Train(steps=1200, batch=32, checkpoint_every=1000, validation_batches=1, use="latest"),
    references=(CryoGAN(critic=CRITIC),),
    analysis=Conformations(),
)
