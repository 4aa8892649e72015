"""Conformance of every operator, and the closed forms of each."""

import jax
import jax.test_util
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import signal

from unsup_jax import operators
from unsup_jax.core import LinearOperator, Measurement, Operator, Views
from unsup_jax.core.phasors import cis, squared_modulus
from unsup_jax.errors import InputError
from unsup_jax.operators import (
    SENSE, AngularSpectrum, Binning, ContrastTransfer, Convolution, Diffraction, DiffractionScan, Emitters, FanBeam, Fourier, FourierPtychography,
    Hologram, Identity, Mask, Multislice, NonCartesianSENSE, NonuniformFourier, Planes, Projection, Radon,
    RealSpaceProjection, Resampling, arc_fan, flat_fan, gaussian_psf, random_rotations, taps,
)


def mask(key):
    return Mask(jax.random.uniform(key, (9, 8, 1))), (9, 8, 2)


def psf(shape):
    return lambda key: jax.random.uniform(key, shape)


def maps(key, *shape):
    real, imaginary = jax.random.normal(key, (2, *shape))
    return jax.lax.complex(real, imaginary)


def points(key, count=40):
    return jax.random.uniform(key, (count, 2), minval=-0.5, maxval=0.5)


def sampled(key, *shape):
    return jax.random.bernoulli(key, 0.5, shape).astype(jnp.float32)


def angles(key):
    return jax.random.uniform(key, (5,), maxval=jnp.pi)


