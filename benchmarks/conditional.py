"""The step of pix2pix on one pair of images of 128^2 beside PyTorch's, with the same networks, on the same threads."""

import os
from collections.abc import Iterator

import numpy as np

from benchmarks import peers
from benchmarks.timing import rows_of, training_step
from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import Pix2Pix
from unsup_jax.networks import PatchCritic, UNet
from unsup_jax.operators import Identity

OPTIMIZER = Adam(2e-4, b1=0.5, decay=False)
METHOD = Pix2Pix(
    generator=UNet(depth=3, width=32), critic=PatchCritic(width=64), generator_optimizer=OPTIMIZER, critic_optimizer=OPTIMIZER)


def measure(repeats: int, with_peers: bool, *, size: int = 128) -> Iterator[dict]:
    """One step of both players."""
    x, noise = np.random.default_rng(0).normal(size=(2, 1, size, size, 1)).astype(np.float32)
    batch = Measurement(x + noise, Identity(), truth=x)
    step, figures, players = training_step(METHOD, batch)

    def torch():
        step, outputs = _torch(batch, players.generator.params["params"], players.critic.params["params"])
        estimate = METHOD.generator.apply(players.generator.params, batch.y[0])
        ours = estimate, METHOD.critic.apply(players.critic.params, batch.y[0], estimate)
        apart = [np.abs(np.asarray(a) - b).max() for a, b in zip(ours, outputs)]
        return step, f"images differ by {apart[0]:.1e}, scores by {apart[1]:.1e}"

    yield from rows_of(f"pix2pix step 1 x {size}^2", step, figures, repeats, torch if with_peers else None)


def _torch(batch, G, D):
    """(step of both players, image and scores of the pair) of the same networks with the same parameters."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    of_G, generate = peers.torch_unet(G, last=False)
    of_D, judge = peers.torch_patch_critic(D)
    optimizer_G, optimizer_D = (torch.optim.Adam(weights, 2e-4, (0.5, 0.999)) for weights in (of_G, of_D))
    y, x = (torch.tensor(np.moveaxis(image, -1, 1)).contiguous() for image in (batch.y, batch.truth))

    def step():
        with torch.no_grad():
            fake = generate(y)
        optimizer_D.zero_grad()
        ((F.softplus(-judge(y, x)) + F.softplus(judge(y, fake))).mean() / 2).backward()
        optimizer_D.step()
        for w in of_D:
            w.requires_grad_(False)
        optimizer_G.zero_grad()
        fake = generate(y)
        (F.softplus(-judge(y, fake)).mean() + 100 * (fake - x).abs().mean()).backward()
        optimizer_G.step()
        for w in of_D:
            w.requires_grad_(True)

    with torch.no_grad():
        estimate = generate(y)
        return step, [out[0].movedim(0, -1).numpy() for out in (estimate, judge(y, estimate))]
