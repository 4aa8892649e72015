"""Forward operators, one physics a file."""

from unsup_jax.operators.calibration import compress_coils, espirit, sets_seen, whitening
from unsup_jax.operators.convolution import Convolution
from unsup_jax.operators.cryo_em import ContrastTransfer, Projection, RealSpaceProjection, ctf, random_rotations
from unsup_jax.operators.density import density_compensation
from unsup_jax.operators.diffraction import AngularSpectrum, Diffraction
from unsup_jax.operators.diffraction_scan import DiffractionScan
from unsup_jax.operators.families import UnknownAngles, UnknownPose
from unsup_jax.operators.fan_beam import FanBeam, arc_fan, flat_fan
from unsup_jax.operators.fourier import Fourier, NonuniformFourier
from unsup_jax.operators.holography import Hologram
from unsup_jax.operators.localization import Emitters, blinking
from unsup_jax.operators.masking import Identity, Mask, hole, random_blocks
from unsup_jax.operators.mri import SENSE, Multislice, NonCartesianSENSE
from unsup_jax.operators.psf import airy_psf, confocal_psf, gaussian_psf, gibson_lanni_psf
from unsup_jax.operators.ptychography import FourierPtychography
from unsup_jax.operators.resampling import Binning, Planes, Resampling, resampling
from unsup_jax.operators.tomography import Radon, filtered_back_projection, missing_wedge, parallel_angles, ramp_filter

__all__ = [
    "AngularSpectrum", "Binning", "ContrastTransfer", "Convolution", "Diffraction", "DiffractionScan", "Emitters", "FanBeam", "Fourier",
    "FourierPtychography", "Hologram", "Identity", "Mask", "Multislice", "NonCartesianSENSE", "NonuniformFourier",
    "Planes", "Projection", "Radon", "RealSpaceProjection", "Resampling", "SENSE", "UnknownAngles", "UnknownPose", "airy_psf", "arc_fan", "blinking",
    "compress_coils", "confocal_psf", "ctf", "density_compensation", "espirit", "filtered_back_projection", "flat_fan", "gaussian_psf",
    "gibson_lanni_psf", "hole", "missing_wedge", "parallel_angles", "ramp_filter", "random_blocks", "random_rotations", "resampling",
    "sets_seen", "whitening",
]
