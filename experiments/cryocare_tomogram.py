"""cryo-CARE: tomograms of the even and the odd tilts of a simulated series with a missing wedge.

python -m experiments run cryocare_tomogram

7 minutes on 2 CPU cores, 42 s on an H100; 25.85 dB and a Fourier shell correlation of 1/2 at 3.20 pixels, from 24.08 dB and 4.44
pixels of the tomograms (Gaussian filter 25.15, 4.37); what the wedge leaves out stays out.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import GaussianFilter, Noise2Noise
from unsup_jax.modalities import Tomogram
from unsup_jax.networks import UNet
from unsup_jax.noise import Gaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("nuclei", count=4, shape=(64, 64, 64)), dimensions=3, patch=32, test=0.25, augment=False),
    modality=Tomogram(noise=Gaussian(150.0)),
    method=Noise2Noise(symmetric=True, network=UNet(width=16), optimizer=Adam(learning_rate=1e-3)),
    train=Train(steps=300, batch=2, checkpoint_every=100),
    references=(GaussianFilter(1.5),),
)
