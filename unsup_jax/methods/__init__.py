"""Methods, one a file, named as their papers name them."""

from unsup_jax.methods.adversarial.ambient_gan import AmbientGAN
from unsup_jax.methods.adversarial.anna_palm import AnnaPalm
from unsup_jax.methods.adversarial.cryogan import CryoGAN
from unsup_jax.methods.adversarial.csgm import CSGM
from unsup_jax.methods.adversarial.fgan import FGAN
from unsup_jax.methods.adversarial.gan import GAN
from unsup_jax.methods.adversarial.ganrec import GANrec
from unsup_jax.methods.adversarial.multi_cryogan import MultiCryoGAN
from unsup_jax.methods.adversarial.pix2pix import Pix2Pix
from unsup_jax.methods.adversarial.ptychography_gan import PtychographyGAN
from unsup_jax.methods.adversarial.r3gan import R3GAN
from unsup_jax.methods.adversarial.slice_gan import SliceGAN
from unsup_jax.methods.adversarial.sngan import SNGAN
from unsup_jax.methods.adversarial.tomogan import TomoGAN
from unsup_jax.methods.adversarial.unmeasured_gan import UnmeasuredGAN
from unsup_jax.methods.adversarial.unsupervised_mri import UnsupervisedMRI
from unsup_jax.methods.adversarial.wgan import WGAN
from unsup_jax.methods.classical.admm import ADMM
from unsup_jax.methods.classical.back_projection import FilteredBackProjection
from unsup_jax.methods.classical.bm3d import BM3D
from unsup_jax.methods.classical.conjugate_gradient import ConjugateGradient
from unsup_jax.methods.classical.empirical_law import EmpiricalLaw
from unsup_jax.methods.classical.filters import GaussianFilter, MedianFilter, NonLocalMeans, WaveletShrinkage
from unsup_jax.methods.classical.first_guess import AsMeasured, FirstGuess
from unsup_jax.methods.classical.gaussian_law import GaussianLaw
from unsup_jax.methods.classical.gerchberg_papoulis import GerchbergPapoulis
from unsup_jax.methods.classical.gradient_descent import GradientDescent
from unsup_jax.methods.classical.grappa import GRAPPA, SliceGRAPPA
from unsup_jax.methods.classical.histogram_matching import HistogramMatching
from unsup_jax.methods.classical.peak_finding import PeakFinding
from unsup_jax.methods.classical.proximal_gradient import ProximalGradient
from unsup_jax.methods.classical.richardson_lucy import RichardsonLucy
from unsup_jax.methods.classical.stacked_slices import StackedSlices
from unsup_jax.methods.classical.variable_splitting import VariableSplitting
from unsup_jax.methods.classical.wiener import Wiener
from unsup_jax.methods.composed import Composed
from unsup_jax.methods.deep_storm import DeepStorm
from unsup_jax.methods.general_denoiser import GeneralDenoiser
from unsup_jax.methods.packaged import Packaged
from unsup_jax.methods.score.ambient import Ambient
from unsup_jax.methods.score.em import EMDiffusion
from unsup_jax.methods.score.gsure import GSURE
from unsup_jax.methods.score.posterior_sampling import PosteriorSampling
from unsup_jax.methods.score.score import Score
from unsup_jax.methods.self_supervised.noise2noise import Noise2Noise
from unsup_jax.methods.self_supervised.noise2score import Noise2Score
from unsup_jax.methods.self_supervised.noise2self import Noise2Self
from unsup_jax.methods.self_supervised.noise2void import Noise2Void
from unsup_jax.methods.self_supervised.pn2v import PN2V
from unsup_jax.methods.self_supervised.rare import RARE
from unsup_jax.methods.self_supervised.self2self import Self2Self
from unsup_jax.methods.self_supervised.ssdu import SSDU, NaiveConsistency
from unsup_jax.methods.self_supervised.zero_shot import ZeroShotSSL
from unsup_jax.methods.self_supervised.zs_n2n import ZSN2N
from unsup_jax.methods.stabilized import Stabilized
from unsup_jax.methods.stacked import Stacked
from unsup_jax.methods.supervised import Supervised
from unsup_jax.methods.transport.c2gan import C2GAN
from unsup_jax.methods.transport.cycle_gan import CycleGAN
from unsup_jax.methods.transport.projection_gan import ProjectionGAN
from unsup_jax.methods.untrained.deep_image_prior import DeepImagePrior
from unsup_jax.methods.untrained.deep_phase_decoder import DeepPhaseDecoder
from unsup_jax.methods.variational.cosdd import COSDD
from unsup_jax.methods.variational.divnoising import DivNoising
from unsup_jax.methods.variational.hdn import HDN
from unsup_jax.methods.variational.spatial_vae import SpatialVAE
from unsup_jax.methods.variational.vae import VAE

__all__ = [
    "ADMM", "Ambient", "AmbientGAN", "AnnaPalm", "AsMeasured", "BM3D", "C2GAN", "COSDD", "CSGM", "Composed", "ConjugateGradient", "CryoGAN", "CycleGAN",
    "DeepImagePrior", "DeepPhaseDecoder", "DeepStorm", "DivNoising", "EMDiffusion", "EmpiricalLaw", "FGAN", "FilteredBackProjection",
    "FirstGuess", "GAN", "GANrec", "GRAPPA", "GSURE", "GaussianFilter", "GaussianLaw", "GeneralDenoiser",
    "GerchbergPapoulis", "GradientDescent", "HDN", "HistogramMatching",
    "MedianFilter", "MultiCryoGAN", "NaiveConsistency", "Noise2Noise", "Noise2Score", "Noise2Self", "Noise2Void",
    "NonLocalMeans", "PN2V", "Packaged", "PeakFinding", "Pix2Pix", "PosteriorSampling", "ProjectionGAN", "ProximalGradient",
    "PtychographyGAN", "R3GAN", "RARE", "RichardsonLucy", "SNGAN", "SSDU", "Score", "Self2Self", "SliceGAN", "SliceGRAPPA",
    "SpatialVAE", "Stabilized", "Stacked", "StackedSlices", "Supervised", "TomoGAN", "UnmeasuredGAN", "UnsupervisedMRI", "VAE", "VariableSplitting",
    "WGAN", "WaveletShrinkage", "Wiener", "ZSN2N", "ZeroShotSSL",
]