CASES = {
    "Identity": lambda key: (Identity(), (9, 8, 2)),
    "Mask": mask,
    "Convolution, circular": lambda key: (Convolution(psf((5, 4))(key)), (9, 8, 2)),
    "Convolution, zero": lambda key: (Convolution(psf((4, 3))(key), boundary="zero"), (9, 8, 1)),
    "Convolution, valid": lambda key: (Convolution(psf((4, 3))(key), boundary="valid"), (9, 8, 1)),
    "Convolution, 3-D": lambda key: (Convolution(psf((3, 2, 5))(key)), (4, 6, 7, 1)),
    "Composition": lambda key: (Mask(jax.random.uniform(key, (9, 8, 1))) @ Convolution(psf((3, 3))(key)), (9, 8, 2)),
    "Composition, circular": lambda key: (Identity() @ Convolution(psf((3, 3))(key)) @ Convolution(psf((2, 5))(key)), (9, 8, 2)),
    "Binning": lambda key: (Binning((2, 3)), (8, 9, 2)),
    "Resampling": lambda key: (Resampling((jax.random.normal(key, (4, 9)), jax.random.normal(key, (3, 8)))), (9, 8, 2)),
    "Planes": lambda key: (Planes(jax.random.randint(key, (3,), 0, 6), 6), (6, 5, 4, 1)),
    "Radon": lambda key: (Radon(angles(key), 8), (8, 8, 2)),
    "Radon, odd volume": lambda key: (Radon(angles(key), 7), (3, 7, 7, 1)),
    "Radon, detector": lambda key: (Radon(angles(key), 8, detector=jax.random.uniform(key, (6,), minval=-5, maxval=5)), (8, 8, 1)),
    "FanBeam": lambda key: (FanBeam(angles(key), flat_fan(10, pitch=1.0, distance=12.0), 7 + jax.random.uniform(key), 8), (8, 8, 2)),
    "FanBeam, odd volume": lambda key: (FanBeam(angles(key), arc_fan(9, extent=1.0), 7 + jax.random.uniform(key), 7, width=3), (2, 7, 7, 1)),
    "Emitters": lambda key: (Emitters(8 * jax.random.uniform(key, (5, 2)), jnp.array(1.2), (8, 9)), (4, 5)),
    "ContrastTransfer": lambda key: (ContrastTransfer(jax.random.normal(key, (8, 5))), (8, 8, 1)),
    "Projection": lambda key: (
        Projection(random_rotations(key, 1)[0], jax.random.normal(key, (2,)), jax.random.normal(key, (8, 5)), width=2), (8, 8, 8, 1)),
    "RealSpaceProjection": lambda key: (RealSpaceProjection(random_rotations(key, 1)[0], jax.random.normal(key, (2,))), (6, 6, 6, 1)),
    "Fourier": lambda key: (Fourier(sampled(key, 9, 8)), (9, 8, 2)),
    "NonuniformFourier": lambda key: (NonuniformFourier(points(key), (9, 8), width=4), (9, 8, 2)),
    "SENSE": lambda key: (SENSE(maps(key, 2, 3, 9, 8), sampled(key, 9, 8)), (9, 8, 2)),
    "SENSE, lines": lambda key: (SENSE(maps(key, 1, 3, 9, 8), sampled(key, 1, 8)), (9, 8, 1)),
    "SENSE, volume": lambda key: (SENSE(maps(key, 1, 3, 4, 5, 6), sampled(key, 1, 5, 6)), (4, 5, 6, 1)),
    "SENSE, hybrid": lambda key: (SENSE(maps(key, 1, 3, 4, 5, 6), sampled(key, 1, 5, 6), hybrid=0), (4, 5, 6, 1)),
    "NonCartesianSENSE": lambda key: (NonCartesianSENSE(maps(key, 1, 3, 9, 8), points(key)), (9, 8, 1)),
    "NonCartesianSENSE, weights": lambda key: (
        NonCartesianSENSE(maps(key, 1, 3, 9, 8), points(key), jax.random.uniform(key, (len(points(key)),))), (9, 8, 1)),
    "Multislice": lambda key: (Multislice(maps(key, 3, 4, 9, 8), sampled(key, 9, 8), jax.random.uniform(key, (3,))), (3, 9, 8, 1)),
    "Multislice, lines": lambda key: (
        Multislice(maps(key, 3, 4, 9, 8), sampled(key, 9, 1), jax.random.uniform(key, (3,))), (3, 9, 8, 1)),
    "Multislice, other sign": lambda key: (
        Multislice(maps(key, 2, 4, 8, 6), sampled(key, 8, 6), jax.random.uniform(key, (2,)), sign=1), (2, 8, 6, 1)),
    "Diffraction": lambda key: (Diffraction(angles(key), jnp.float32(2.0), 8), (8, 8, 1)),
    "Diffraction, volume": lambda key: (Diffraction(angles(key), jnp.float32(2.0), 7), (4, 7, 7, 1)),
    "DiffractionScan": lambda key: (
        DiffractionScan(jax.random.uniform(key, (4, 2), minval=-0.6, maxval=0.6), jnp.float32(1.7), jnp.float32(0.9), (6, 8, 7)), (6, 8, 7, 1)),
    "AngularSpectrum": lambda key: (AngularSpectrum(jax.random.normal(key, ()), jnp.float32(2.5)), (9, 8, 2)),
    "FourierPtychography": lambda key: (
        FourierPtychography(maps(key, 6, 6), jax.random.randint(key, (3, 2), -2, 3), 12), (12, 12, 1)),
    "Hologram": lambda key: (Hologram(jax.random.normal(key, (2,)), jnp.float32(2.5)), (9, 8, 1)),
    "Hologram, off axis": lambda key: (
        Hologram(jax.random.normal(key, (2,)), jnp.float32(2.5), maps(key, 9, 8), maps(jax.random.fold_in(key, 1), 9, 8)), (9, 8, 1)),
}
COMPLEX = {
    "Fourier", "NonuniformFourier", "SENSE", "NonCartesianSENSE", "Multislice", "Diffraction", "DiffractionScan", "AngularSpectrum",
    "FourierPtychography", "Hologram",
}
cases = pytest.mark.parametrize("name", CASES)
linear = pytest.mark.parametrize("name", [n for n in CASES if n.split(",")[0] not in ("FourierPtychography", "Hologram")])


def build(name, seed=0, double=False):
    """(H, shape of x, type of x)."""
    H, shape = CASES[name](jax.random.key(seed))
    dtype = jnp.complex64 if name.split(",")[0] in COMPLEX else jnp.float32
    if double:
        wide = {jnp.dtype(jnp.float32): jnp.float64, jnp.dtype(jnp.complex64): jnp.complex128}
        H = jax.tree.map(lambda leaf: jnp.asarray(leaf).astype(wide.get(jnp.asarray(leaf).dtype, jnp.asarray(leaf).dtype)), H)
        dtype = wide[jnp.dtype(dtype)]
    return H, shape, dtype


apply = jax.jit(lambda H, x: H(x))


