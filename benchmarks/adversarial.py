"""The steps of WGAN-GP on 32 images of 64^2 beside PyTorch's, with DCGAN's networks (no normalisation), on the same threads.

PyTorch's generator has transposed convolutions of the kernels that repetition and three taps amount to, its critic strided
ones, all channels-last.
"""

import functools
import os
from collections.abc import Iterator

import jax
import numpy as np

from benchmarks.timing import compiled, rows_of
from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import WGAN
from unsup_jax.networks import ConvCritic, ConvGenerator
from unsup_jax.operators import Identity
from unsup_jax.train import parallel

METHOD = WGAN(
    generator=ConvGenerator(width=32, depth=4), critic=ConvCritic(width=64, depth=4), latents=100,
    generator_optimizer=Adam(1e-4, b1=0.0, b2=0.9, decay=False), critic_optimizer=Adam(1e-4, b1=0.0, b2=0.9, decay=False),
)


def measure(repeats: int, with_peers: bool, *, count: int = 32, size: int = 64) -> Iterator[dict]:
    """One critic step, with its penalty, and one generator step."""
    x = np.random.default_rng(0).normal(size=(count, size, size, 1)).astype(np.float32)
    batch = Measurement(np.zeros_like(x), Identity(), unpaired=x)
    replicas = parallel.Replicas.of(count)
    state = replicas.place(jax.jit(METHOD.init)(jax.random.key(0), batch))
    key, shares = jax.random.key(1), replicas.shard(batch)
    players = parallel.local(state)

    @functools.cache
    def torch():
        steps, images = _torch(x, players.generator.params["params"], players.critic.params["params"])
        z = np.random.default_rng(1).normal(size=100).astype(np.float32)
        own = METHOD.generator.apply(players.generator.params, z, (size, size))
        scores = float(METHOD.critic.apply(players.critic.params, own))
        image, score = images(z)
        return steps, f"images differ by {np.abs(own[..., 0] - image).max():.1e}, scores by {abs(score - scores):.1e}"

    for player in ("critic", "generator"):
        step, figures = compiled(replicas.map(getattr(METHOD, f"{player}_step")), key, state, shares)
        theirs = lambda player=player: (torch()[0][player], torch()[1])
        yield from rows_of(
            f"WGAN-GP {player} step {count} x {size}^2", lambda step=step: step(key, state, shares), figures, repeats,
            theirs if with_peers else None)


def _torch(x, G, D):
    """(step of each player, image and score of latents) of the same networks with the same parameters."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    tensor = lambda a: torch.tensor(np.array(a))
    channels_last = lambda a: tensor(a).contiguous(memory_format=torch.channels_last)
    convolution = lambda layer: [channels_last(np.asarray(layer["kernel"]).transpose(3, 2, 0, 1)), tensor(layer["bias"])]
    levels = range(METHOD.generator.depth)

    def transposed(kernel):
        """The 4 taps of "repeat, then 3 taps" along both axes, as a transposed convolution of stride 2 has them."""
        for axis in (0, 1):
            k0, k1, k2 = np.moveaxis(np.asarray(kernel), axis, 0)
            kernel = np.moveaxis(np.stack([k2, k1 + k2, k0 + k1, k0]), 0, axis)
        return channels_last(kernel.transpose(2, 3, 0, 1))

    g = {f"{level}": [transposed(G[f"{level}"]["kernel"]), tensor(G[f"{level}"]["bias"])] for level in levels}
    g |= {"out": convolution(G["out"])}
    g |= {"in": [tensor(np.asarray(G["in"]["kernel"]).T), tensor(G["in"]["bias"])]}
    d = {f"{level}": convolution(D[f"{level}"]) for level in levels}
    d |= {"out": [tensor(np.asarray(D["out"]["kernel"]).T), tensor(D["out"]["bias"])]}
    of_G, of_D = ([w.requires_grad_() for pair in player.values() for w in pair] for player in (g, d))
    optimizer_G, optimizer_D = (torch.optim.Adam(weights, 1e-4, (0.0, 0.9)) for weights in (of_G, of_D))
    coarse = x.shape[1] // 2**METHOD.generator.depth

    def generate(z):
        h = F.leaky_relu(F.linear(z, *g["in"]), 0.2).reshape(len(z), coarse, coarse, -1).permute(0, 3, 1, 2)
        for level in reversed(levels):
            h = F.leaky_relu(F.conv_transpose2d(h, *g[f"{level}"], stride=2, padding=1), 0.2)
        return F.conv2d(h, *g["out"], padding=1)

    def judge(h):
        for level in levels:
            h = F.leaky_relu(F.conv2d(h, *d[f"{level}"], stride=2, padding=1), 0.2)
        return F.linear(h.permute(0, 2, 3, 1).flatten(1), *d["out"])[:, 0]

    real = channels_last(x.transpose(0, 3, 1, 2))

    def critic():
        with torch.no_grad():
            fake = generate(torch.randn(len(real), 100))
        e = torch.rand(len(real), 1, 1, 1)
        between = (e * real + (1 - e) * fake).requires_grad_()
        slope = torch.autograd.grad(judge(between).sum(), between, create_graph=True)[0].flatten(1).norm(dim=1)
        optimizer_D.zero_grad()
        (judge(fake) - judge(real) + 10 * (slope - 1) ** 2).mean().backward()
        optimizer_D.step()

    def generator():
        for w in of_D:
            w.requires_grad_(False)
        optimizer_G.zero_grad()
        (-judge(generate(torch.randn(len(real), 100)))).mean().backward()
        optimizer_G.step()
        for w in of_D:
            w.requires_grad_(True)

    def images(z):
        with torch.no_grad():
            image = generate(torch.tensor(z)[None])
            return image[0, 0].numpy(), float(judge(image)[0])

    return {"critic": critic, "generator": generator}, images
