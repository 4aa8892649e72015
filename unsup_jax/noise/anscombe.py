r"""The generalised Anscombe transform: a camera's Poisson-Gaussian noise made white, of unit deviation.

    f(y)    = (2 / g) sqrt(g y + 3/8 g^2 + sigma^2)
    f^-1(D) = g (D^2/4 + sqrt(3/2)/4 D^-1 - 11/8 D^-2 + 5/8 sqrt(3/2) D^-3 - 1/8) - sigma^2 / g

for gain g and read-out noise sigma, y above its offset (Makitalo & Foi, IEEE Trans. Image Process. 22, 91 (2013)). Arrays are
NumPy's or JAX's.
"""

from jax import Array


def anscombe(y: Array, gain: float, sigma: float) -> Array:
    """f(y), of unit variance for Poisson-Gaussian y with no offset."""
    xp = y.__array_namespace__()
    return 2 / gain * xp.sqrt(xp.maximum(gain * y + 0.375 * gain**2 + sigma**2, 0))


def anscombe_inverse(stabilized: Array, gain: float, sigma: float) -> Array:
    """The closed form of the exact unbiased inverse: the y whose transform has this mean."""
    xp, root = stabilized.__array_namespace__(), 1.5**0.5
    d = xp.maximum(stabilized, 2 * (0.375 + (sigma / gain) ** 2) ** 0.5)
    return gain * (d**2 / 4 + root / (4 * d) - 11 / (8 * d**2) + 5 * root / (8 * d**3) - 1 / 8) - sigma**2 / gain