def test_every_operator_has_a_case():
    classes = {name for name in operators.__all__ if name[0].isupper() and issubclass(getattr(operators, name), Operator)}
    assert classes <= {name.split(",")[0] for name in CASES}


@linear
def test_adjoint(name, double):
    H, shape, dtype = build(name, double=True)
    assert isinstance(H, LinearOperator)
    x = jax.random.normal(jax.random.key(1), shape, dtype)
    like = jax.eval_shape(H, x)
    y = jax.random.normal(jax.random.key(2), like.shape, like.dtype)

    @jax.jit
    def results(H, x, y):
        Hx = H(x)
        back, again = jax.vmap(H.adjoint)(jnp.stack([y, Hx]))           # compiled once
        return Hx, back, (H.normal(x), again)

    Hx, back, normal = results(H, x, y)
    left, right = jnp.vdot(Hx, y), jnp.vdot(x, back)
    assert abs(left - right) <= 1e-10 * abs(left)
    np.testing.assert_allclose(*normal, rtol=1e-9, atol=1e-9)
    assert H.domain(Hx).shape == shape and H.domain(Hx).dtype == dtype


ONE_COIL = SENSE(cis(jnp.arange(72.0)).reshape(1, 1, 9, 8), sampled(jax.random.key(3), 9, 8))


