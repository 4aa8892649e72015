"""3-D deconvolution of simulated nuclei behind an elongated blur, learnt from unpaired sharp volumes by networks of images.

python -m experiments run otcyclegan_volume
"""

from dataclasses import replace

from unsup_jax.data import Phantoms
from unsup_jax.losses import Simulation
from unsup_jax.methods import Composed, RichardsonLucy, VariableSplitting, Wiener
from unsup_jax.modalities import Blurred
from unsup_jax.networks import PatchCritic, SliceCritic, Slicewise, UNet
from unsup_jax.noise import Gaussian
from unsup_jax.priors import TotalVariation

from .otcyclegan_deconvolution import EXPERIMENT as IN_PLANE
from .otcyclegan_deconvolution import STEPS

OF_SLICES = UNet(width=8, depth=2, residual=True)
G = Slicewise(OF_SLICES, axes=(0, 1, 2), shared=False)
LEG = Composed(objective=Simulation(absolute=True), network=G, optimizer=STEPS)

EXPERIMENT = replace(
    IN_PLANE,
    data=replace(IN_PLANE.data, source=Phantoms("nuclei", count=206, shape=(32, 32, 32)), dimensions=3, patch=None, test=6 / 206),
    modality=Blurred(noise=Gaussian(2.0), psf_sigma=(3.0, 1.2, 1.2)),
    method=replace(IN_PLANE.method, generator=G, critic=SliceCritic(PatchCritic(width=16, depth=2), every=4)),
    train=replace(IN_PLANE.train, steps=400, batch=1, checkpoint_every=400),
    references=(
        Wiener(), Wiener(oracle=True), RichardsonLucy(steps=200, held_out=0.05), RichardsonLucy(steps=40),
        VariableSplitting(prior=TotalVariation(1e-3, nonnegative=True), steps=100),
        LEG, replace(LEG, network=Slicewise(OF_SLICES)), replace(LEG, network=Slicewise(OF_SLICES, axes=(1,))),
        replace(LEG, network=Slicewise(OF_SLICES, axes=(2,))), replace(LEG, network=OF_SLICES),
    ),
)
