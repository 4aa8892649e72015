"""Unsupervised MRI by a critic of measurements, on simulated brain slices of 48^2 pixels, beside SSDU and conjugate gradients.

python -m experiments run cole_mri

Two minutes of one CPU core that others share for its training of 800 steps; mean of 8 held-out slices, four coils, a quarter of the lines:

                                          PSNR (dB)    SSIM
    conjugate gradients, 5 steps            24.63      .566
    UnsupervisedMRI, 300 steps              27.50      .629
    UnsupervisedMRI, 800 steps              29.55      .685
    with UAIR's cycle, `--method.cycle 1`   30.04      .694
    SSDU, the same network, 300 steps       30.87      .691

The critic, which is told no place in k-space, learns more slowly what SSDU is told sample by sample: 3.4 dB below it after as many
steps, 1.3 dB after 800, .8 dB with the cycle.
Needs the extra `mri`, or `--data.clean`.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Brain, Data
from unsup_jax.experiment import Experiment
from unsup_jax.losses import Split
from unsup_jax.losses.games import R1, R2, Relativistic
from unsup_jax.methods import SSDU, ConjugateGradient, UnsupervisedMRI
from unsup_jax.modalities import Scanner
from unsup_jax.networks import ConvCritic, ResNet, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

UNROLLED = Unrolled(regularizer=ResNet(depth=3, width=16), unrolls=2, iterations=4)

EXPERIMENT = Experiment(
    data=Data(source=Brain(count=300, planes=("axial", "coronal", "sagittal"), size=48), patch=None, test=8 / 300),
    modality=Scanner(noise=Gaussian(4.0), coils=4, sampling="shifted lines", centre=6),
    method=UnsupervisedMRI(
        generator=UNROLLED, critic=ConvCritic(width=16, depth=2), game=Relativistic(), regularizers=(R1(1.0), R2(1.0)),
        generator_optimizer=Adam(2e-3, b1=0.0, b2=0.99, average=0.98), critic_optimizer=Adam(2e-3, b1=0.0, b2=0.99),
    ),
    train=Train(steps=800, batch=2, validation_batches=1, use="latest"),
    references=(ConjugateGradient(steps=5), SSDU(network=UNROLLED, split=Split(selection="uniform"), optimizer=Adam(2e-3))),
)
