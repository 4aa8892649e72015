"""Forward operators: the H of `y = H(x) + w` (eq. 1).

An operator is a pytree whose leaves are its arrays (mask, PSF, angles), so that it is an argument of jitted
code, differs from sample to sample under `vmap`, and is differentiated like any other array. A linear
operator writes `__call__` alone: its adjoint is the transpose that JAX derives, so that gradient, adjoint
and solver cannot disagree.
"""

from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from unsup_jax.core.linear import conjugate_gradient, inner
from unsup_jax.core.phasors import as_complex, weighted


class Diagonal(NamedTuple):
    """H in orthonormal coordinates of x and of y: it multiplies each by a number, y_k = gain_k x_k."""

    gain: Array
    """[*S, C], or what broadcasts against it: singular values, which may have a sign or a phase."""
    of_x: Callable[[Array], Array]
    """x to its coordinates."""
    to_x: Callable[[Array], Array]
    """Coordinates to x."""
    of_y: Callable[[Array], Array]
    """y to its coordinates, in the order of those of x."""


class Slices(NamedTuple):
    """H in coordinates of y in which it sees each slice of x by itself: slice i of y is what H_i makes of slice i of x."""

    operator: "LinearOperator"
    """H in these coordinates, for any run of slices that its arrays are cut to."""
    of_y: Callable[[Array], Array]
    """y to its coordinates, on the host; white noise stays white."""
    x: int
    """The axis of x that counts slices."""
    y: int
    """The axis of y, in its coordinates, that does."""
    arrays: dict[str, int]
    """Those fields of the operator that are different for each slice, and their axis that counts slices."""


class Operator(struct.PyTreeNode):
    """A forward operator y = H(x) of one measurement; batches come from `vmap`."""

    linear: ClassVar[bool] = False
    """H(a x + b z) = a H(x) + b H(z): it has an adjoint."""
    local: ClassVar[bool] = False
    """Each output pixel depends on the input pixel at its own place alone: patches and tiles are exact."""
    stationary: ClassVar[bool] = False
    """H is the same everywhere: a part of y is what H makes of that part of x, but near its edges."""
    identity: ClassVar[bool] = False
    """H(x) = x: y is an image of every pixel, in noise."""
    isometric: ClassVar[bool] = False
    """H samples U x, for a U with U* U = 1: the adjoint of all of U x is x."""
    circular: ClassVar[bool] = False
    """H is a filter of periodic images: `transfer` says by what it multiplies their spectra."""
    projects: ClassVar[bool] = False
    """y are projections of x, or waves that it diffracts, from many directions: `back_project` inverts H."""
    many_views: ClassVar[bool] = False
    """y [N, ...] are many measurements of x, each by an operator of its own: `apart` and `some` part them."""

    def __call__(self, x: Array) -> Array:
        """The noise-free measurement H(x)."""
        raise NotImplementedError

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        """Shape and type of the x that H maps to arrays like `y`; like `y` itself unless overridden."""
        return jax.ShapeDtypeStruct(y.shape, y.dtype)

    def back_project(self, y: Array, *, window: str = "ram-lak") -> Array:
        """x from filtered views: the inverse of an H that `projects`, in so far as its directions have seen x.

        `window` is what multiplies the ramp of a filter that has one: ram-lak, shepp-logan or hann.
        """
        raise NotImplementedError

    def check_views(self) -> None:
        """Raise `InputError` on views that `back_project` does not take."""

    def transfer(self, shape: Sequence[int]) -> Array:
        """h [*shape] with H(x) = F^-1 h F x for images [*shape, C], of an H that is `circular`."""
        raise NotImplementedError

    @property
    def aberrations(self) -> int:
        """How many Zernike polynomials can be given to the pupil of a lens in H by `aberrated`; none where it has none."""
        return 0

    def aberrated(self, coefficients: Array) -> "Operator":
        """H through a lens of other aberrations: `coefficients` of Zernike polynomials, radians, as in `unsup_jax.operators.pupil`."""
        raise NotImplementedError

    def without_pose(self) -> "Operator":
        """What is known of H where it is not known how the specimen lay; H itself unless overridden."""
        return self

    def guess(self, y: Array) -> Array:
        """Where an iteration for x starts when nothing is known but y: ones, unless overridden."""
        return jnp.ones(self.domain(y).shape, self.domain(y).dtype)


