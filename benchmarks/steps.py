"""Training steps and tiled reconstruction; beside the same network in PyTorch on the same threads.

PyTorch runs in the same process and so gains from the malloc settings of `parallel.configure` and `huge_pages` too:
alone, with the system's defaults, its step at 8 x 256^2 takes about a tenth longer.
"""

import importlib.util
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np

import experiments
from benchmarks import adversarial, unrolled, variational
from benchmarks.timing import compiled, peak_memory, rows_of
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Stream
from unsup_jax.evaluate import psnr
from unsup_jax.inference import tiled
from unsup_jax.methods import Supervised
from unsup_jax.networks import UNet
from unsup_jax.operators import Identity
from unsup_jax.train import Train, fit, parallel

METHOD = Supervised(network=UNet(depth=2, width=32), optimizer=Adam(decay=False))


def measure(repeats: int, peers: bool) -> Iterator[dict]:
    """The U-Net step at 16 x 64^2 and at 8 x 256^2, Noise2Void end to end, and images of 2048^2 and 8192^2 in tiles."""
    for count, size in ((16, 64), (8, 256)):
        y = np.random.default_rng(0).normal(size=(count, size, size, 1)).astype(np.float32)
        batch = Measurement(y, Identity(), truth=y)
        replicas = parallel.Replicas.of(len(batch.y))
        state = replicas.place(jax.jit(METHOD.init)(jax.random.key(0), batch))
        key, shares = jax.random.key(1), replicas.shard(batch)
        update, figures = compiled(replicas.map(METHOD.update), key, state, shares)
        step, agreement = None, ""
        if peers:
            step, agree = _torch(y, parallel.local(state).trained.params["params"])
            agreement = f"outputs differ by {agree(METHOD.network.apply):.1e}"
        yield from rows_of(f"U-Net step {count} x {size}^2", lambda: update(key, state, shares), figures, repeats, step, agreement)
    yield from unrolled.measure(repeats, peers)
    yield from variational.measure(repeats, peers)
    yield from adversarial.measure(repeats, peers)
    yield from _one_image(peers)
    yield _reconstruction(2048)
    yield _reconstruction(8192)


def _one_image(peers):
    """Noise2Void from one photograph, sigma 25, command to estimate: CAREamics in 500 steps, where installed, and ours to its PSNR."""
    camera = experiments.load("n2v_camera")
    (one,), _ = camera.data.measure(camera.modality, 0)
    target, case = 26.0, "Noise2Void from one image of 512^2"
    peers = peers and importlib.util.find_spec("careamics")
    if peers:
        before = time.perf_counter(), time.process_time()
        target = psnr(_careamics(one.y[..., 0], 500)[..., None], one.truth)
        theirs = {"wall_ms": (time.perf_counter() - before[0]) * 1e3, "cpu_ms": (time.process_time() - before[1]) * 1e3}
        yield {"case": case, "who": "careamics", **theirs, "note": f"500 steps of 16 x 64^2: {target:.2f} dB"}
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
    note = f"{steps} steps of 16 x 64^2: {reached:.2f} dB" + (f"; {theirs['wall_ms'] / wall / 1e3:.2f}x wall time, {theirs['cpu_ms'] / cpu / 1e3:.2f}x CPU" if peers else "")
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
    """(training step, difference of outputs) of the same U-Net with the same parameters."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    weights = {
        name: (torch.tensor(np.asarray(p["kernel"]).transpose(3, 2, 0, 1)).contiguous(memory_format=torch.channels_last)
               .requires_grad_(), torch.tensor(np.asarray(p["bias"])).requires_grad_())
        for name, p in params.items()
    }
    optimizer = torch.optim.Adam([w for pair in weights.values() for w in pair], METHOD.optimizer.learning_rate)

    def conv(name, x, **settings):
        return F.conv2d(x, *weights[name], **settings)

    def network(x):
        skips = []
        for level in (0, 1):
            for part in "ab":
                x = F.relu(conv(f"down{level}{part}", x, padding=1))
            skips.append(x)
            x = conv(f"down{level}", x, stride=2)
        x = F.relu(conv("bottom_b", F.relu(conv("bottom_a", x, padding=1)), padding=1))
        for level in (1, 0):
            x = torch.cat([F.interpolate(x, scale_factor=2), skips[level]], 1)
            x = F.relu(conv(f"up{level}b", F.relu(conv(f"up{level}a", x, padding=1)), padding=1))
        return conv("out", x)

    x = torch.tensor(y.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last)

    def step():
        optimizer.zero_grad()
        (network(x) - x).square().mean().backward()
        optimizer.step()

    def agree(apply):
        with torch.no_grad():
            theirs = network(x[:1])[0].permute(1, 2, 0).numpy()
        return float(np.abs(np.asarray(apply({"params": params}, y[0])) - theirs).max())

    return step, agree
