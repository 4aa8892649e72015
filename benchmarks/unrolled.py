"""The training step of a network unrolled from parallel MRI, beside the same network in PyTorch on the same threads.

5 unrolls of a residual network of 5 blocks and 32 features, and of 10 conjugate gradient iterations, 8 coils, 128^2.
"""

import os
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks.timing import rows_of, training_step
from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import Supervised
from unsup_jax.modalities.mri import loop_coils
from unsup_jax.networks import ResNet, Unrolled
from unsup_jax.operators import SENSE
from unsup_jax.operators.trajectories import gaussian_points

NETWORK = Unrolled(regularizer=ResNet(depth=5, width=32), unrolls=5, iterations=10)


def measure(repeats: int, with_peers: bool, *, count: int = 2, size: int = 128) -> Iterator[dict]:
    """The step on `count` slices, plain and with `checkpoint`."""
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(count, size, size, 1)) + 1j * rng.normal(size=(count, size, size, 1))
    H = SENSE(loop_coils(8, (size, size))[None], gaussian_points(jax.random.key(0), (size, size), 4))
    batched = jax.tree.map(lambda leaf: np.broadcast_to(leaf, (count, *leaf.shape)), H)
    y = np.asarray(jax.vmap(H)(truth.astype(np.complex64)))
    batch = Measurement(y, batched, truth=truth.astype(np.complex64))
    case = f"unrolled MRI step {count} x 8 coils x {size}^2"
    for checkpoint in (False, True):
        method = Supervised(network=NETWORK.clone(checkpoint=checkpoint), optimizer=Adam(decay=False))
        update, figures, state = training_step(method, batch)
        scaled, params = y / np.abs(y).max(), state.trained.params

        def torch():
            step, forward = _torch(scaled, batch.truth / np.abs(y).max(), H, params["params"])
            own = np.asarray(jax.vmap(lambda y: method.network.apply(params, y, H))(scaled))
            return step, f"outputs differ by {np.abs(own[..., 0] - forward()).max() / np.abs(own).max():.1e}"

        beside = torch if with_peers and not checkpoint else None
        yield from rows_of(case + (", checkpointed" if checkpoint else ""), update, figures, repeats, beside)


def _torch(y, truth, H, params):
    """(training step, forward pass) of the same network with the same parameters."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    maps = torch.tensor(np.array(H.sensitivity_maps[0]))[None]
    mask, y, truth = torch.tensor(np.array(H.mask)), torch.tensor(np.array(y)), torch.tensor(np.array(truth[..., 0]))
    weights = {
        name: torch.tensor(np.array(p["kernel"]).transpose(3, 2, 0, 1)).contiguous(memory_format=torch.channels_last).requires_grad_()
        for name, p in params["R0"].items()
    }
    log_mu, curvature = torch.tensor(float(params["log_mu"]), requires_grad=True), float(params["curvature"])
    optimizer = torch.optim.Adam([*weights.values(), log_mu], 4e-4)

    def adjoint(y):
        return (maps.conj() * torch.fft.ifft2(y * mask, norm="ortho")).sum(1)

    def normal(x):
        return (maps.conj() * torch.fft.ifft2(torch.fft.fft2(maps * x[:, None]) * mask)).sum(1)

    def R(x):
        image = torch.view_as_real(x).permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        conv = lambda name, h: F.conv2d(h, weights[name], padding=1)
        first = h = conv("first", image)
        for block in range(5):
            h = h + 0.1 * conv(f"block{block}b", F.relu(conv(f"block{block}a", h)))
        out = image + conv("out", first + conv("last", h))
        return torch.view_as_complex(out.permute(0, 2, 3, 1).contiguous())

    def solve(b, start, mu):
        dot = lambda a, b: (a.conj() * b).real.sum((1, 2), keepdim=True)
        x, r = start, b - normal(start) - mu * start
        p, energy = r, dot(r, r)
        for _ in range(10):
            Ap = normal(p) + mu * p
            alpha = energy / dot(p, Ap)
            x, r = x + alpha * p, r - alpha * Ap
            new = dot(r, r)
            p, energy = r + new / energy * p, new
        return x

    def network():
        back, mu = adjoint(y), log_mu.exp() * curvature
        x = back / curvature
        for _ in range(5):
            z = R(x)
            x = solve(back + mu * z, z, mu)
        return x

    def step():
        optimizer.zero_grad()
        (network() - truth).abs().square().mean().backward()
        optimizer.step()

    def forward():
        with torch.no_grad():
            return network().numpy()

    return step, forward
