"""Noise2Void from one noisy image of fluorescent nuclei, scored beside its references: the default experiment.

python -m experiments run n2v_nuclei
"""

from unsup_jax.core import Adam
from unsup_jax.data import Bundled, Data
from unsup_jax.experiment import Experiment
from unsup_jax.methods import BM3D, GaussianFilter, MedianFilter, Noise2Void, Supervised
from unsup_jax.modalities import Camera
from unsup_jax.noise import PoissonGaussian
from unsup_jax.train import Train

EXPERIMENT = Experiment(
    data=Data(source=Bundled("nuclei", bin=3)),
    modality=Camera(noise=PoissonGaussian(gain=4.0, sigma=1.0)),
    method=Noise2Void(fraction=0.03, optimizer=Adam(learning_rate=2e-3)),
    train=Train(steps=1600, batch=4, checkpoint_every=200),
    references=(GaussianFilter(), MedianFilter(), BM3D(), BM3D(stabilize=True), Supervised()),
)
