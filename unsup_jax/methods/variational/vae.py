r"""Variational autoencoder (Kingma and Welling, ICLR 2014; article, eqs. (20)-(23)).

    [mu, log sigma^2] = F_phi(y)                                    the encoder: q(z|y) = N(mu, s^2 sigma^2)
    z = mu + s sigma u,   u ~ N(0, I)                               (21); s is 1 but in a spatial-VAE, (26)
    x = G_theta(z)                                                  (23): another u, another x
    loss = -E_u log p(y|x) + beta D_KL(q(z|y) || N(0, s^2))         (20), (22), a pixel

p(y|x) is N(x, 1) in units of the data's deviation, which makes (22); the noise model of the measurement; or N(x, v) with
a v that the decoder predicts beside x. beta rises from zero during the warm-up (Sonderby 2016), and `free_bits` nats of a
latent are not charged (Kingma 2016). `bound` is the importance-weighted one (Burda 2016), for evaluation.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

import jax
import jax.numpy as jnp
from flax.errors import ScopeParamShapeError
from jax import Array

from unsup_jax.core import LearnedState, Measurement
from unsup_jax.errors import InputError
from unsup_jax.losses import importance_bound, normal_divergence
from unsup_jax.methods.variational.evidence import Variational
from unsup_jax.networks import Autoencoder, Network
from unsup_jax.noise import normal_log_density


@dataclass(frozen=True)
class VAE(Variational):
    """Eqs. (20)-(23), of images of one shape where the encoder has a vector of latents.

    Raises `InputError` on a negative beta or free_bits, fewer than one draw, or a measurement without the noise model
    that "noise" asks for.
    """

    reference: ClassVar[str] = "Kingma 2014, eqs. (20)-(23)"

    network: Network = Autoencoder()
    """F_phi and G_theta; the channels of the decoder are set."""
    likelihood: Literal["gaussian", "noise", "learned"] = "gaussian"
    """p(y|x): of unit deviation, the measurement's noise model, or of a deviation that the decoder predicts."""

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        if self.likelihood == "noise" and measurement.noise is None:
            raise InputError(f"{self.label} needs a noise model: for your own images give --data.calibration, or --data.signal "
                             "(Noise2Void's result), or --method.likelihood learned")

    def init_params(self, key: Array, example: Measurement):
        return self._network(example.y).init(key, example.y)

    def encode(self, params, y: Array) -> tuple[Array, Array]:
        """mu_phi(y) and log sigma_phi(y)^2 [..., L]; `InputError` of a vector's encoder for an image of another shape."""
        try:
            return self._network(y).apply(params, y, method="encode")
        except ScopeParamShapeError as error:
            raise InputError(f"{self.label} takes images of the shape that it was trained on, not of {y.shape}") from error

    def decode(self, params, z: Array, one: Measurement) -> tuple[Array, Array | None]:
        """x = G_theta(z) [*S, C], and log v where that is learned."""
        return self.signal(self._network(one.y).apply(params, z, one.y.shape[:-1], method="decode"), one)

    def signal(self, out: Array, one: Measurement) -> tuple[Array, Array | None]:
        """x, and log v where that is learned, of what a decoder puts out."""
        if self.likelihood == "learned":
            x, log_v = jnp.split(out, 2, -1)
            return x, jnp.clip(log_v, -12, 6)
        return one.noise.signal(out) if self.likelihood == "noise" else out, None

    def prior_deviation(self, mean: Array) -> Array:
        """s of each latent of a mean [..., L], with its rank: 1."""
        return jnp.ones((1,) * (mean.ndim - 1) + (mean.shape[-1],))

    def reparameterize(self, mean: Array, log_variance: Array, u: Array) -> Array:
        """z = mu + s sigma u, (21)."""
        return mean + self.prior_deviation(mean) * jnp.exp(0.5 * log_variance) * u

    def divergence(self, mean: Array, log_variance: Array) -> Array:
        """D_KL(N(mu, s^2 sigma^2) || N(0, s^2)) of each latent."""
        return normal_divergence(mean / self.prior_deviation(mean), log_variance)

    def log_likelihood(self, one: Measurement, x: Array, log_v: Array | None) -> Array:
        """log p(y|x) of each pixel, nats."""
        if self.likelihood == "noise":
            return one.noise.log_prob(one.y, x)
        return normal_log_density(one.y - x, jnp.ones_like(x) if log_v is None else jnp.exp(log_v))

    def infer(self, key: Array, params, one: Measurement) -> tuple[tuple[Array, Array | None], Array]:
        """x(u) of one u, (23), with log v where that is learned, and the divergence of each latent."""
        mean, log_variance = self.encode(params, one.y)
        z = self.reparameterize(mean, log_variance, jax.random.normal(key, mean.shape, mean.dtype))             # (21)
        return self.decode(params, z, one), self.divergence(mean, log_variance)

    def loss(self, key: Array, params, one: Measurement):
        x, divergence = self.infer(key, params, one)
        return self.lower_bound(jnp.sum(self.log_likelihood(one, *x)), divergence, one.y.size)                  # (22)

    def draw(self, key: Array, params, one: Measurement) -> Array:
        """x(u) of one u, (23)."""
        return self.infer(key, params, one)[0][0]

    def estimate(self, key: Array, params, one: Measurement) -> Array:
        """x of u = 0."""
        return self.decode(params, self.encode(params, one.y)[0], one)[0]

    def bound(self, key: Array, params, one: Measurement, draws: int) -> Array:
        """The importance-weighted bound of log p(y) of the (normalised) measurement, nats; the ELBO for one draw."""
        mean, log_variance = self.encode(params, one.y)
        s = self.prior_deviation(mean)

        def terms(key):
            u = jax.random.normal(key, mean.shape, mean.dtype)
            z = self.reparameterize(mean, log_variance, u)
            log_prior = jnp.sum(normal_log_density(z, jnp.broadcast_to(jnp.square(s), z.shape)))
            log_posterior = jnp.sum(normal_log_density(u, jnp.ones_like(u)) - 0.5 * log_variance - jnp.log(jnp.broadcast_to(s, u.shape)))
            return jnp.sum(self.log_likelihood(one, *self.decode(params, z, one))) + log_prior, log_posterior

        return importance_bound(*jax.lax.map(terms, jax.random.split(key, draws)))

    def images(self, state: LearnedState, measurement: Measurement) -> dict[str, Array]:
        """Along the latents: x of the mean with one entry of a vector of latents (a row) at -2 ... 2 of its prior's deviations (columns)."""
        one, params = measurement.normalize(state.scale), state.params
        mean, _ = self.encode(params, one.y)
        if mean.ndim > 1:
            return {}
        latents = len(mean)
        values = jnp.linspace(-2, 2, 9)[None, :, None] * (jnp.eye(latents) * self.prior_deviation(mean)[None])[:, None]
        return {"along the latents": self._grid(state, one, jnp.where(jnp.eye(latents, dtype=bool)[:, None], values, mean[None, None]))}

    def _grid(self, state, one, z):
        """x [rows, columns, *S, C] of latents z [rows, columns, L]."""
        draw = lambda z: state.scale.restore(self.decode(state.params, z, one)[0])
        return jax.lax.map(jax.vmap(draw), z)

    def _network(self, y):
        channels = y.shape[-1] * (2 if self.likelihood == "learned" else 1)
        return self.network.clone(decoder=self.network.decoder.clone(channels=channels))
