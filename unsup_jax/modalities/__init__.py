"""Instruments: how a clean image becomes a measurement."""

from unsup_jax.modalities.microscope import Blurred, Camera, Inpainting, Modality

__all__ = ["Blurred", "Camera", "Inpainting", "Modality"]
