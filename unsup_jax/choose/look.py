"""What a file is looked at for before anything is made of it: its noise, and whether there is anything but noise in it."""

from dataclasses import dataclass, replace

import jax
import jax.numpy as jnp
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods.unknown_noise import estimated_noise
from unsup_jax.noise import NoiseModel, PoissonGaussian, estimate_poisson_gaussian
from unsup_jax.noise.correlation import CORRELATED, neighbour_correlation
from unsup_jax.trust import saturated

REACH = 3            # pixels, of noise that neighbours share
_LEAST = 1e-3        # of the deviation of the data, is the noise that they have at least
_CUT = 0.2           # of the pixels, that may be saturated
_CERTAIN = 5         # standard errors of the noise's power, by which a signal exceeds it


@dataclass(frozen=True)
class Noise:
    """What was found of the noise of a measurement."""

    model: NoiseModel
    """Gain, read-out noise and offset of each channel, or what the file says; of complex data the deviation of a sample."""
    correlation: np.ndarray | None = None
    """Of neighbouring pixels along Y and X; NaN where signal hides it, None of data that are no image."""

    @property
    def shared(self) -> bool:
        """Whether neighbouring pixels have noise in common."""
        return self.correlation is not None and bool(np.any(self.correlation > CORRELATED))

    @property
    def words(self) -> str:
        """In a line."""
        gain, sigma, offset = self.model.camera()
        level = f"read-out noise {_number(sigma)}" if self.correlation is not None else f"deviation {_number(sigma)}"
        if np.any(np.asarray(gain) > 0):
            level = f"photon noise of gain {_number(gain)} above {_number(offset)}, and {level}"
        if self.correlation is None:
            return level
        if np.isnan(self.correlation).all():
            return f"{level}; whether neighbouring pixels share it is hidden by the image"
        along = ", ".join(f"{rho:.2f} along {axis}" for rho, axis in zip(self.correlation, "YX") if not np.isnan(rho))
        return f"{level}; neighbouring pixels {'share it' if self.shared else 'are independent'} ({along})"


def _number(value):
    """A number, or one for each channel; of many, their mean."""
    values = np.ravel(value)
    return " / ".join(f"{v:.3g}" for v in (values if len(values) <= 4 else [values.mean()]))


def camera_of(y: np.ndarray) -> PoissonGaussian:
    """The noise of each channel of an image or a volume [*S, C]."""
    cameras = np.array([estimate_poisson_gaussian(y[..., c, None]) for c in range(y.shape[-1])], np.float32).T
    return PoissonGaussian(*(jnp.asarray(of.reshape(*(1,) * (y.ndim - 1), -1)) for of in cameras))


def noise_of(y: np.ndarray) -> Noise:
    """The noise of an image [*S, C], of each channel by itself."""
    return Noise(camera_of(y), neighbour_correlation(y))


def nowhere_negative(one: Measurement, noise: Noise) -> bool:
    """Whether data fall no further below zero than their noise takes them."""
    return float(np.min(np.asarray(one.y))) > -5 * float(np.sqrt(np.max(np.asarray(noise.model.variance(0 * one.y)))))


def noise_of_measurement(one: Measurement) -> Noise:
    """The noise of data of a linear operator: what the file says, else estimated, and at least a thousandth of their deviation.

    Raises `InputError` on data that are not finite, that are cut at their greatest value, and in which nothing but noise is seen.
    """
    y, H = np.asarray(one.y), one.operator
    if not np.isfinite(y).all():
        raise InputError("the data hold values that are NaN or infinite")
    image = not np.iscomplexobj(y) and H.stationary
    if image and (part := saturated(y)[0]) > _CUT:
        raise InputError(f"{part:.0%} of the pixels have the greatest value, at which grey levels are cut; nothing can be said of what is behind it")
    found = Noise(one.noise) if one.noise is not None else _estimated(one, image)
    v = np.asarray(found.model.variance(jnp.asarray(y)))
    if np.iscomplexobj(y):
        there = np.broadcast_to(np.asarray(H.measured(one.y)) > 0, y.shape)
        power, noise, count = np.mean(np.abs(y[there]) ** 2), v[there].mean(), there.sum()
    else:                                                                        # of blocks, in which a signal stays and noise does not
        means = _blocks(y)
        power, noise, count = np.var(means), v.mean() * means.size / y.size, means.size
    if not power > noise * (1 + _CERTAIN * np.sqrt(2 / count)):
        raise InputError("nothing but noise is seen in the data: there is nothing to reconstruct")
    least = np.float32(_LEAST * np.std(y))
    gain, sigma, _ = found.model.camera()
    return found if np.any(np.asarray(gain) > 0) or np.any(np.asarray(sigma) > least) else replace(
        found, model=found.model.replace(sigma=jnp.maximum(jnp.asarray(sigma), least)))


def _blocks(y):
    """The means of blocks of 4 pixels each way."""
    for axis in range(y.ndim - 1):
        whole = y.shape[axis] - y.shape[axis] % 4
        if whole:
            y = np.moveaxis(y, axis, 0)[:whole]
            y = np.moveaxis(y.reshape(-1, 4, *y.shape[1:]).mean(1), 0, axis)
    return y


def _estimated(one, image):
    y = np.asarray(one.y)
    if np.iscomplexobj(y):
        return Noise(estimated_noise(jax.tree.map(lambda leaf: jnp.asarray(leaf)[None], one.only(()))))
    return noise_of(y) if image else Noise(camera_of(y))
