"""Games of two players: what a critic and a generator pay, what keeps the critic smooth, and what it sees augmented."""

from unsup_jax.losses.games.augmentation import ADA, Augmentation, DiffAugment, Mirror
from unsup_jax.losses.games.divergences import (
    KL, Alpha, Divergence, Jeffrey, JensenShannon, Minimax, Neyman, Pearson, ReverseKL, SquaredHellinger, TotalVariation, WeightedJS,
)
from unsup_jax.losses.games.game import Game, Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from unsup_jax.losses.games.regularizers import R1, R2, Clip, GradientPenalty, Regularizer, SpectralNorm, square_of_gradient

__all__ = [
    "ADA", "Alpha", "Augmentation", "Clip", "DiffAugment", "Divergence", "Game", "GradientPenalty", "Hinge", "Jeffrey", "JensenShannon",
    "KL", "LeastSquares", "Minimax", "Mirror", "Neyman", "NonSaturating", "Pearson", "R1", "R2", "Regularizer", "Relativistic",
    "ReverseKL", "SpectralNorm", "SquaredHellinger", "TotalVariation", "Wasserstein", "WeightedJS", "square_of_gradient",
]
