"""The vocabulary: operator, measurement, method. It knows nothing of any method, network or instrument."""

from unsup_jax.core.measurement import Measurement, Scale
from unsup_jax.core.method import Direct, Learned, LearnedState, Method
from unsup_jax.core.operator import Composition, LinearOperator, Operator, Restricted, Views
from unsup_jax.core.optimizer import Adam, Trained, mean_over_replicas, sample_keys

__all__ = [
    "Adam", "Composition", "Direct", "Learned", "LearnedState", "LinearOperator", "Measurement", "Method", "Operator",
    "Restricted", "Scale", "Trained", "Views", "mean_over_replicas", "sample_keys",
]
