r"""What is known about H where H itself is not: a distribution of operators, H_phi with phi ~ P_phi (article, eq. (40)).

    Own        phi is that of the measurement: over a data set, the empirical law of what was recorded
    Among      phi is one of N that are known, whichever the measurement's is
    Drawn      phi is drawn by an instrument: its masks, its lines, its angles
    Redrawn    some of phi is that of the measurement, and the rest is drawn: a known CTF with an unknown pose

A family draws for ONE measurement, whose own operator says what is known; batches come from `vmap`, and derivatives go
through H_phi as through any other operator. `measure` draws the noise anew beside it.
"""

from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array

from unsup_jax.core.measurement import Measurement, Scale
from unsup_jax.core.operator import Operator
from unsup_jax.errors import InputError


@dataclass(frozen=True)
class Family:
    """P_phi. A subclass writes `draw`, of operators that are alike in all but the values of their arrays."""

    def draw(self, key: Array, one: Measurement) -> Operator:
        """H_phi, phi ~ P_phi, of a measurement like `one`."""
        raise NotImplementedError

    def measure(self, key: Array, x: Array, one: Measurement) -> Measurement:
        """y = H_phi(x) + w, with operator and noise drawn anew: another measurement like `one`, of x."""
        of_H, of_w = jax.random.split(key)
        H = self.draw(of_H, one)
        return Measurement(one.noise.reparametrized(of_w, self.signal(H, x)), H, one.noise)

    def signal(self, H: Operator, x: Array) -> Array:
        """H(x), in the units of y."""
        return H(x)

    def domain(self, one: Measurement) -> jax.ShapeDtypeStruct:
        """Shape and type of the x of which the family makes measurements like `one`."""
        return self.drawn(one).domain(one.y)

    def drawn(self, one: Measurement) -> Operator:
        """The kind of operator that is drawn, with shapes and types in the place of its arrays."""
        return jax.eval_shape(lambda one: self.draw(jax.random.key(0), one), one)

    def check(self, one: Measurement, who: str = "a family") -> None:
        """Raise `InputError` unless the family makes measurements of the shape of `one`, in a noise that is known; `who` asks for them."""
        if one.noise is None:
            raise InputError(f"{who} draws the noise of measurements anew, and it is not known; give a noise model (--data.calibration measures one)")
        wanted, made, reason = f"{one.y.dtype} data of shape {one.y.shape}", "none of that kind", ""
        try:
            y = jax.eval_shape(lambda x, one: self.measure(jax.random.key(0), x, one).y, self.domain(one), one)
            made = f"{y.dtype} data of shape {y.shape}"
        except (InputError, ValueError, TypeError, IndexError) as error:
            reason = f": {str(error).splitlines()[0]}"
        if made != wanted:
            raise InputError(f"{who} draws measurements by {type(self).__name__}, which is to make {wanted} as there are, and makes {made}{reason}")


@dataclass(frozen=True)
class Own(Family):
    """The measurement's own operator: P_phi is the empirical law of the data set."""

    def draw(self, key: Array, one: Measurement) -> Operator:
        return one.operator


@dataclass(frozen=True, eq=False)
class Among(Family):
    """One of N operators, each as likely as any other, such as those of a batch; or the measurement's own with some arrays of that one."""

    operators: Operator
    """N of them: one operator with a leading axis on its leaves."""
    names: tuple[str, ...] = ()
    """Fields of it that are drawn, such as "mask"; all of the operator where there are none."""

    def draw(self, key: Array, one: Measurement) -> Operator:
        leaves = jax.tree.leaves(self.operators)
        place = jax.random.randint(key, (), 0, len(leaves[0])) if leaves else None
        H = jax.tree.map(lambda leaf: jnp.asarray(leaf)[place], self.operators)
        return one.operator.replace(**{name: getattr(H, name) for name in self.names}) if self.names else H


@dataclass(frozen=True)
class Drawn(Family):
    """What an instrument draws. Raises `InputError` on one that draws no operator."""

    instrument: Any
    """Its `operator(key, x)` is H_phi of one measurement of x, of which the shape and the type are looked at."""

    def __post_init__(self):
        if not callable(getattr(self.instrument, "operator", None)):
            raise InputError(f"Drawn takes an instrument, whose operators it draws, not {type(self.instrument).__name__}")

    def draw(self, key: Array, one: Measurement) -> Operator:
        x = one.operator.domain(one.y)
        return self.instrument.operator(key, jnp.zeros(x.shape, x.dtype))


@dataclass(frozen=True)
class Redrawn(Family):
    """The measurement's own operator with some of its arrays drawn anew. A subclass writes `unknown`."""

    def unknown(self, key: Array, H: Operator) -> dict[str, Array]:
        """The arrays of H that are drawn, by the names of its fields."""
        raise NotImplementedError

    def draw(self, key: Array, one: Measurement) -> Operator:
        return one.operator.replace(**self.unknown(key, one.operator))


@dataclass(frozen=True, eq=False)
class InUnits(Family):
    """A family whose measurements, and the x of which they are, are in units of grey of their own; H_phi stays as it is."""

    family: Family
    scale: Scale
    """Units of y, and of the noise."""
    target: Scale
    """Units of x."""

    def draw(self, key: Array, one: Measurement) -> Operator:
        return self.family.draw(key, one)

    def signal(self, H: Operator, x: Array) -> Array:
        return self.scale.normalize(H(self.target.restore(x)))
