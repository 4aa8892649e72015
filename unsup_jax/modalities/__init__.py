"""Instruments: how a clean image becomes a measurement."""

from unsup_jax.modalities.instruments import (
    DiffractionTomograph, ElectronMicroscope, FourierPtychographicMicroscope, TiltSeries, Tomogram, Tomograph,
)
from unsup_jax.modalities.microscope import Blurred, Camera, Inpainting, LineScanner, Modality
from unsup_jax.modalities.mri import MultisliceScanner, Scanner
from unsup_jax.modalities.paradigm import Paradigm

__all__ = [
    "Blurred", "Camera", "DiffractionTomograph", "ElectronMicroscope", "FourierPtychographicMicroscope", "Inpainting",
    "LineScanner", "Modality", "MultisliceScanner", "Paradigm", "Scanner", "TiltSeries", "Tomogram", "Tomograph",
]
