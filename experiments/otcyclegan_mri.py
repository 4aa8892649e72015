"""Accelerated MRI without paired images: an optimal-transport cycleGAN of k-space, of which every slice keeps lines of its own.

python -m experiments run otcyclegan_mri

Simulated brain slices of 48^2 pixels, a quarter of the lines; x are the images of other slices than those that are measured. 600 steps in
100 seconds of one CPU core, compilation apart. PSNR (dB) of 8 held-out slices, four coils, and one (`--modality.coils 1`):

                                                    4 coils   1 coil
    conjugate gradients, 5 steps                      24.63    21.55
    wavelets                                          28.52    22.27
    SSDU, which sees no image                         32.20    28.20
    supervised, squared error                         33.59    31.31
    supervised, absolute error                        34.19    31.54
    the simulated half of the cycle alone             34.03    31.42
    OT-cycleGAN                                       34.07    31.51

The same unrolled network learns in all rows. H and the noise are known, so that the unpaired images measured in simulation are worth what
pairs are; the critic and the cycle of y add .04 and .09 dB, which another seed might take. All slices are of one head: those of x are mainly
axial and coronal, those that are measured mainly sagittal. The weight of the wavelets and the steps of conjugate gradients were not searched.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Brain, Data
from unsup_jax.experiment import Experiment
from unsup_jax.losses import Simulation, Split, SupervisedError
from unsup_jax.losses.games import R1, R2, Relativistic
from unsup_jax.methods import SSDU, Composed, ConjugateGradient, CycleGAN, ProximalGradient, Supervised
from unsup_jax.methods.transport import Known
from unsup_jax.modalities import Scanner
from unsup_jax.networks import PatchCritic, ResNet, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.priors import Wavelet
from unsup_jax.train import Train

G = Unrolled(regularizer=ResNet(depth=3, width=16), unrolls=2, iterations=4)
STEPS = Adam(2e-3, b1=0.5, b2=0.99, warmup=20, average=0.98)

EXPERIMENT = Experiment(
    data=Data(source=Brain(count=300, planes=("axial", "coronal", "sagittal"), size=48), patch=None, test=8 / 300),
    modality=Scanner(noise=Gaussian(4.0), coils=4, sampling="shifted lines", centre=6),
    method=CycleGAN(
        generator=G, forward=Known(), critic=PatchCritic(width=16, depth=2), game=Relativistic(), regularizers=(R1(), R2()),
        adversarial=0.1, generator_optimizer=STEPS, critic_optimizer=Adam(2e-3, b1=0.5, b2=0.99, warmup=20),
    ),
    train=Train(steps=600, batch=2, validation_batches=1, use="latest"),
    references=(
        ConjugateGradient(steps=5), ProximalGradient(prior=Wavelet(6e-3, cycle_spin=True), steps=60),
        SSDU(network=G, split=Split(selection="uniform"), optimizer=STEPS),
        Composed(objective=Simulation(absolute=True), network=G, optimizer=STEPS), Supervised(network=G, optimizer=STEPS),
        Composed(objective=SupervisedError(absolute=True), network=G, optimizer=STEPS),
    ),
)