@pytest.mark.parametrize("name", ["Identity", "Mask", "Convolution, circular", "Convolution, 3-D", "Fourier", "one coil"])
def test_an_operator_multiplies_by_numbers_in_its_own_coordinates(name):
    """Orthonormal ones, of x and of y; an operator whose own are not known says so."""
    H, shape, dtype = (ONE_COIL, (9, 8, 1), jnp.complex64) if name == "one coil" else build(name)
    x = jax.random.normal(jax.random.key(1), shape, dtype)
    y = H(x)
    own = H.diagonal(y)
    X = own.of_x(x)
    np.testing.assert_allclose(own.of_y(y), own.gain.astype(X.dtype) * X, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(own.to_x(X), x, rtol=1e-4, atol=1e-5)
    for coordinates, image in ((X, x), (own.of_y(y), y)):
        np.testing.assert_allclose(jnp.linalg.norm(coordinates), jnp.linalg.norm(image), rtol=1e-5)
    assert build("SENSE")[0].diagonal(jnp.zeros((3, 9, 8), jnp.complex64)) is None and build("Radon")[0].diagonal(jnp.zeros((5, 8))) is None


@cases
def test_vmap_over_different_operators(name):
    (H1, shape, dtype), (H2, _, _) = build(name, 0), build(name, 1)
    x = jax.random.normal(jax.random.key(2), (2, *shape), dtype)
    batch = jax.tree.map(lambda a, b: jnp.stack([a, b]), H1, H2)
    alone = [apply(H1, x[0]), apply(H2, x[1])]
    both = jax.jit(jax.vmap(lambda H, x: H(x)))(batch, x)
    np.testing.assert_allclose(both, np.stack(alone), rtol=1e-4, atol=1e-4 * float(np.abs(alone[0]).max()))


@cases
@pytest.mark.usefixtures("quick_compilation")  # the formula of a derivative; what the product's passes make of H, the other tests see
def test_gradient_against_finite_differences(name, double):
    """With respect to the image and to every continuous parameter of the operator: along one random direction."""
    H, shape, dtype = build(name, double=True)
    x = jax.random.normal(jax.random.key(1), shape, dtype)
    leaves, structure = jax.tree.flatten((H, x))
    moving = [i for i, leaf in enumerate(leaves) if not jnp.issubdtype(leaf.dtype, jnp.integer)]

    def value(moved):
        full = list(leaves)
        for i, leaf in zip(moving, moved):
            full[i] = leaf
        H, x = jax.tree.unflatten(structure, full)
        y = H(x)
        return jnp.sum(jnp.sin(y.real)) + (jnp.sum(jnp.cos(y.imag)) if jnp.iscomplexobj(y) else 0)

    at = [leaves[i] for i in moving]
    along = [jax.random.normal(jax.random.key(i), leaf.shape, leaf.dtype) for i, leaf in enumerate(at)]
    step = 1e-6
    beside = [jnp.stack([p, p + step * a, p - step * a]) for p, a in zip(at, along)]
    values, gradients = jax.jit(lambda beside: jax.lax.map(jax.value_and_grad(value), beside))(beside)
    _, ahead, behind = values
    slope = sum(jnp.sum(g[0] * a).real for g, a in zip(gradients, along))
    assert abs((ahead - behind) / (2 * step) - slope) <= 1e-5 * max(1, abs(slope))


@cases
def test_wrong_shape_is_refused(name):
    H, shape, dtype = build(name)
    if isinstance(H, Identity):
        return  # every shape is right
    with pytest.raises(InputError, match="given an image of shape"):
        H(jnp.zeros((3, 5, *shape), dtype))
    if not isinstance(H, (AngularSpectrum, Hologram)):  # these take every size
        with pytest.raises(InputError):
            H(jnp.zeros((2, *[n + 1 for n in shape[1:]]), dtype))


@pytest.mark.parametrize("name", ["Convolution, circular", "Convolution, valid", "Radon", "ContrastTransfer", "Projection", "Mask", "Binning"])
def test_real_operators_take_complex_images(name):
    """By their parts, and with the complex adjoint."""
    H, shape, _ = build(name)
    real, imaginary = jax.random.normal(jax.random.key(1), (2, *shape))
    x = jax.lax.complex(real, imaginary)
    back = jax.jit(lambda H, y: H.adjoint(y))
    y = apply(H, x)
    np.testing.assert_allclose(y, np.asarray(apply(H, real)) + 1j * np.asarray(apply(H, imaginary)), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(back(H, y).imag, back(H, y.imag), rtol=1e-3, atol=1e-3)


def test_empty_masks_and_zero_maps_give_zeros():
    """Nothing measured is an image of zeros, not of NaN."""
    from unsup_jax.methods import ADMM, ConjugateGradient
    from unsup_jax.train import solve

    maps = jnp.ones((1, 3, 8, 8), jnp.complex64)
    for H in (SENSE(maps, jnp.zeros((8, 8))), SENSE(0 * maps, jnp.ones((8, 8)))):
        for method in (ConjugateGradient(steps=3), ADMM(steps=3)):
            m = Measurement(jnp.zeros((3, 8, 8), jnp.complex64), H)
            x = method.reconstruct(jax.random.key(0), solve(method, jax.random.key(0), m)[0], m)
            np.testing.assert_array_equal(x, 0)


def test_finufft_backend():
    """The same numbers as our gridding where jax-finufft is installed; one clear line where it is not."""
    H, shape, dtype = build("NonuniformFourier")
    x = jax.random.normal(jax.random.key(0), shape, dtype)
    try:
        import jax_finufft  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="needs the package jax-finufft"):
            H.replace(backend="finufft")(x)
    else:
        exact = H.replace(backend="finufft", width=6)
        np.testing.assert_allclose(exact(x), H.replace(width=6)(x), atol=1e-4)
        np.testing.assert_allclose(exact.adjoint(exact(x)), H.replace(width=6).adjoint(exact(x)), atol=1e-3)
    with pytest.raises(InputError, match="no NUFFT backend 'fft'"):
        H.replace(backend="fft")(x)


def test_the_transfer_function_of_a_circular_operator():
    """H(x) = F^-1 h F x for the operators that say so, and for no others."""
    found = set()
    for name in CASES:
        H, shape, dtype = build(name)
        if H.circular:
            x, axes = jax.random.normal(jax.random.key(1), shape, dtype), tuple(range(len(shape) - 1))
            h = H.transfer(shape[:-1]).astype(jnp.complex64)[..., None]
            filtered = jnp.fft.ifftn(h * jnp.fft.fftn(x, axes=axes), axes=axes)
            np.testing.assert_allclose(filtered, H(x), atol=1e-4 * float(jnp.abs(filtered).max()))
            found.add(name)
    assert found == {"Identity", "Convolution, circular", "Convolution, 3-D", "Composition, circular"}


def test_planned_convolution_is_the_same():
    H, shape, dtype = build("Convolution, zero")
    x = jax.random.normal(jax.random.key(0), shape, dtype)
    planned = H.planned(shape[:-1])
    np.testing.assert_allclose(planned(x), H(x), atol=1e-5)
    with pytest.raises(InputError, match="planned for another frame"):
        planned(jnp.zeros((20, 20, 1)))


def test_convolution_of_a_batch_is_that_of_each_image():
    """Two real images make one complex transform, and one is left over: images and gradients are those of each alone."""
    H, shape, dtype = build("Convolution, circular")
    x = jax.random.normal(jax.random.key(0), (3, *shape[:-1], 1), dtype)
    together = jax.jit(lambda H: jax.vmap(H)(x))
    alone = jax.jit(lambda H: jnp.stack([H(one) for one in x]))
    np.testing.assert_allclose(together(H), alone(H), atol=1e-5)
    energy = lambda images: jnp.sum(jnp.square(images) * jnp.arange(1.0, 4.0)[:, None, None, None])
    psf = [jax.grad(lambda psf: energy(apply(H.replace(psf=psf))))(H.psf) for apply in (together, alone)]
    np.testing.assert_allclose(*psf, rtol=1e-4, atol=1e-3)
    complex_ = jax.lax.complex(x[0], x[1])
    np.testing.assert_allclose(H(complex_), jax.lax.complex(H(x[0]), H(x[1])), atol=1e-5)
    with pytest.raises(InputError, match="complex PSF"):
        H.replace(psf=H.psf.astype(complex))(x[0])


def test_taps_are_the_sums_they_say(double, monkeypatch):
    """gather against a loop; its transpose in blocks that do not divide the samples; vmap; derivatives by differences."""
    monkeypatch.setattr(taps, "_BLOCK_BYTES", 5 * 9 * 2 * 16)
    keys = jax.random.split(jax.random.key(0), 4)
    grid = jax.lax.complex(*jax.random.normal(keys[0], (2, 6, 7, 2)))
    index = [jax.random.randint(key, (2, 13, 3), 0, n) for key, n in zip(keys[1:], (6, 7))]
    weight = list(jax.random.normal(keys[3], (2, 2, 13, 3)))
    one = lambda of: [a[0] for a in of]

    @jax.jit
    def results(grid, weight):
        y, transpose = jax.vjp(lambda grid: taps.gather(grid, one(index), one(weight)), grid)
        places = jax.vmap(lambda i, w: taps.gather(grid, i, w))(index, weight)
        images = jax.vmap(lambda grid: taps.gather(grid, one(index), one(weight)))(jnp.stack([grid, 2 * grid]))
        both = jax.vmap(taps.gather)(jnp.stack([grid, 2 * grid]), index, weight)
        return y, transpose(y)[0], places, images, both

    y, back, places, images, both = results(grid, weight)
    expected = np.zeros((13, 2), complex)
    spread = np.zeros(grid.shape, complex)
    i, j, v, w = (np.asarray(a[0]) for a in (*index, *weight))
    for s, t, u in np.ndindex(13, 3, 3):
        expected[s] += v[s, t] * w[s, u] * np.asarray(grid)[i[s, t], j[s, u]]
    for s, t, u in np.ndindex(13, 3, 3):
        spread[i[s, t], j[s, u]] += v[s, t] * w[s, u] * expected[s]
    np.testing.assert_allclose(y, expected, rtol=1e-12)
    np.testing.assert_allclose(back, spread, rtol=1e-12)
    np.testing.assert_allclose(places[0], expected, rtol=1e-12)
    np.testing.assert_allclose(places[1], taps.gather(grid, [i[1] for i in index], [w[1] for w in weight]), rtol=1e-12)
    np.testing.assert_allclose(images, [expected, 2 * expected], rtol=1e-12)
    np.testing.assert_allclose(both, [places[0], 2 * places[1]], rtol=1e-12)

    @jax.jit
    def energy(weight):
        y, transpose = jax.vjp(lambda grid: taps.gather(grid, one(index), weight), grid)
        return jnp.sum(squared_modulus(transpose(y)[0]))            # of the transpose too

    jax.test_util.check_grads(energy, (one(weight),), order=1, modes=("fwd", "rev"), rtol=1e-5)


@pytest.mark.parametrize("length, width", [(7, 3), (8, 4)])
def test_consecutive_taps_are_those_of_windows(length, width, double):
    """Value, transpose and derivatives, of so many samples that windows pay: the same as tap by tap."""
    keys = jax.random.split(jax.random.key(0), 4)
    grid = jax.lax.complex(*jax.random.normal(keys[0], (2, 6, length, 2)))
    first = np.arange(400)[:, None] % (length - width + 1)
    last = first + (np.arange(width) - first) % width
    index = [jax.random.randint(keys[1], (400, width), 0, 6), jnp.asarray(last)]
    weight = list(jax.random.normal(keys[2], (2, 400, width)))
    along = list(jax.random.normal(keys[3], (2, 400, width)))

    def results(consecutive):
        def both(grids, weight):
            apply = lambda grid: taps.gather(grid, index, weight, consecutive=consecutive)
            y, transpose = jax.vjp(jax.vmap(apply), grids)
            return y, transpose(y)[0]

        return jax.jit(lambda: jax.jvp(both, (jnp.stack([grid, 1j * grid]), weight), (jnp.stack([grid, grid]), along)))()

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11), results(True), results(False))


