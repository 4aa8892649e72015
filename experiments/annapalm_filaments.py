"""Simulated filaments from few of their localisations and a wide-field image by ANNA-PALM, beside the best Gaussian blur of the localisations.

python -m experiments run annapalm_filaments

5 minutes on one CPU core; 25.18 dB and SSIM 0.87 from 370 localisations an image, of the best blur 22.30 and 0.73 (0.78 of the width of
1.5 pixels, whose PSNR is 22.04). The blur's width is the best by the truth of 1, 1.5, 2, 2.5, 3 and 4 pixels.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import AnnaPalm, GaussianFilter
from unsup_jax.modalities import LocalizationCounts
from unsup_jax.networks import PatchCritic, UNet
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=64, shape=(128, 128)), test=0.125, patch=64),
    modality=LocalizationCounts(),
    method=AnnaPalm(
        generator=UNet(depth=3, width=16, channels=1), critic=PatchCritic(width=16, depth=2),
        generator_optimizer=Adam(1e-3, b1=0.5, average=0.99), critic_optimizer=Adam(5e-4, b1=0.5),
    ),
    train=Train(steps=800, batch=4, checkpoint_every=400, validation_batches=1, use="latest"),
    references=(GaussianFilter(2.0),),
)
