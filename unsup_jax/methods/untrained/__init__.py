r"""Untrained networks: one measurement, no data set, and an image that a network of random parameters makes from a fixed z.

    min_theta ||y - H F_theta(z)||^2,    x^ = F_theta(z)

The prior is what F_theta makes easily. `DeepImagePrior` is all of them, by its network and when it stops; `DeepPhaseDecoder` fits what is not
known of H beside theta.
"""

from unsup_jax.methods.untrained.deep_image_prior import DeepImagePrior, Untrained
from unsup_jax.methods.untrained.deep_phase_decoder import DeepPhaseDecoder

__all__ = ["DeepImagePrior", "DeepPhaseDecoder", "Untrained"]