def test_views_stack_measurements():
    rotations = random_rotations(jax.random.key(0), 3)
    H = Views(Projection(rotations, width=2))
    x = jax.random.normal(jax.random.key(1), (8, 8, 8, 1))
    y = apply(H, x)
    np.testing.assert_allclose(y[1], apply(Projection(rotations[1], width=2), x), atol=1e-3)
    back = jax.jit(lambda H, y: H.adjoint(y))(H, y)
    np.testing.assert_allclose(jnp.vdot(y, y), jnp.vdot(x, back), rtol=1e-4)


@pytest.mark.parametrize("name", ["Convolution, circular", "Radon", "SENSE", "Diffraction", "Projection"])
def test_norm_and_guess(name, double):
    H, shape, dtype = build(name, double=True)
    x = jax.random.normal(jax.random.key(1), shape, dtype)

    def figures(H, x):
        y = H(x)
        fit = H(H.guess(y))
        return H.norm(y, iterations=200), jnp.vdot(fit, y).real / jnp.linalg.norm(fit.ravel()) ** 2

    basis = jnp.eye(x.size, dtype=dtype).reshape(x.size, *shape)
    matrix = jax.jit(jax.vmap(lambda e: H(e).ravel()))(basis)
    norm, gain = jax.jit(figures)(H, x)
    np.testing.assert_allclose(norm, jnp.linalg.norm(matrix, 2) ** 2, rtol=1e-2)
    assert abs(gain - 1) < 1e-6


