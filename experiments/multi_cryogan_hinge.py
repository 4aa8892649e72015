"""Conformations of a particle with two bending arms from projections at unknown orientations, each of an angle of its own: multi-cryoGAN
beside cryoGAN, whose one volume is to stand for all of them.

python -m experiments run multi_cryogan_hinge

Three to four minutes of one CPU core each, at 16^3 voxels and SNR 10. Correlation of the volume of cryoGAN, and of the nearest of 36 samples of
multi-cryoGAN, with nine true conformations, each volume brought onto each truth over rotations and the mirror:

                       1     2     3     4     5     6     7     8     9    mean
    cryoGAN          .830  .915  .932  .904  .885  .911  .884  .865  .839   .885
    multi-cryoGAN    .909  .920  .937  .968  .962  .961  .897  .954  .931   .937

With three seeds of the training, the means are .937, .924 and .943 (cryoGAN .885, .864 and .854), and 26 of the 27 single ones are above; the
other one, at the first angle, is .007 below. The nearest sample is found with the truth, and particles of these nine angles are among those
that both learn from. The series of samples along their first component bends its arms, but not in the order of the angle alone.
"""

from unsup_jax.data import Data, Hinge
from unsup_jax.evaluate import Conformations
from unsup_jax.experiment import Experiment
from unsup_jax.losses.games import R1, R2
from unsup_jax.methods import CryoGAN, MultiCryoGAN
from unsup_jax.modalities import ElectronMicroscope
from unsup_jax.networks import ConvCritic
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Hinge(grid=9, count=496), patch=None, augment=False, dimensions=3, validation=0, test=9 / 505),
    modality=ElectronMicroscope(projections=8, snr=10.0, defocus_angstrom=None),
    method=MultiCryoGAN(),
    train=Train(steps=2500, batch=32, checkpoint_every=1000, validation_batches=1, use="latest"),
    references=(CryoGAN(critic=ConvCritic(width=32, depth=3), regularizers=(R1(0.1), R2(0.1))),),
    analysis=Conformations(),
)
