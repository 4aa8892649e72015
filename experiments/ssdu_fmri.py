"""Functional MRI, fivefold simultaneous multislice and twofold in-plane: multi-mask SSDU beside split-slice GRAPPA.

python -m experiments run ssdu_fmri

26 minutes on 2 CPU cores, 24 of which train SSDU, or 68 s on an H100. Median temporal SNR: split-slice GRAPPA 52.8, conjugate gradients 44.0, SSDU
68.9; voxels that follow the wedge: 82, 69, 120 of the truth's 341; PSNR 37.04, 34.90, 39.34 dB. (200 steps at half the learning
rate are too few: 34.34 dB, from a bias that does not change with time.) Needs the extra `mri`.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, FunctionalRun
from unsup_jax.evaluate import Functional
from unsup_jax.experiment import Experiment
from unsup_jax.losses import Split
from unsup_jax.methods import SSDU, ConjugateGradient, SliceGRAPPA
from unsup_jax.modalities import MultisliceScanner, Paradigm
from unsup_jax.networks import ResNet, Slicewise, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

PARADIGM = Paradigm()
EXPERIMENT = Experiment(
    data=Data(source=FunctionalRun(PARADIGM), dimensions=3, patch=None, test=0),
    modality=MultisliceScanner(noise=Gaussian(1.5)),
    method=SSDU(
        network=Unrolled(Slicewise(ResNet(depth=5, width=32)), unrolls=5, iterations=10), masks=5, split=Split(0.4, "uniform"),
        optimizer=Adam(learning_rate=2e-3),
    ),
    train=Train(steps=600, batch=2, checkpoint_every=100, validation_batches=2),
    references=(SliceGRAPPA(acceleration=2, damping=1e-2), ConjugateGradient(steps=25)),
    analysis=Functional(PARADIGM),
)
