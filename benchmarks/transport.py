"""The step of cycleGAN on one x and one y of 128^2 that are unpaired beside PyTorch's, with the same networks, on the same threads."""

import itertools
import os
from collections.abc import Iterator

import numpy as np

from benchmarks import peers
from benchmarks.timing import rows_of, training_step
from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import CycleGAN
from unsup_jax.methods.transport import LearntMap
from unsup_jax.networks import PatchCritic, UNet
from unsup_jax.operators import Identity

OPTIMIZER, MAP = Adam(2e-4, b1=0.5, decay=False), UNet(depth=3, width=32)
METHOD = CycleGAN(
    generator=MAP, forward=LearntMap(MAP), critic=PatchCritic(width=64), cycle=10.0, identity=5.0, noisy=False,
    generator_optimizer=OPTIMIZER, critic_optimizer=OPTIMIZER)


def measure(repeats: int, with_peers: bool, *, size: int = 128) -> Iterator[dict]:
    """One step of the four networks."""
    x, y = np.random.default_rng(0).normal(size=(2, 1, size, size, 1)).astype(np.float32)
    batch = Measurement(y, Identity(), unpaired=x)
    step, figures, players = training_step(METHOD, batch)

    def torch():
        step, outputs = _torch(batch, players)
        estimate = MAP.apply(players.params["G"], batch.y[0])
        ours = estimate, METHOD.critic.apply(players.critic.params["X"], estimate)
        apart = [np.abs(np.asarray(a) - b).max() for a, b in zip(ours, outputs)]
        return step, f"images differ by {apart[0]:.1e}, scores by {apart[1]:.1e}"

    yield from rows_of(f"cycleGAN step 1 x {size}^2", step, figures, repeats, torch if with_peers else None)


def _torch(batch, players):
    """(step of the four networks, G(y) and D_X's scores of it) of the same networks with the same parameters."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    (of_G, G), (of_H, H) = (peers.torch_unet(players.generator.params[side]["params"], last=False) for side in "GH")
    (of_X, D_X), (of_Y, D_Y) = (peers.torch_patch_critic(players.critic.params[side]["params"]) for side in "XY")
    optimizer_G = torch.optim.Adam([*of_G, *of_H], 2e-4, (0.5, 0.999))
    optimizer_D = torch.optim.Adam([*of_X, *of_Y], 2e-4, (0.5, 0.999))
    y, x = (torch.tensor(np.moveaxis(image, -1, 1)).contiguous() for image in (batch.y, batch.unpaired))
    apart = lambda a, b: (a - b).abs().mean()
    critics = lambda real, fake: ((real - 1).square().mean() + fake.square().mean()) / 2

    def step():
        with torch.no_grad():
            Gy, Hx = G(y), H(x)
        optimizer_D.zero_grad()
        (critics(D_X(x), D_X(Gy)) + critics(D_Y(y), D_Y(Hx))).backward()
        optimizer_D.step()
        for w in itertools.chain(of_X, of_Y):
            w.requires_grad_(False)
        optimizer_G.zero_grad()
        Gy, Hx = G(y), H(x)
        deceiving = ((D_X(Gy) - 1).square().mean() + (D_Y(Hx) - 1).square().mean()) / 2
        cycles = apart(G(Hx), x) + apart(H(Gy), y)
        (deceiving + 10 * cycles + 5 * (apart(G(x), x) + apart(H(y), y))).backward()
        optimizer_G.step()
        for w in itertools.chain(of_X, of_Y):
            w.requires_grad_(True)

    with torch.no_grad():
        estimate = G(y)
        return step, [out[0].movedim(0, -1).numpy() for out in (estimate, D_X(estimate))]
