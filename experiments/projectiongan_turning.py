"""Cells that turn by 100 degrees alone in front of a diffraction tomograph: what fills the missing wedge; and your own views of a turning cell.

python -m experiments run projectiongan_turning

2 minutes of one CPU core with the references. Two cells of 32^3 voxels that are not trained on, of which the columns are those of
`projectiongan_cells`:

                                                          PSNR    FSC, missing    bias      misfit (truth: .159)
    the first guess, Rytov's back-projection             23.62       0          -17.3 %     .000
    Gerchberg and Papoulis, 20 iterations (100)          29.58      .796         -7.2 %     .079          (28.04)
    total variation of weight .01, .03, .1: best .03     31.75      .905         -7.7 %     .105
    ProjectionGAN                                        29.35      .786         -9.2 %     .092

So here ProjectionGAN is no better than Gerchberg and Papoulis, of which it makes its projections; total variation is 2.4 dB above it.

On your own views: `--data.path series.h5 --modality.angles angles.txt`, which are brought onto the grid of the potential's Fourier coefficients;
`--modality.middle 112` takes the middle pixels, `--modality.arc-degrees 100` the views within that arc, `--data.truth index.tif` is a refractive
index to score against. `--method.views` should be 3/2 of the pixels or more, or filtered back-projection leaves streaks.

An HL60 cell (ODTbrain's series of qpimage, 140 views of 140^2 pixels; `--data.dimensions 3`): of its full turn Rytov's back-projection, Gerchberg
and Papoulis, and total variation agree in an index of 1.3545 inside. Of the middle 112 pixels (`run tv_diffraction --modality.gridded True
--modality.middle 112`, weight .002, 40 steps) it is 1.3509 in the middle and 1.356 to 1.357 around it: a nucleus of lower index than the cytoplasm,
as was published. Of the views within 100 degrees, against that volume, which is no truth (PSNR, FSC of the missing coefficients, bias):

    Rytov's back-projection                                              22.24      0       -5.1 %
    Gerchberg and Papoulis, 20 iterations                                24.10     .10      -3.4 %
    total variation of weight .01, 30 iterations                         23.91     .23      -3.2 %
    ProjectionGAN, 60 steps on this volume, 120 views, 4 shown           24.22     .11      -2.6 %

None of them fills the wedge: the section across the axis of rotation stays drawn out along it.

A cell simulated by finite differences in the time domain (ODTbrain's, 100 views of 376 pixels; `--data.path fdtd_real.txt --data.dimensions 2
--modality.defocus-um 0.5 --modality.wavelength-um 1 --modality.pixel-size-um 0.0769231 --modality.medium-index 1.333 --method.views 600`), against
its index, of a full turn and of 100 degrees; total variation of weight .03, the largest tried, ProjectionGAN after 300 steps on that one slice:

                                          full turn      100 degrees    FSC, missing    bias
    Rytov's back-projection                 24.67           18.62           0          -15.9 %
    Gerchberg and Papoulis, 20              24.81           22.65          .103         -5.1 %
    total variation                         25.30           24.11          .148         -3.0 %
    ProjectionGAN                                           23.01          .133         -3.2 %

Of the full turn nothing is missing, and Rytov's approximation is the limit: by it the truth itself misses the coefficients by .19.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import MissingCone
from unsup_jax.experiment import Experiment
from unsup_jax.methods import FirstGuess, GerchbergPapoulis, ProjectionGAN, ProximalGradient
from unsup_jax.modalities import DiffractionTomograph
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("cells", count=10, shape=(32, 32, 32)), patch=None, augment=False, dimensions=3, validation=0, test=2 / 10),
    modality=DiffractionTomograph(views=40, arc_degrees=100.0, gridded=True),
    method=ProjectionGAN(),
    analysis=MissingCone(),
    train=Train(steps=200, batch=1, checkpoint_every=200, validation_batches=1, use="latest"),
    references=(
        FirstGuess(), GerchbergPapoulis(steps=20), GerchbergPapoulis(steps=100),
        *(ProximalGradient(prior=TotalVariation(weight, nonnegative=True), steps=100) for weight in (0.01, 0.03, 0.1)),
    ),
)
