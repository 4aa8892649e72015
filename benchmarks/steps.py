"""Training steps and tiled reconstruction; beside the same network in PyTorch on the same threads.

PyTorch runs in the same process and so gains from the malloc settings of `parallel.configure` and `huge_pages` too:
alone, with the system's defaults, its step at 8 x 256^2 takes about a tenth longer.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import jax
import numpy as np

import experiments
from benchmarks import adversarial, conditional, cryogan, peers, score, transport, unrolled, variational
from benchmarks.timing import peak_memory, rows_of, training_step
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Stream
from unsup_jax.evaluate import psnr
from unsup_jax.inference import tiled
from unsup_jax.methods import Supervised
from unsup_jax.networks import UNet
from unsup_jax.operators import Identity
from unsup_jax.train import Train, fit, parallel

METHOD = Supervised(network=UNet(depth=2, width=32), optimizer=Adam(decay=False))


def measure(repeats: int, with_peers: bool, only: str = "") -> Iterator[dict]:
    """The rows of the families whose name holds `only`."""
    families = {
        "unet": _unet, "unrolled": unrolled.measure, "spatial_vae": variational.measure, "adversarial": adversarial.measure,
        "conditional": conditional.measure, "transport": transport.measure, "cryogan": cryogan.measure, "score": score.measure, "one_image": _one_image,
        "reconstruction": _reconstructions,
    }
    for name, family in families.items():
        if only in name:
            yield from family(repeats, with_peers)


def _unet(repeats, with_peers):
    for count, size, rank in ((16, 64, 2), (8, 256, 2), (4, 32, 3)):
        y = np.random.default_rng(0).normal(size=(count, *(size,) * rank, 1)).astype(np.float32)
        batch = Measurement(y, Identity(), truth=y)
        update, figures, state = training_step(METHOD, batch)
        torch = partial(_torch, y, state.trained.params["params"]) if with_peers else None
        yield from rows_of(f"U-Net step {count} x {size}^{rank}", update, figures, repeats, torch)


def _one_image(repeats, with_peers):
    """Noise2Void from one photograph, sigma 25, command to estimate: CAREamics in 500 steps, where installed, and ours to its PSNR."""
    camera = experiments.load("n2v_camera")
    (one,), _ = camera.data.measure(camera.modality, 0)
    target, case, theirs = 26.0, "Noise2Void from one image of 512^2", None
    if with_peers:
        try:
            before = time.perf_counter(), time.process_time()
            target = psnr(_careamics(one.y[..., 0], 500)[..., None], one.truth)
            theirs = {"wall_ms": (time.perf_counter() - before[0]) * 1e3, "cpu_ms": (time.process_time() - before[1]) * 1e3}
            yield {"case": case, "who": "careamics", **theirs, "note": f"500 steps of 16 x 64^2: {target:.2f} dB"}
        except ImportError as error:
            yield {"case": case, "who": "careamics", "note": peers.not_installed(error)}
    for steps in (100, 200, 400, 800, 1600):
        before = time.perf_counter(), time.process_time()
        stream = Stream([one], batch=16, patch=64, augment=True, seed=0)
        with tempfile.TemporaryDirectory() as folder:
            train = Train(steps=steps, batch=16, checkpoint_every=steps, validation_batches=1, use="latest")
            state = parallel.local(fit(camera.method, train, stream, stream, Path(folder), quiet=True))
        reached = psnr(np.asarray(jax.jit(camera.method.reconstruct)(jax.random.key(0), state, one.only(()))), one.truth)
        if reached >= target:
            break
    wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
    note = f"{steps} steps of 16 x 64^2: {reached:.2f} dB" + (f"; {theirs['wall_ms'] / wall / 1e3:.2f}x wall time, {theirs['cpu_ms'] / cpu / 1e3:.2f}x CPU" if theirs else "")
    yield {"case": case, "who": "ours", "wall_ms": wall * 1e3, "cpu_ms": cpu * 1e3, "note": note + "; compilation included"}


def _careamics(image, steps):
    from careamics import CAREamist
    from careamics.config import create_n2v_config

    epochs = steps * 16 * 64**2 // image.size                      # an epoch visits each of its patches once
    config = create_n2v_config("one_image", "array", "YX", patch_size=[64, 64], batch_size=16, num_epochs=epochs)
    with tempfile.TemporaryDirectory() as folder:
        peer = CAREamist(config, work_dir=folder, enable_progress_bar=False)
        peer.train(train_data=image)
        estimates, _ = peer.predict(image)
    return np.asarray(estimates[0]).reshape(image.shape)


def _reconstructions(repeats, with_peers):
    yield from map(_reconstruction, (2048, 8192))


def _reconstruction(size):
    y = np.random.default_rng(0).normal(size=(size, size, 1)).astype(np.float32)
    state = METHOD.init(jax.random.key(0), Measurement(jax.numpy.asarray(y[None, :64, :64]), Identity()))
    target = np.zeros_like(y)
    fill = tiled(METHOD, state, jax.random.key(0))
    fill([y[:600, :600]], [target[:600, :600]], (600, 600))  # compiles
    before = time.perf_counter(), time.process_time()
    memory = peak_memory(lambda: fill([y], [target], (size, size)))
    wall, cpu = time.perf_counter() - before[0], time.process_time() - before[1]
    return {"case": f"reconstruction {size}^2 in tiles of 512", "who": "ours", "wall_ms": wall * 1e3, "cpu_ms": cpu * 1e3,
            "memory_mb": memory, "note": f"{size**2 / wall / 1e6:.2f} megapixel/s"}


def _torch(y, params):
    """(training step, how far its outputs are from ours) of the same U-Net with the same parameters."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    weights, network = peers.torch_unet(params, y.ndim - 2)
    optimizer = torch.optim.Adam(weights, METHOD.optimizer.learning_rate)
    x = torch.tensor(np.moveaxis(y, -1, 1)).contiguous(memory_format={4: torch.channels_last, 5: torch.channels_last_3d}[y.ndim])

    def step():
        optimizer.zero_grad()
        (network(x) - x).square().mean().backward()
        optimizer.step()

    with torch.no_grad():
        theirs = network(x[:1])[0].movedim(0, -1).numpy()
    return step, f"outputs differ by {np.abs(METHOD.network.apply({'params': params}, y[0]) - theirs).max():.1e}"
