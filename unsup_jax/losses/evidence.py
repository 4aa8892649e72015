r"""The evidence lower bound (ELBO), eq. (20), and its parts.

    log p(y) >= E_q(z|y) log p(y|z) - D_KL(q(z|y) || p(z))                                        (20)
    D_KL(N(mu, sigma^2) || N(m, s^2)) = 1/2 (sigma^2 / s^2 + (mu - m)^2 / s^2 - log sigma^2 / s^2 - 1)    of each latent
    log p(y) >= E log 1/K sum_k p(y|z_k) p(z_k) / q(z_k|y)                    K draws: tighter (Burda et al., ICLR 2016)

All in nats.
"""

import jax.numpy as jnp
from jax import Array
from jax.scipy.special import logsumexp


def normal_divergence(mean: Array, log_variance: Array, *, prior_mean: Array | float = 0.0, prior_deviation: Array | float = 1.0) -> Array:
    """D_KL(N(mean, e^log_variance) || N(prior_mean, prior_deviation^2)) of each latent."""
    prior = jnp.asarray(prior_deviation, mean.dtype) ** 2
    return 0.5 * ((jnp.exp(log_variance) + jnp.square(mean - jnp.asarray(prior_mean, mean.dtype))) / prior - log_variance + jnp.log(prior) - 1)


def free_bits(divergence: Array, least: Array | float) -> Array:
    """The divergence of each latent, `least` nats of which cost as much as none (Kingma et al., NeurIPS 2016)."""
    return jnp.maximum(divergence, jnp.asarray(least, divergence.dtype))


def importance_bound(log_joint: Array, log_posterior: Array) -> Array:
    """log 1/K sum_k p(y, z_k) / q(z_k|y), of log p(y, z_k) and log q(z_k|y), both [K, ...]; [...]."""
    return logsumexp(log_joint - log_posterior, axis=0) - jnp.log(jnp.asarray(log_joint.shape[0], log_joint.dtype))
