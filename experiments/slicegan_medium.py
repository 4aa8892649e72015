"""Volumes of a medium of two phases from unpaired slices of it: sliceGAN, beside slices that are stacked and know nothing of each other.

python -m experiments run slicegan_medium

5 minutes of one CPU core. The phases fill 0.392 of the data's slices and 0.392 of the volumes, 32^3. The two-point correlation is off by 7 % across the
slices, along the axis that no slice shows, where that of independent slices is off by 28 %; along them by 10 % (3 %), where it decays too slowly. Shapes
are those of the data; their edges are rougher, and a few voxels are grey.

On one image of porous silver, of which every sixth pixel is taken, `--data.path silver.tif --data.unpaired silver.tif --train.steps 500`: a volume
fraction of 0.721 of 0.715, and 13 % across the slices, where independent ones have 28 %; 12 % along them (4 %).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import TwoPoint
from unsup_jax.experiment import Experiment
from unsup_jax.methods import SliceGAN, StackedSlices
from unsup_jax.modalities import Camera
from unsup_jax.networks import ConvCritic, VolumeGenerator
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("medium", count=64, shape=(128, 128)), patch=32),
    modality=Camera(),
    method=SliceGAN(
        generator=VolumeGenerator(width=8, depth=4), critic=ConvCritic(width=16, depth=3), n_critic=2,
        generator_optimizer=Adam(1e-3, b1=0.5, b2=0.99, average=0.99), critic_optimizer=Adam(1e-3, b1=0.5, b2=0.99),
    ),
    train=Train(steps=1000, batch=16, validation_batches=1, use="latest"),
    references=(StackedSlices(),),
    analysis=TwoPoint(),
)
