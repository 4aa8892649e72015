"""Images: bundled, drawn, or the user's own; and the stream of patches that feeds the trainer."""

from unsup_jax.data.bundled import Brain, Bundled
from unsup_jax.data.dataset import Data, Dataset
from unsup_jax.data.fmri import FunctionalRun
from unsup_jax.data.particles import Particles
from unsup_jax.data.phantoms import Hinge, Phantoms
from unsup_jax.data.stream import Stream, streams

__all__ = ["Brain", "Bundled", "Data", "Dataset", "FunctionalRun", "Hinge", "Particles", "Phantoms", "Stream", "streams"]
