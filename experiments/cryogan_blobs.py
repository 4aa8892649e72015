"""A volume of nine blobs from projections at unknown orientations, as noisy as they are strong: cryoGAN beside conjugate gradients,
which are told the orientations.

python -m experiments run cryogan_blobs

140 s of CPU time; correlation with the truth 0.936, of the truth's radial average 0.689, of conjugate gradients 0.990. FSC is 1/2 at
6.8 voxels, and at 5.0 of conjugate gradients. Particles have no CTF and lie in the middle of their images. Of a tenth of the
strength (`--modality.snr 0.1 --train.steps 800`) 0.826. Of the toy model of cryoDRGN's tests, two boxes, moved to the middle of 32^3
voxels (`--data.clean toy.mrc --train.steps 1500`) 0.919, of its radial average 0.514, and FSC 1/2 at 3.3 voxels, in 133 s. Of cryoDRGN's
hand, 64^3 voxels behind CTFs at -10 dB (`--data.clean hand.mrc --modality.snr 0.1 --modality.defocus-angstrom 15000 --train.steps 1500`), 0.657 and
FSC 1/2 at 6.0 voxels after 560 s, where conjugate gradients of known orientations have 0.757. Halves of the particles, 600 steps each (`--data.half odd`, then `even` with
`--analysis.half`), agree to 5.6 voxels by FSC .143. Particles are read from the disk where they are more than 512 MB: a run of 40 000 of 64^2
pixels peaks at 0.79 GB of memory, and of 120 000 at 0.90.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import Specimen
from unsup_jax.experiment import Experiment
from unsup_jax.methods import ConjugateGradient, CryoGAN
from unsup_jax.modalities import ElectronMicroscope
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("blobs", count=1, shape=(32, 32, 32)), patch=None, augment=False, dimensions=3, validation=0),
    modality=ElectronMicroscope(projections=4096, snr=1.0, defocus_angstrom=None),
    method=CryoGAN(),
    train=Train(steps=1000, batch=32, checkpoint_every=500, validation_batches=1, use="latest"),
    references=(ConjugateGradient(steps=10),),
    analysis=Specimen(),
)
