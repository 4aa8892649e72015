"""Small problems that several tests share."""

import tempfile
from functools import cache
from pathlib import Path

import jax
import numpy as np

from unsup_jax.apply import reconstruct_files
from unsup_jax.core import Measurement
from unsup_jax.data import Data, Phantoms, Stream
from unsup_jax.experiment import Experiment
from unsup_jax.export import Card, export
from unsup_jax.files import open_image
from unsup_jax.methods import Noise2Void
from unsup_jax.modalities import Camera
from unsup_jax.modalities.mri import loop_coils
from unsup_jax.networks import DnCNN
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity
from unsup_jax.train import Train, fit


def noisy_images(count: int = 4, shape=(64, 64), kind="filaments", sigma=20.0) -> list[Measurement]:
    """Phantoms in white noise, with their truth and a second realisation."""
    measure = jax.jit(Camera(noise=Gaussian(sigma)).measure)
    images = Phantoms(kind, count=count, shape=shape, seed=1).images()
    measured = [measure(jax.random.fold_in(jax.random.key(0), i), image) for i, image in enumerate(images)]
    return [jax.tree.map(np.asarray, m) for m in measured]


def run_fit(method, steps=4, *, directory=None, measurements=None, unpaired=None, batch=4, patch=16, **train):
    """The state after a short training on phantoms."""
    measurements = measurements or noisy_images()
    stream = Stream(measurements, batch=batch, patch=patch, augment=True, seed=0, unpaired=unpaired)
    train = {"checkpoint_every": steps, "validation_batches": 1, "use": "latest", **train}
    on_step = train.pop("on_step", None)
    return fit(
        method, Train(steps=steps, batch=batch, **train), stream, stream,
        Path(directory or tempfile.mkdtemp()), quiet=True, on_step=on_step,
    )


projected = jax.jit(lambda H, x: H(x))
"""What an operator makes of an array, in one compilation for each kind."""


def made_of(method, modality, source, output, **data):
    """The array of what `reconstruct` writes of a file."""
    reconstruct_files(Experiment(method, modality, Data(path=str(source), patch=None, **data)), output.parent, source, output)
    return np.asarray(open_image(output).array)


def centred_kspace(seed=0, coils=4, size=32):
    """Centred k-space of a phantom seen by loops, and its image by the orthonormal FFT."""
    image = np.asarray(Phantoms("nuclei", count=1, shape=(size, size), seed=seed).images()[0])[..., 0]
    coil_images = np.asarray(loop_coils(coils, (size, size))) * image
    return np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(coil_images, (1, 2)), norm="ortho"), (1, 2)).astype(np.complex64), image


@cache
def exported():
    """(a tiny Noise2Void, its state, the bytes of its BioImage.IO package)."""
    method = Noise2Void(network=DnCNN(depth=2, width=2))
    y = np.random.default_rng(0).normal(90, 7, (45, 46, 1)).astype(np.float32)
    with jax.numpy_dtype_promotion("standard"), tempfile.TemporaryDirectory() as folder:
        state = jax.jit(method.init)(jax.random.key(0), Measurement(y[None], Identity()))
        package, card = Path(folder) / "model.zip", Card(name="A model of ours", authors=("A. Person",))
        export(jax.random.key(0), method, state, None, package, Measurement(y, Identity()), name="run", card=card)
        return method, state, package.read_bytes()
