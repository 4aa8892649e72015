"""Flax modules over one channels-last image, and nothing else."""

from unsup_jax.networks.convolution import Conv, Down, UpConv, convolve
from unsup_jax.networks.dncnn import DnCNN
from unsup_jax.networks.partial_unet import PartialConv, PartialUNet
from unsup_jax.networks.resnet import ResNet
from unsup_jax.networks.unet import UNet
from unsup_jax.networks.unrolled import Unrolled

__all__ = ["Conv", "DnCNN", "Down", "PartialConv", "PartialUNet", "ResNet", "UNet", "Unrolled", "UpConv", "convolve"]
