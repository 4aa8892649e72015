r"""Split-half resolution: how far two independent halves of the data agree, ring by ring (FRC) or shell by shell (FSC).

One measurement is parted into two of the same mean and twice the variance whose noise is independent (`NoiseModel.halves`): photons by
a coin each, Gaussian noise by adding and subtracting as much again. The resolution is that of the correlation's fall below 1/7
(Rosenthal and Henderson, J. Mol. Biol. 333, 721 (2003)); what an estimator makes of both halves alike, such as its prior, correlates too.
"""

import jax
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.evaluate.resolution import Correlation, fourier_ring_correlation
from unsup_jax.losses.objective import Estimator


def split_halves(key: jax.Array, F: Estimator, one: Measurement) -> Correlation:
    """The correlation of F of two halves of the measurement, which costs two estimates; of its `pair` where it has one on the same operator.

    Raises `InputError` of a noise that cannot be parted.
    """
    if one.pair is not None and one.pair_operator is None:
        parts = [one, one.exchanged()]
    else:
        noise, first, second = one.noise.halves(key, one.y)
        parts = [one.replace(y=half, noise=noise) for half in (first, second)]
    return fourier_ring_correlation(*(np.asarray(F(part.replace(pair=None, truth=None))) for part in parts))
