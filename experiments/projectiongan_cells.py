"""The missing cone of diffraction tomography, filled in projections that are learnt from the measurements alone: ProjectionGAN of simulated cells.

python -m experiments run projectiongan_cells

2 minutes of one CPU core for the training, compilation apart. Two cells of 32^3 voxels that are not trained on, lit within 45 degrees, of
which 9 % of the Fourier coefficients are sampled (PSNR of the potential, dB, and SSIM):

    the first guess, Rytov's back-projection                       22.74   .614
    Gerchberg and Papoulis, 20 iterations and 100                  30.97   .878      30.62   .874
    total variation of weight .03 and .1, 100 iterations           34.00   .923      30.56   .841
    ProjectionGAN                                                  31.63   .878

So total variation, whose weight was seen with the truth, is above it, on cells that are nearly flat in pieces: ProjectionGAN adds .7 dB to
Gerchberg and Papoulis, and shows the vacuole as sharp as they do. Where the samples of the views were averaged into the nearest points of the
grid, as is usual, all were 4 to 8 dB lower, ProjectionGAN led (28.04, 26.15 of Gerchberg and Papoulis, 26.67 of total variation), and the
potential inside of a cell was 3 to 10 % too high: the neighbours of the zero frequency were 9 % too strong.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.evaluate import MissingCone
from unsup_jax.experiment import Experiment
from unsup_jax.methods import FirstGuess, GerchbergPapoulis, ProjectionGAN, ProximalGradient
from unsup_jax.modalities import ScanningTomograph
from unsup_jax.priors import TotalVariation
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("cells", count=14, shape=(48, 48, 48)), patch=None, augment=False, dimensions=3, validation=0, test=2 / 14),
    modality=ScanningTomograph(),
    method=ProjectionGAN(),
    analysis=MissingCone(),
    train=Train(steps=300, batch=1, checkpoint_every=300, validation_batches=1, use="latest"),
    references=(
        FirstGuess(), GerchbergPapoulis(steps=20), GerchbergPapoulis(steps=100),
        *(ProximalGradient(prior=TotalVariation(weight, nonnegative=True), steps=100) for weight in (0.01, 0.03, 0.1)),
    ),
)
