"""Instruments: how a clean image becomes a measurement."""

from unsup_jax.modalities.instruments import (
    DiffractionTomograph, ElectronMicroscope, FourierPtychographicMicroscope, Scanner, TiltSeries, Tomogram, Tomograph,
)
from unsup_jax.modalities.microscope import Blurred, Camera, Inpainting, LineScanner, Modality

__all__ = [
    "Blurred", "Camera", "DiffractionTomograph", "ElectronMicroscope", "FourierPtychographicMicroscope", "Inpainting",
    "LineScanner", "Modality", "Scanner", "TiltSeries", "Tomogram", "Tomograph",
]
