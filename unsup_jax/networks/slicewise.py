r"""A two-dimensional network of a volume, by its slices.

    F_theta(y) = 1/|A| sum_{a in A} S_a^-1 { f_theta(s) : s in S_a(y) }

S_a(y) are the slices of y across axis a. Across the first axis alone it is a network of every slice of a stack; across all three, the xy, xz and yz
passes of a volume and their mean, by which 3-D deconvolution takes a network of images (Lee et al., ISBI 2019, "Three dimensional blind image
deconvolution for fluorescence microscopy using generative adversarial networks").
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax import Array

from unsup_jax.errors import InputError
from unsup_jax.networks.base import Network
from unsup_jax.networks.resnet import ResNet


class Slicewise(Network):
    """`network` of each slice of a volume [D, H, W, C], and the mean over axes. Raises `InputError` on axes that a volume has not, or has once."""

    network: Network = ResNet(depth=5, width=32)
    """f_theta of one slice; its rows are along z, except in slices across z."""
    axes: tuple[int, ...] = (0,)
    """A: across z (0, xy slices), y (1, xz) and x (2, yz)."""
    shared: bool = True
    """One theta for all axes; False: one for each, where slices across them differ in kind, as behind an elongated blur."""

    def __post_init__(self):
        super().__post_init__()
        if not self.axes or not set(self.axes) <= {0, 1, 2} or len(set(self.axes)) < len(self.axes):
            raise InputError(f"slices are across axes of 0, 1, 2, each once, not {self.axes}")

    @property
    def radius(self) -> int | None:
        return self.network.radius

    @property
    def alignment(self) -> int:
        return self.network.alignment

    def tiny(self) -> "Slicewise":
        return self.clone(network=self.network.tiny())

    @nn.compact
    def __call__(self, y: Array) -> Array:
        if y.ndim != 4:
            raise InputError(f"slices are of volumes [D, H, W, C], not of an image of shape {y.shape}; give --data.dimensions 3")
        networks = named(self.network, self.axes, self.shared)
        passes = [jnp.moveaxis(of_slices(f, jnp.moveaxis(y, axis, 0)), 0, axis) for axis, f in networks]
        return sum(passes) / len(passes)


def named(module: nn.Module, axes: tuple[int, ...], shared: bool) -> list[tuple[int, nn.Module]]:
    """(axis, module of the slices across it), the same for all or a copy for each."""
    one = module.copy(name="each") if shared else None
    return [(axis, one or module.copy(name=f"across{axis}")) for axis in axes]


def of_slices(module: nn.Module, *volumes: Array) -> Any:
    """What a module makes of every slice across the first axis of volumes."""
    return nn.vmap(lambda module, *slices: module(*slices), variable_axes={"params": None}, split_rngs={"params": False})(module, *volumes)
