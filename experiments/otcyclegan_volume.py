"""3-D deconvolution of simulated nuclei behind an elongated blur, learnt from unpaired sharp volumes by networks of images.

python -m experiments run otcyclegan_volume

6 minutes of one CPU core, of which the method itself takes 3; 29.2 dB, from 24.0. Beside it (dB, of 6 volumes of 32^3):

    Wiener 27.7; told the true spectrum 27.9           total variation, the best weight of four on these volumes 30.7
    3-D Richardson-Lucy, stopped by held-out pixels 27.8; of 40 iterations, the best count of five on these volumes 28.9
    the simulated half of the cycle alone, as many steps: the mean of three passes 29.4
        slices across z alone 26.3, across y 29.0, across x 29.0; a network of volumes 29.4

So the three passes are better than each of them, and as good as a network of volumes; the slices along the optical axis do nearly all of it. The
critic pays nothing where H and the noise are known. Nuclei are nearly flat, which total variation is made for: it is ahead of all networks here,
which lose the dimmest nucleus.

On your own volumes, whole, with `--data.unpaired-levels matched` where the sharp ones are of another instrument:

    --data.path blurred.tif --data.axes ZYX --modality.psf psf.tif --data.unpaired sharp/ --train.steps 150

Two wide-field volumes of flowdec's, whose PSFs are as large as they are, each with 60 simulated volumes as the unpaired ones; 4 to 5 minutes of a core each:

    hollow bars of one voxel's walls, 32 x 64 x 64, against the truth (correlation; unpaired: bars along all axes)
        y .40            3-D Richardson-Lucy, stopped by held-out pixels .67; of 1000 iterations, the best of four counts by the truth .73
        Wiener .43; total variation, the best of three weights .50          the simulated half alone, 150 steps .74
        OT-cycleGAN, 150 steps .39; 220 steps with --method.cycle-y 1 --method.adversarial 0.003 --method.generator-optimizer.learning-rate 3e-3 .72
    a bead's middle, 48^3 of .64 x .258 x .258 um, of 2.5 um by Richardson-Lucy in the plane (full widths at half maximum, um, axial and in the
    plane, and the misfit of H x^ over the deviation of y; unpaired: filled spheres of 1.5 to 3.5 um; critics of each axis, 100 steps)
        y 4.6, 2.7, .80  Richardson-Lucy, held-out pixels 4.5, 2.5, .27     the simulated half 4.0, 2.7, 1.00                OT-cycleGAN 2.3, 2.2, .39

So on the bars the half alone is as good as Richardson-Lucy at its best count, and the whole is so where the cycle of y leads less and the step is
longer, since walls are 27 times as bright as y. Those settings were found on this volume, and its x^ holds 8 % of the light of y: means of moduli make
little of what is sparse, and its grey levels are not to be trusted. The bead is a shell, of which the OT-cycleGAN makes the filled sphere that it was
shown: round, and less true to y than Richardson-Lucy.
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
        LEG, *(replace(LEG, network=G.clone(axes=(axis,))) for axis in range(3)), replace(LEG, network=OF_SLICES),
    ),
)
