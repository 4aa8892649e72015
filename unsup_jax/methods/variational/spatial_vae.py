r"""Spatial-VAE (Bepler et al., NeurIPS 2019; article, eqs. (24)-(26)): what is rotation and shift, and what is content.

    [phi, Delta t, z] = mu(y) + [s_phi, s_t, 1] sigma(y) u                       (26)
    x_i = G_theta(t_i R(phi) + Delta t, z)                                       (25), a decoder of coordinates t in [-1, 1]^2
    loss = -log p(y|x) + D_KL                                                    (20), with the priors N(0, s^2)

The mean of the angle is not charged, as in the authors' code, unless `charge_angle`: a rotation's prior is then uniform
about wherever it is found. Angles and shifts are those of the coordinates; the object turns the other way.

The encoder sees means of blocks of an image of more than `encoder_pixels`, the likelihood is of all pixels.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import LearnedState, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import normal_divergence
from unsup_jax.methods.variational.vae import VAE
from unsup_jax.networks import Autoencoder, CoordinateDecoder, DenseEncoder, Network


@dataclass(frozen=True)
class SpatialVAE(VAE):
    """Eqs. (24)-(26). Raises `InputError` on deviations that are not positive, and what `VAE` does."""

    reference: ClassVar[str] = "Bepler 2019, eqs. (24)-(26)"

    network: Network = Autoencoder(DenseEncoder(latents=5, depth=2), CoordinateDecoder())
    """F_phi with latents of an angle, a shift and a content, and G_theta over coordinates."""
    angle_deviation: float = float(np.pi)
    """s_phi, radians."""
    shift_deviation: float = 0.1
    """s_t, half widths of the image."""
    charge_angle: bool = False
    """Charge the distance of the angle's mean from zero."""
    encoder_pixels: int = 64
    """Pixels of the longer axis of what mu and sigma see, at most: means of square blocks of y."""

    @property
    def label(self) -> str:
        """The name in tables."""
        return "spatial-VAE"

    def __post_init__(self):
        super().__post_init__()
        if not (self.angle_deviation > 0 and self.shift_deviation > 0):
            raise InputError(f"SpatialVAE needs positive deviations, not {self.angle_deviation} and {self.shift_deviation}")
        if self.encoder_pixels < 1:
            raise InputError(f"SpatialVAE needs encoder_pixels of 1 or more, not {self.encoder_pixels}")

    def init_params(self, key: Array, example: Measurement):
        return super().init_params(key, example.replace(y=self.seen(example.y)))

    def encode(self, params, y: Array) -> tuple[Array, Array]:
        return super().encode(params, self.seen(y))

    def seen(self, y: Array) -> Array:
        """The means of y [*S, C] that the encoder sees."""
        return block_means(y, -(-max(y.shape[:-1]) // self.encoder_pixels))

    def prior_deviation(self, mean: Array) -> Array:
        """[s_phi, s_t, s_t, 1 ...]."""
        return jnp.ones(len(mean)).at[0].set(self.angle_deviation).at[1:3].set(self.shift_deviation)

    def divergence(self, mean: Array, log_variance: Array) -> Array:
        charged = mean if self.charge_angle else mean.at[0].set(0)
        return normal_divergence(charged / self.prior_deviation(mean), log_variance)

    def images(self, state: LearnedState, measurement: Measurement) -> dict[str, Array]:
        """The manifold of the content: x in the pose of y, of its first latent (rows) and second (columns) at -2 ... 2."""
        one = measurement.normalize(state.scale)
        mean, _ = self.encode(state.params, one.y)
        values = jnp.linspace(-2, 2, 9)
        rows, columns = jnp.meshgrid(values, values if len(mean) > 4 else values[:1] * 0, indexing="ij")
        z = jnp.broadcast_to(mean, (*rows.shape, len(mean))).at[..., 3].set(rows)
        return {"manifold of the content": self._grid(state, one, z.at[..., 4].set(columns) if len(mean) > 4 else jnp.swapaxes(z, 0, 1))}

    def pose(self, params, y: Array) -> tuple[Array, Array, Array]:
        """(angle (rad), shift (column, row; half widths), content [L]), the means of a (normalised) image y."""
        mean, _ = self.encode(params, y)
        return mean[0], mean[1:3], mean[3:]


def block_means(y: Array, width: int) -> Array:
    """Means [ceil(H / width), ceil(W / width), C] of square blocks of y [H, W, C]; of a block that the edge cuts, of its pixels in y."""
    if width == 1:
        return y
    rows, columns = (np.arange(0, n, width) for n in y.shape[:-1])
    counts = np.multiply.outer(*(np.minimum(width, n - at) for n, at in zip(y.shape[:-1], (rows, columns))))
    y = jnp.pad(y, [(0, -n % width) for n in y.shape[:-1]] + [(0, 0)])
    sums = y.reshape(len(rows), width, len(columns), width, -1).sum((1, 3))
    return sums / jnp.asarray(counts, y.dtype)[..., None]
