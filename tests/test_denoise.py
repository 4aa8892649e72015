"""A file of noisy images: what its noise is, which method is taken, and what is written."""

import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from unsup_jax.core import Measurement
from unsup_jax.data.phantoms import nuclei
from unsup_jax.denoise import choose, denoise_files, noise_of
from unsup_jax.errors import InputError
from unsup_jax.methods import Noise2Void, Stabilized, Stacked
from unsup_jax.methods.stacked import best_weight
from unsup_jax.noise import Gaussian, PoissonGaussian
from unsup_jax.operators import Identity

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")