class LinearOperator(Operator):
    """A linear H, with the Hermitian adjoint and the normal operator derived from `__call__`."""

    linear: ClassVar[bool] = True

    def adjoint(self, y: Array) -> Array:
        """H* y, with <Hx, y> = <x, H* y>."""
        x = self.domain(y)
        codomain = jax.eval_shape(self, x)
        if codomain.shape != y.shape:
            raise ValueError(f"adjoint of {type(self).__name__}: y has shape {y.shape}, H makes {codomain.shape}")
        (x,) = jax.linear_transpose(self, x)(jnp.conj(y).astype(codomain.dtype))
        return jnp.conj(x)

    def normal(self, x: Array) -> Array:
        """H* H x; overridden where a closed form is cheaper."""
        (back,) = jax.linear_transpose(self, x)(jnp.conj(self(x)))
        return jnp.conj(back)

    def guess(self, y: Array) -> Array:
        """H* y scaled to the best fit: argmin over real a of ||y - a H H* y||."""
        back = self.adjoint(y)
        image = self(back)
        energy = inner(image, image)
        gain = inner(image, y) / jnp.where(energy > 0, energy, 1)
        return jnp.where(energy > 0, gain, 0).astype(back.dtype) * back

    def norm(self, y: Array, *, iterations: int = 20) -> Array:
        """The largest eigenvalue of H* H, ||H||^2, by power iteration from a fixed random start, from below.

        `y` is any array of H's range: only its shape and type are used.
        """
        like = self.domain(y)
        x = jax.random.normal(jax.random.key(0), like.shape, like.dtype)

        def step(x, _):
            unit = x / jnp.maximum(jnp.sqrt(inner(x, x)), 1e-30).astype(x.dtype)
            power = self.normal(unit)
            return power, jnp.sqrt(inner(power, power))

        return jax.lax.scan(step, x, length=iterations)[1][-1]

    def inverse(self, b: Array, mu: Array, *, start: Array | None = None, iterations: int = 10) -> Array:
        """(H* H + mu)^-1 b: the data consistency of eq. (5b), by conjugate gradients from `start` (default: zero).

        Overridden where a closed form is cheaper, which takes no notice of `start` and `iterations`.
        """
        regular = lambda x: self.normal(x) + jnp.asarray(mu, x.dtype) * x
        return conjugate_gradient(regular, b, start=start, iterations=iterations)

    def diagonal(self, y: Array) -> Diagonal | None:
        """H in coordinates in which it is diagonal, its singular value decomposition; None where none is known."""
        return None

    def slices(self, y: Array) -> Slices | None:
        """H slice by slice of x, such as a tomograph whose axis of rotation crosses them; None where it mixes them.

        Of y the shape and the type are asked alone.
        """
        return Slices(self, lambda y: y, 0, 0, {}) if self.identity and not jax.tree.leaves(self) else None

    def measured(self, y: Array) -> Array:
        """Which entries of y were measured: ones and zeros that broadcast against y. All of them, unless overridden."""
        return jnp.ones(y.shape, jnp.zeros((), y.dtype).real.dtype)     # y may be a shape and a type alone

    def probability(self, y: Array) -> Array:
        """P(entry of y is measured) over the operators that are drawn; that of `measured` where nothing is known of others."""
        return self.measured(y)

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        """The axes of y that count samples, which can be held out one by one; all but the channels unless overridden."""
        return tuple(range(y.ndim - 1))

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        """Where each sample lies in the spectrum of x: cycles a pixel along each axis, in arrays that broadcast against y.

        None of a measurement that is no spectrum.
        """
        return None

    def restricted(self, mask: Array) -> "LinearOperator":
        """mask H: the measurement without what the `mask`, which broadcasts against y, holds out."""
        return Restricted(self, mask)

    def __matmul__(self, inner: "LinearOperator") -> "Composition":
        """(A @ B)(x) = A(B(x))."""
        return Composition(self, inner)


