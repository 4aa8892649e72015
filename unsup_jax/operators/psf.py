r"""Point spread functions of microscopes, of unit sum and centred on `shape // 2`.

    gaussian_psf       exp(-|r|^2 / (2 sigma^2))
    airy_psf           (2 J_1(v) / v)^2,     v = 2 pi NA r / wavelength                    (in focus, scalar)
    gibson_lanni_psf   |integral_0^1 J_0(v rho) exp(i W(rho; z)) rho drho|^2               (wide field)
    confocal_psf       illumination . (detection * pinhole)

W is the phase that the layers under the objective add: with k = 2 pi / wavelength and indices n,

    W / k = z_p L(n_sample) + (z + t_i) L(n_immersion) - t_i L(n_immersion^0) + t_g L(n_cover) - t_g^0 L(n_cover^0),
    L(n) = sqrt(n^2 - NA^2 rho^2),

z the defocus of the stage and z_p the depth of the emitter below the cover glass. All are differentiable in their
optical parameters, for blind deconvolution. References: Born and Wolf, ch. 8; Gibson and Lanni, J. Opt. Soc. Am.
A 9, 154 (1992); Li, Xue and Blu, J. Opt. Soc. Am. A 34, 1029 (2017).
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core.phasors import cis, weighted
from unsup_jax.errors import InputError


def gaussian_psf(shape: Sequence[int], sigma: float | Array) -> Array:
    """A sampled Gaussian of standard deviation `sigma` pixels, one for all axes or one for each."""
    sigmas = jnp.broadcast_to(jnp.asarray(sigma, jnp.result_type(float)), (len(shape),))
    exponent = sum(
        (((jnp.arange(n).astype(sigmas.dtype) - n // 2) / sigmas[axis]) ** 2).reshape([-1 if i == axis else 1 for i in range(len(shape))])
        for axis, n in enumerate(shape)
    )
    return _unit(jnp.exp(-exponent / 2))


def airy_psf(shape: tuple[int, int], *, wavelength_um: Array, numerical_aperture: Array, pixel_size_um: Array) -> Array:
    """The in-focus PSF [H, W] of a circular aperture, sampled at the pixels' centres."""
    v = 2 * jnp.pi * numerical_aperture / wavelength_um * pixel_size_um * jnp.asarray(_radius(shape), jnp.result_type(float))
    safe = jnp.where(v > 1e-3, v, 1)
    return _unit(jnp.square(jnp.where(v > 1e-3, 2 * bessel(1, safe) / safe, 1)))


def gibson_lanni_psf(
    shape: tuple[int, int, int], *, wavelength_um: Array, numerical_aperture: Array, pixel_size_um: Array, step_um: Array,
    depth_um: Array = 0.0, n_sample: Array = 1.33, n_immersion: Array = 1.515, n_immersion_design: Array = 1.515,
    n_cover: Array = 1.515, n_cover_design: Array = 1.515, thickness_um: Array = 150.0, cover_um: Array = 170.0,
    cover_design_um: Array = 170.0, nodes: int = 128,
) -> Array:
    """The wide-field PSF [Z, H, W], planes `step_um` apart, by Gauss-Legendre quadrature over the pupil.

    Raises `InputError` where the numerical aperture exceeds an index, so that light could not pass.
    """
    for name, n in {"n_sample": n_sample, "n_immersion": n_immersion, "n_cover": n_cover}.items():
        if isinstance(n, (int, float)) and isinstance(numerical_aperture, (int, float)) and n < numerical_aperture:
            raise InputError(f"gibson_lanni_psf: {name} {n} is below the numerical aperture {numerical_aperture}")
    x, weights = np.polynomial.legendre.leggauss(nodes)
    dtype = jnp.result_type(float)
    rho, weights = jnp.asarray((x + 1) / 2, dtype), jnp.asarray(weights / 2, dtype)
    k = 2 * jnp.pi / wavelength_um
    path = lambda n: jnp.sqrt(n**2 - (numerical_aperture * rho) ** 2)
    z = (jnp.arange(shape[0], dtype=dtype) - shape[0] // 2) * step_um
    layers = (
        depth_um * path(n_sample) + thickness_um * (path(n_immersion) - path(n_immersion_design))
        + cover_um * path(n_cover) - cover_design_um * path(n_cover_design)
    )
    # only differences of phase over the pupil matter: taken from the axis to keep single precision exact
    total = layers[None] - layers[0] + z[:, None] * (path(n_immersion) - n_immersion)[None]
    pupil = weighted((rho * weights)[None], cis(k * total))                     # [Z, rho]
    fine = 8                                                                    # radii a pixel
    count = fine * (int(np.ceil(np.hypot(*(n - n // 2 + 1 for n in shape[1:])))) + 3)
    radii = jnp.arange(count, dtype=dtype) * (pixel_size_um / fine)
    waves = bessel(0, k * numerical_aperture * radii[:, None] * rho[None])
    profile = jnp.square(jnp.abs(pupil @ waves.T.astype(pupil.dtype)))          # [Z, radius]
    return _unit(_cubic(profile, _radius(shape[1:]) * fine))


def confocal_psf(illumination: Array, detection: Array, *, pinhole: float) -> Array:
    """illumination . (detection * pinhole), for PSFs of one shape and a pinhole `pinhole` pixels in radius."""
    rows, columns = detection.shape[-2:]
    disc = (_radius((rows, columns)) <= max(pinhole, 0.5)).astype(np.float32)
    transfer = jnp.fft.rfft2(jnp.fft.ifftshift(jnp.asarray(disc / disc.sum(), detection.dtype)))
    seen = jnp.fft.irfft2(jnp.fft.rfft2(detection) * transfer.reshape((1,) * (detection.ndim - 2) + transfer.shape), (rows, columns))
    return _unit(jnp.maximum(illumination * seen, 0))


def bessel(order: int, v: Array) -> Array:
    """J_order(v) = mean over tau of cos(order tau - v sin tau), exact to rounding for |v| up to 200.

    The trapezoidal rule converges geometrically for a periodic integrand; half the period holds all values.
    """
    def add(total, tau):
        return total + jnp.cos(order * tau - v * jnp.sin(tau)), None

    points = 256
    tau = (jnp.arange(points, dtype=v.dtype) + 0.5) * (jnp.pi / points)
    return jax.lax.scan(add, jnp.zeros_like(v), tau)[0] / points


def _radius(shape):
    """Distance of each pixel from the centre, [H, W]."""
    rows, columns = ((np.arange(n) - n // 2) for n in shape)
    return np.hypot(rows[:, None], columns[None])


def _cubic(profile, places):
    """Catmull-Rom interpolation of [Z, radius] at places [H, W], even about zero."""
    low = np.floor(places).astype(int)
    t = jnp.asarray(places - low, profile.dtype)
    weights = ((-t + 2 * t**2 - t**3) / 2, (2 - 5 * t**2 + 3 * t**3) / 2, (t + 4 * t**2 - 3 * t**3) / 2, (t**3 - t**2) / 2)
    return sum(w[None] * profile[:, np.abs(low + offset)] for w, offset in zip(weights, (-1, 0, 1, 2)))


def _unit(psf):
    return psf / psf.sum()
