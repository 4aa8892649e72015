"""Flax modules over one channels-last image, and nothing else."""

from unsup_jax.networks.autoencoder import (
    Autoencoder, ConvDecoder, ConvEncoder, CoordinateDecoder, DenseDecoder, DenseEncoder, MapDecoder, MapEncoder,
)
from unsup_jax.networks.base import Network, natively
from unsup_jax.networks.causal_rows import CausalRows
from unsup_jax.networks.convolution import Conv, Down, UpConv, convolve
from unsup_jax.networks.critic import ConvCritic, Critic, MultiScaleCritic, PatchCritic, ResidualCritic, SliceCritic
from unsup_jax.networks.dncnn import DnCNN
from unsup_jax.networks.fixed_input import DeepDecoder, FixedInput, FourierFeatures, FreePixels, SkipNet
from unsup_jax.networks.folded import Folded
from unsup_jax.networks.generator import ConvGenerator, DenseGenerator, Generator, ResidualGenerator
from unsup_jax.networks.ladder import Ladder, Level
from unsup_jax.networks.modulation import AdaIN, FiLM, SelfAttention
from unsup_jax.networks.noise_network import NoiseNetwork
from unsup_jax.networks.null_space import NullSpace
from unsup_jax.networks.partial_unet import PartialConv, PartialUNet
from unsup_jax.networks.resnet import ResNet
from unsup_jax.networks.score_unet import ScoreUNet
from unsup_jax.networks.signal_decoder import SignalDecoder
from unsup_jax.networks.slicewise import Slicewise
from unsup_jax.networks.strided import Strided
from unsup_jax.networks.styled_unet import StyledUNet
from unsup_jax.networks.transposed import Transposed
from unsup_jax.networks.unet import UNet
from unsup_jax.networks.unrolled import Unrolled
from unsup_jax.networks.upsampled import Upsampled
from unsup_jax.networks.volume import Volume, VolumeModes
from unsup_jax.networks.volume_generator import VolumeGenerator

__all__ = [
    "AdaIN", "Autoencoder", "CausalRows", "Conv", "ConvCritic", "ConvDecoder", "ConvEncoder", "ConvGenerator", "CoordinateDecoder", "Critic",
    "DeepDecoder", "DenseDecoder", "DenseEncoder", "DenseGenerator", "DnCNN", "Down", "FiLM", "FixedInput", "Folded", "FourierFeatures", "FreePixels",
    "Generator", "Ladder", "Level", "MapDecoder", "MapEncoder", "MultiScaleCritic", "Network", "NoiseNetwork", "NullSpace", "PartialConv",
    "PartialUNet", "PatchCritic", "ResNet", "ResidualCritic", "ResidualGenerator", "ScoreUNet", "SelfAttention", "SignalDecoder", "SkipNet",
    "SliceCritic", "Slicewise", "Strided", "StyledUNet", "Transposed", "UNet", "Unrolled", "UpConv", "Upsampled", "Volume",
    "VolumeGenerator", "VolumeModes",
    "convolve", "natively",
]
