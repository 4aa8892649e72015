"""Games of two players: what a critic and a generator pay, what keeps the critic smooth, what it sees augmented, and what it sees again."""

from unsup_jax.losses.games.augmentation import ADA, Augmentation, DiffAugment, Mirror
from unsup_jax.losses.games.divergences import (
    KL, Alpha, Divergence, Jeffrey, JensenShannon, Minimax, Neyman, Pearson, ReverseKL, SquaredHellinger, TotalVariation, WeightedJS,
)
from unsup_jax.losses.games.game import Game, Hinge, LeastSquares, NonSaturating, Relativistic, Wasserstein
from unsup_jax.losses.games.regularizers import R1, R2, Clip, GradientPenalty, Regularizer, SpectralNorm, square_of_gradient
from unsup_jax.losses.games.replay import Pool, Replay

__all__ = [
    "ADA", "Alpha", "Augmentation", "Clip", "DiffAugment", "Divergence", "Game", "GradientPenalty", "Hinge", "Jeffrey", "JensenShannon",
    "KL", "LeastSquares", "Minimax", "Mirror", "Neyman", "NonSaturating", "Pearson", "Pool", "R1", "R2", "Regularizer", "Relativistic",
    "Replay", "ReverseKL", "SpectralNorm", "SquaredHellinger", "TotalVariation", "Wasserstein", "WeightedJS", "square_of_gradient",
]
