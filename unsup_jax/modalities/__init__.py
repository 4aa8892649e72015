"""Instruments: how a clean image becomes a measurement."""

from unsup_jax.modalities.instruments import (
    DiffractionTomograph, ElectronMicroscope, FourierPtychographicMicroscope, Scanner, TiltSeries, Tomograph,
)
from unsup_jax.modalities.microscope import Blurred, Camera, Inpainting, Modality

__all__ = [
    "Blurred", "Camera", "DiffractionTomograph", "ElectronMicroscope", "FourierPtychographicMicroscope", "Inpainting",
    "Modality", "Scanner", "TiltSeries", "Tomograph",
]
