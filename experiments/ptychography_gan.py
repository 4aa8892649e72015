"""Fourier ptychography of simulated phase objects from nine LEDs by a conditional GAN, beside the image of the central LED and an iteration.

python -m experiments run ptychography_gan

2 minutes on one CPU core; 22.18 dB of the amplitude, of the central LED's image 16.87, of the iteration 21.23; error of the complex
object (NMSE) 0.006, 0.108 and 0.024.

A real blood smear (225 LEDs, Zheng 2013; the file says wavelength and defocus). The iteration on all LEDs is the truth of the lower
half, which is trained on; of the upper one nine LEDs are seen and the same iteration scores:

SMEAR="--modality.positions spiral --modality.pitch-mm 4 --modality.height-mm 90.88 --modality.glass-mm 1
       --modality.numerical-aperture 0.1 --modality.pixel-size-um 1.845 --modality.coarser 3"
python -m experiments run gradient_ptychography --data.path bloodsmear_red.mat $SMEAR --method.steps 60 --with-references False --out runs/all
python -m experiments reconstruct runs/all bloodsmear_red.mat -o truth.tif
python -m experiments run ptychography_gan --data.path bloodsmear_red.mat --data.truth truth.tif $SMEAR --modality.part 32
       --modality.lit 9 --data.test 0.5 --data.validation 0 --train.steps 500

Two minutes; the amplitude's PSNR, scale and offset fitted to the truth's, 18.50 dB, of the central LED's image 17.55, of the iteration
on nine LEDs 17.34; SSIM 0.37, 0.14 and 0.09. Cells have their outlines again. Much of the rest is noise of the truth, with which the GAN's
amplitude falls below an FRC of one half sooner (at 17.6 pixels) than the others' (10.6 and 11.6).
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import FirstGuess, GradientDescent, PtychographyGAN
from unsup_jax.modalities import FourierPtychographicMicroscope
from unsup_jax.networks import PatchCritic, UNet
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=128, shape=(64, 64)), test=0.125, patch=None),
    modality=FourierPtychographicMicroscope(leds=3),
    method=PtychographyGAN(
        generator=UNet(depth=2, width=16, channels=2), critic=PatchCritic(width=16, depth=2),
        generator_optimizer=Adam(1e-3, b1=0.5, average=0.99), critic_optimizer=Adam(2e-4, b1=0.5),
    ),
    train=Train(steps=800, batch=4, checkpoint_every=400, validation_batches=1, use="latest"),
    references=(FirstGuess(), GradientDescent(steps=100)),
)