class Composition(LinearOperator):
    """(outer @ inner)(x) = outer(inner(x)), with adjoint inner*(outer* y)."""

    outer: LinearOperator
    inner: LinearOperator

    @property
    def local(self) -> bool:
        """Whether both are."""
        return self.outer.local and self.inner.local

    @property
    def identity(self) -> bool:
        """Whether both are."""
        return self.outer.identity and self.inner.identity

    @property
    def circular(self) -> bool:
        """Whether both are."""
        return self.outer.circular and self.inner.circular

    def transfer(self, shape: Sequence[int]) -> Array:
        return as_complex(self.outer.transfer(shape)) * as_complex(self.inner.transfer(shape))

    def __call__(self, x: Array) -> Array:
        return self.outer(self.inner(x))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return self.inner.domain(self.outer.domain(y))

    def adjoint(self, y: Array) -> Array:
        return self.inner.adjoint(self.outer.adjoint(y))

    def measured(self, y: Array) -> Array:
        outer = self.outer.measured(y)
        return outer * self.inner.measured(y) if self.outer.local else outer

    def probability(self, y: Array) -> Array:
        outer = self.outer.probability(y)
        return outer * self.inner.probability(y) if self.outer.local else outer

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        return self._samples.sample_axes(y)

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        return self._samples.frequencies(y)

    @property
    def _samples(self):
        """The one that samples: a local outer operator leaves each sample of the inner one where it is."""
        return self.inner if self.outer.local else self.outer


class Restricted(LinearOperator):
    """x -> mask H(x): the part of a measurement by H, with zeros in place of what is held out."""

    operator: LinearOperator
    mask: Array

    def __call__(self, x: Array) -> Array:
        return weighted(self.mask, self.operator(x))

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return self.operator.domain(y)

    def adjoint(self, y: Array) -> Array:
        return self.operator.adjoint(weighted(self.mask, y))

    def measured(self, y: Array) -> Array:
        return self.mask * self.operator.measured(y)

    def probability(self, y: Array) -> Array:
        return self.operator.probability(y)

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        return self.operator.sample_axes(y)

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        return self.operator.frequencies(y)


class Views(LinearOperator):
    """Many measurements of the same x: y[i] = H_i(x), for H_i one operator with a leading axis on its leaves."""

    many_views: ClassVar[bool] = True

    operator: LinearOperator

    def __call__(self, x: Array) -> Array:
        return jax.vmap(lambda H: H(x))(self.operator)

    def domain(self, y: Array) -> jax.ShapeDtypeStruct:
        return self._first.domain(jax.ShapeDtypeStruct(y.shape[1:], y.dtype))

    def measured(self, y: Array) -> Array:
        return jax.vmap(lambda H, y: H.measured(y))(self.operator, y)

    def probability(self, y: Array) -> Array:
        return jax.vmap(lambda H, y: H.probability(y))(self.operator, y)

    def sample_axes(self, y: Array) -> tuple[int, ...]:
        return (0, *(1 + axis for axis in self._first.sample_axes(jax.ShapeDtypeStruct(y.shape[1:], y.dtype))))

    def frequencies(self, y: Array) -> tuple[Array, ...] | None:
        return jax.vmap(lambda H, y: H.frequencies(y))(self.operator, y)

    @property
    def aberrations(self) -> int:
        """How many Zernike polynomials can be given to the pupil of a lens in H by `aberrated`; none where it has none."""
        return 0

    def aberrated(self, coefficients: Array) -> "Operator":
        """H through a lens of other aberrations: `coefficients` of Zernike polynomials, radians, as in `unsup_jax.operators.pupil`."""
        raise NotImplementedError

    def without_pose(self) -> "Views":
        return Views(self.operator.without_pose())

    def some(self, views: slice) -> "Views":
        """Those of the views."""
        return Views(jax.tree.map(lambda leaf: leaf[views], self.operator))

    def apart(self, count: int) -> list[LinearOperator]:
        """H_i of each of the `count` views."""
        leaves, structure = jax.tree.flatten(self.operator)
        return [jax.tree.unflatten(structure, [leaf[i] for leaf in leaves]) for i in range(count)]

    @property
    def _first(self):
        return jax.tree.map(lambda leaf: leaf[0], self.operator)