@pytest.mark.parametrize("shape", [(5, 3), (4, 6)])
def test_convolution_agrees_with_scipy(shape):
    x = np.asarray(jax.random.normal(jax.random.key(0), (11, 12)))
    h = np.asarray(psf(shape)(jax.random.key(1)))
    full = signal.convolve2d(x, h)
    centre = tuple(slice(k // 2, k // 2 + n) for k, n in zip(shape, x.shape))
    np.testing.assert_allclose(Convolution(h, boundary="zero")(x[..., None])[..., 0], full[centre], rtol=1e-4, atol=1e-4)
    periodic = signal.convolve2d(np.tile(x, (3, 3)), h)
    centre = tuple(slice(n + k // 2, 2 * n + k // 2) for k, n in zip(shape, x.shape))
    np.testing.assert_allclose(Convolution(h)(x[..., None])[..., 0], periodic[centre], rtol=1e-4, atol=1e-4)


def test_convolution_of_a_delta_is_the_psf():
    h = gaussian_psf((5, 7), 1.3)
    x = jnp.zeros((12, 12, 1)).at[6, 6, 0].set(1.0)
    np.testing.assert_allclose(Convolution(h)(x)[4:9, 3:10, 0], h, atol=1e-6)
    assert abs(float(h.sum()) - 1) < 1e-6


def test_valid_convolution_agrees_with_scipy():
    x = np.asarray(jax.random.normal(jax.random.key(0), (11, 12)))
    h = np.asarray(psf((4, 3))(jax.random.key(1)))
    valid = signal.convolve2d(x, h, mode="valid")
    np.testing.assert_allclose(Convolution(h, boundary="valid")(x[..., None])[..., 0], valid, rtol=1e-4, atol=1e-4)


def test_unknown_boundary_is_refused():
    with pytest.raises(InputError, match="boundary 'mirror'"):
        Convolution(jnp.ones((3, 3)), boundary="mirror")(jnp.zeros((8, 8, 1)))
