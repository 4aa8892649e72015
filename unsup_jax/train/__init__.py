"""The drivers of a method: `fit` over a data set, `solve` on one measurement."""

from unsup_jax.errors import NonFinite
from unsup_jax.train.fit import Train, fit
from unsup_jax.train.solve import Solver, iterate, solve

__all__ = ["NonFinite", "Solver", "Train", "fit", "iterate", "solve"]
