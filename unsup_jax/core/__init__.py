"""The vocabulary: operator, measurement, method. It knows nothing of any method, network or instrument."""

from unsup_jax.core.family import Among, Drawn, Family, Own, Redrawn
from unsup_jax.core.gradients import mean_gradient, mean_loss
from unsup_jax.core.measurement import Measurement, Scale
from unsup_jax.core.method import Direct, Learned, LearnedState, Method
from unsup_jax.core.operator import Composition, Diagonal, LinearOperator, Operator, Restricted, Slices, Views
from unsup_jax.core.optimizer import SGD, Adam, Lion, Optimizer, RMSProp, Trained, all_replicas, mean_over_replicas, moving_average, own_share, sample_keys
from unsup_jax.core.takes import ANYTHING, FINER_PIXELS, IMAGES, LINEAR, REAL_IMAGES, REAL_LINEAR, SAME_PIXELS, Takes

__all__ = [
    "ANYTHING", "FINER_PIXELS", "IMAGES", "LINEAR", "REAL_IMAGES", "REAL_LINEAR", "SAME_PIXELS", "Takes",
    "SGD", "Adam", "Among", "Composition", "Diagonal", "Direct", "Drawn", "Family", "Learned", "LearnedState", "LinearOperator", "Lion", "Measurement",
    "Method", "Operator", "Optimizer", "Own", "RMSProp", "Redrawn", "Restricted", "Scale", "Slices", "Trained", "Views", "all_replicas",
    "mean_gradient", "mean_loss", "mean_over_replicas", "moving_average", "own_share", "sample_keys",
]
