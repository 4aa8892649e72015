"""A two-dimensional network of every slice of a stack, with the same parameters."""

import dataclasses

import flax.linen as nn
from jax import Array

from unsup_jax.networks.base import Network
from unsup_jax.networks.resnet import ResNet


class Slicewise(Network):
    """`network` of each slice of a stack [slice, H, W, C]."""

    network: Network = ResNet(depth=5, width=32)
    """R_theta of one slice."""

    def tiny(self) -> "Slicewise":
        return self.clone(network=self.network.tiny())

    @nn.compact
    def __call__(self, x: Array) -> Array:
        names = [field.name for field in dataclasses.fields(self.network)]
        fields = {name: getattr(self.network, name) for name in names if name not in ("parent", "name")}
        each = nn.vmap(type(self.network), variable_axes={"params": None}, split_rngs={"params": False})
        return each(**fields, name="each")(x)
