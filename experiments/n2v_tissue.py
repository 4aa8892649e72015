"""Noise2Void from one noisy micrograph of stained tissue, scored beside its references: the default experiment.

python -m experiments run n2v_tissue

3 to 4 minutes on 2 CPU cores, of which 98 s train Noise2Void and 91 s the supervised reference. PSNR on the
scored half: noisy 16.73, Gaussian 26.37, median 24.90, plain BM3D 25.53, BM3D + VST 27.21, supervised 26.98,
Noise2Void 26.94 dB.
"""

from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, GaussianFilter, MedianFilter, Noise2Void, Supervised
from unsup_jax.modalities import Camera
from unsup_jax.noise import PoissonGaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Bundled("tissue", bin=1)),
    modality=Camera(noise=PoissonGaussian(gain=12.0, sigma=3.0)),
    method=Noise2Void(fraction=0.03, kappa="mean", radius=2, augment=True, optimizer=Adam(learning_rate=2e-3)),
    train=Train(steps=800, batch=4, checkpoint_every=250),
    references=(GaussianFilter(), MedianFilter(), BM3D(stabilize=False), BM3D(stabilize=True), Supervised()),
)
