"""Flax modules over one channels-last image, and nothing else."""

from unsup_jax.networks.autoencoder import (
    Autoencoder, ConvDecoder, ConvEncoder, CoordinateDecoder, DenseDecoder, DenseEncoder, MapDecoder, MapEncoder,
)
from unsup_jax.networks.convolution import Conv, Down, UpConv, convolve
from unsup_jax.networks.dncnn import DnCNN
from unsup_jax.networks.noise_network import NoiseNetwork
from unsup_jax.networks.partial_unet import PartialConv, PartialUNet
from unsup_jax.networks.resnet import ResNet
from unsup_jax.networks.slicewise import Slicewise
from unsup_jax.networks.unet import UNet
from unsup_jax.networks.unrolled import Unrolled

__all__ = [
    "Autoencoder", "Conv", "ConvDecoder", "ConvEncoder", "CoordinateDecoder", "DenseDecoder", "DenseEncoder", "DnCNN", "Down",
    "MapDecoder", "MapEncoder", "NoiseNetwork", "PartialConv", "PartialUNet", "ResNet", "Slicewise", "UNet", "Unrolled", "UpConv", "convolve",
]
