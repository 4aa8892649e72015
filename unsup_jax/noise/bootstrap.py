"""The noise of images without a calibration, from the images themselves."""

from functools import partial

import numpy as np
from jax import Array

from unsup_jax.noise.base import NoiseModel
from unsup_jax.noise.histogram import Histogram
from unsup_jax.noise.mixture import GaussianMixture


def bootstrap(key: Array, noisy: np.ndarray, denoised: np.ndarray, *, mixture: bool = True) -> NoiseModel:
    """The noise model of images from themselves and their denoised estimates, taken for signals."""
    fit = partial(GaussianMixture.fit, key) if mixture else Histogram.fit
    return fit(np.asarray(noisy), np.asarray(denoised))
