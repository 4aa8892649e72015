r"""A finished run in the place of a denoiser: the prior of any iteration for eq. (2), and of any sampler of p(x | y).

    D(x, sigma) = what the run's method makes of x as an image in white noise of deviation sigma

    PlugAndPlay(Run("runs/score")), RED(Run("runs/dncnn")), PosteriorSampling(Run("runs/score")), CSGM(Run("runs/gan"))

A score model is told sigma; a method that learnt one level of noise denoises as it learnt, whatever sigma is. The units of grey are those of
the run's images.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
import numpy as np
from jax import Array

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity
from unsup_jax.runs import experiment_of, load_trained


@dataclass(frozen=True)
class Run:
    """x, sigma -> D(x, sigma), of the run in a folder.

    Where it is used it raises `InputError` on a folder that is no finished run of one experiment, on a method that is not trained, and on
    images that it does not take.
    """

    folder: str
    """The run's folder."""

    @property
    def method(self) -> Any:
        """What was trained, of which nothing is computed."""
        return experiment_of(Path(self.folder))[1].method

    def __call__(self, x: Array, sigma: Array) -> Array:
        method, state = self._opened(None)
        one = Measurement(x, Identity(), Gaussian(sigma))
        method.require(one)
        return method.reconstruct(jax.random.key(0), state, one)

    def denoiser(self) -> Any:
        """D of a score model, as samplers of p(x | y) take it. Raises `InputError` of a run of another method."""
        method, state = self._opened("denoiser")
        return method.denoiser(state)

    def generative(self) -> Any:
        """G of a GAN, as CSGM takes it. Raises `InputError` of a run of another method."""
        method, state = self._opened("generative")
        return method.generative(state)

    def in_units(self, unit: Array) -> Callable[[Array, Array], Array]:
        """The same of images that are counted in units of so many grey levels."""
        return lambda x, sigma: self(unit.astype(x.dtype) * x, unit * sigma) / unit.astype(x.dtype)

    def _opened(self, asked):
        return opened(str(Path(self.folder).resolve()), asked)


_WANTED = {
    "denoiser": "which is told no level of noise; draws of x given y take a score model, such as that of score_denoising",
    "generative": "which makes no images of latents; such a prior is a GAN, such as that of gan_nuclei",
}


def require(folder: str, method: Any, asked: str | None) -> None:
    """Raise `InputError` unless a run's method has what is `asked` of a prior: of None, that it denoises an image by itself."""
    if asked is None and (method.scope == "measurement" or not method.reconstructs or method.reads):
        raise InputError(f"{folder}: a run of {method.label}; a prior is a run of a trained method that denoises an image by itself")
    if asked is not None and getattr(method, asked, None) is None:
        raise InputError(f"{folder}: a run of {method.label}, {_WANTED[asked]}")


@lru_cache(maxsize=4)
def opened(folder: str, asked: str | None):
    """(method, state) of a run that is trained, and has what is `asked`. Raises `InputError` where it is not."""
    _, found = experiment_of(Path(folder))
    method = found.method
    require(folder, method, asked)
    with jax.ensure_compile_time_eval():                          # the first use may be inside of a trace
        state, _ = load_trained(method, found.train, Path(folder))
        return method, jax.tree.map(np.asarray, state)
