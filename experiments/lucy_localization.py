"""Super-resolution of single frames of blinking molecules along simulated filaments, by Richardson-Lucy on a grid finer than the camera's.

python -m experiments run lucy_localization

A second; 29.94 dB.
"""

from unsup_jax.data import Data, Phantoms
from unsup_jax.experiment import Experiment
from unsup_jax.methods import RichardsonLucy
from unsup_jax.modalities import LocalizationMicroscope

EXPERIMENT = Experiment(
    data=Data(source=Phantoms("filaments", count=4, shape=(128, 128)), patch=None),
    modality=LocalizationMicroscope(finer=2),
    method=RichardsonLucy(steps=50),
)
