"""Instruments: how a clean image becomes a measurement, and which files hold measurements already."""

from unsup_jax.modalities.base import Modality, Recording, check_files
from unsup_jax.modalities.camera import Camera, LineScanner
from unsup_jax.modalities.coarse_camera import CoarseCamera
from unsup_jax.modalities.cryo_em import ElectronMicroscope
from unsup_jax.modalities.deconvolution import Blurred
from unsup_jax.modalities.diffraction import DiffractionTomograph
from unsup_jax.modalities.diffraction_scan import ScanningTomograph
from unsup_jax.modalities.holography import HolographicMicroscope
from unsup_jax.modalities.imager import Imager
from unsup_jax.modalities.inpainting import Inpainting
from unsup_jax.modalities.localization import LocalizationMicroscope
from unsup_jax.modalities.localized import LocalizationCounts
from unsup_jax.modalities.misinformed import MisinformedBlur
from unsup_jax.modalities.mri import MultisliceScanner, Scanner
from unsup_jax.modalities.paradigm import Paradigm
from unsup_jax.modalities.ptychography import FourierPtychographicMicroscope
from unsup_jax.modalities.stained import TwoStains
from unsup_jax.modalities.tilt_series import TiltSeries, Tomogram
from unsup_jax.modalities.tomography import Tomograph

__all__ = [
    "INSTRUMENTS", "Blurred", "Camera", "CoarseCamera", "DiffractionTomograph", "ElectronMicroscope", "FourierPtychographicMicroscope",
    "HolographicMicroscope", "Imager", "Inpainting", "LineScanner", "LocalizationCounts", "LocalizationMicroscope", "MisinformedBlur",
    "Modality", "MultisliceScanner", "Paradigm", "Recording", "Scanner", "ScanningTomograph", "TiltSeries", "Tomogram", "Tomograph", "TwoStains", "check_files",
]

INSTRUMENTS = (
    Blurred, Camera, CoarseCamera, DiffractionTomograph, ElectronMicroscope, FourierPtychographicMicroscope, HolographicMicroscope, Inpainting,
    LineScanner, LocalizationCounts, LocalizationMicroscope, MultisliceScanner, Scanner, TiltSeries, Tomogram, Tomograph,
)
"""Every kind, to ask which of them a file is of."""
