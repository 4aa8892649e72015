"""A training step of a score model beside PyTorch's, and draws of 64^2 with three of four pixels missing beside deepinv's, by one network.

deepinv's samplers walk other noise levels, so that draws are not compared; D, the gradient of DPS and the proximal step of DiffPIR are.
"""

import os
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks import peers
from benchmarks.timing import compiled, rows_of, training_step
from unsup_jax.core import Adam, Measurement, Scale
from unsup_jax.methods import Score
from unsup_jax.methods.score import DPS, DiffPIR
from unsup_jax.methods.score.observed import Observed
from unsup_jax.networks import ScoreUNet
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Identity, Mask

NETWORK, LEARNING_RATE, SIZE, DRAWS, LEVELS, NOISE = ScoreUNet(width=32), 1e-3, 64, 4, 20, 0.05
METHOD = Score(network=NETWORK, optimizer=Adam(LEARNING_RATE, decay=False, clip=None, average=None), draws=DRAWS)


def measure(repeats: int, with_peers: bool) -> Iterator[dict]:
    """A step of the training, and draws by DPS and DiffPIR."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(8, SIZE, SIZE, 1)).astype(np.float32)
    step, figures, state = training_step(METHOD, Measurement(images, Identity(), unpaired=images))
    # the last layers start at zero: elsewhere the network does something that can be compared
    params = jax.tree.map(lambda w: w + 0.05 * rng.normal(size=w.shape).astype(np.float32), state.trained.params)
    torch = (lambda: _torch_step(images, params["params"])) if with_peers else None
    yield from rows_of(f"score step {len(images)} x {SIZE}^2", step, figures, repeats, torch)

    half = jnp.full((1, 1, 1), 0.5)                                  # images of [0, 1]
    state = state.replace(trained=state.trained.replace(params=params), scale=Scale(half, jnp.float32(0.5)))
    mask = (rng.uniform(size=(SIZE, SIZE, 1)) < 0.25).astype(np.float32)
    y = mask * rng.uniform(size=(SIZE, SIZE, 1)).astype(np.float32)
    one = Measurement(jnp.asarray(y), Mask(jnp.asarray(mask)), noise=Gaussian(jnp.float32(NOISE)))
    for sampler, peer in ((DPS(levels=LEVELS), _deepinv_dps), (DiffPIR(levels=LEVELS), _deepinv_diffpir)):
        method = Score(network=NETWORK, sampler=sampler, draws=DRAWS)
        draw, figures = compiled(jax.jit(method.posterior), jax.random.key(0), state, one)
        deepinv = (lambda: peer(method.denoiser(state), one, params["params"])) if with_peers else None
        yield from rows_of(f"{type(sampler).__name__} {DRAWS} draws x {LEVELS} levels x {SIZE}^2", lambda: draw(jax.random.key(0), state, one),
                           figures, repeats, deepinv, "deepinv")


def _torch_step(images, params):
    """(training step, how far F is) of the same network with the same parameters."""
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    weights, F = peers.torch_score_unet(params)
    optimizer = torch.optim.Adam(weights, LEARNING_RATE)
    x, d = torch.tensor(np.moveaxis(images, -1, 1)).contiguous(), 0.5

    def step():
        sigma = torch.exp(-1.2 + 1.2 * torch.randn(len(x)))
        s = sigma[:, None, None, None]
        noisy, total = x + s * torch.randn_like(x), s**2 + d**2
        optimizer.zero_grad()
        D = d**2 / total * noisy + s * d / total.sqrt() * F(noisy / total.sqrt(), sigma.log() / 4)
        ((D - x).square() * total / (s * d) ** 2).mean().backward()
        optimizer.step()

    with torch.no_grad():
        theirs = F(x[:1], torch.tensor([0.3]))[0].movedim(0, -1).numpy()
    return step, f"outputs differ by {_apart(NETWORK.apply({'params': params}, images[0], jnp.float32(0.3)), theirs):.1e} of the largest"


def _apart(ours, theirs):
    return np.abs(ours - theirs).max() / np.abs(ours).max()


def _deepinv(one, params):
    """(D of images of [0, 1] as deepinv's samplers call it, what it measures, y [draws, 1, H, W])."""
    import torch
    from deepinv.physics import GaussianNoise, Inpainting

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    _, F = peers.torch_score_unet(params)
    d = 0.5

    class D(torch.nn.Module):
        def forward(self, x, sigma, **settings):
            s = 2 * torch.as_tensor(sigma, dtype=torch.float32).expand(len(x))
            s, t, x = s[:, None, None, None], s.log() / 4, 2 * x - 1
            total = s**2 + d**2
            return (d**2 / total * x + s * d / total.sqrt() * F(x / total.sqrt(), t) + 1) / 2

    mask, y = (torch.tensor(np.moveaxis(np.asarray(a), -1, 0)) for a in (one.operator.mask, one.y))
    return D(), Inpainting((1, SIZE, SIZE), mask=mask, noise_model=GaussianNoise(NOISE)), y.expand(DRAWS, -1, -1, -1).contiguous()


def _deepinv_dps(D, one, params):
    """(draws by deepinv's DPS, how far its gradient is)."""
    theirs, physics, y = _deepinv(one, params)
    import torch
    from deepinv.sampling import DPS as Sampler
    from deepinv.sampling import DPSDataFidelity

    sampler = Sampler(theirs, num_steps=LEVELS + 1)                   # times, so one more than steps
    x, sigma, seen = one.y + 0.3, 0.2, Observed.of(one)
    misfit = lambda x: jnp.sqrt(jnp.sum(jnp.square(seen.residual(D(x, jnp.float32(sigma))))))
    ours = jax.jit(jax.grad(misfit))(x)
    gradient = DPSDataFidelity(denoiser=theirs).grad(torch.tensor(np.asarray(x)[None, None, ..., 0]), y[:1], physics, sigma)
    apart = _apart(ours[..., 0], gradient.numpy()[0, 0])
    return (lambda: sampler(y, physics)), f"gradients of the misfit differ by {apart:.1e} of the largest"


def _deepinv_diffpir(D, one, params):
    """(draws by deepinv's DiffPIR, how far D and its proximal step are)."""
    theirs, physics, y = _deepinv(one, params)
    import torch
    from deepinv.optim import L2
    from deepinv.sampling import DiffPIR as Sampler

    sampler = Sampler(theirs, L2(), sigma=NOISE, max_iter=LEVELS)
    x, sigma, rho, seen = one.y + 0.3, 0.2, 0.1, Observed.of(one)
    x_hat = D(x, jnp.float32(sigma))
    ours = x_hat, x_hat + seen.H.inverse(seen.back_projected(x_hat), rho)
    with torch.no_grad():
        x_hat = theirs(torch.tensor(np.asarray(x)[None, None, ..., 0]), sigma)
        steps = x_hat, L2().prox(x_hat, y[:1], physics, gamma=1 / rho)
    apart = [_apart(a[..., 0], b.numpy()[0, 0]) for a, b in zip(ours, steps)]
    return (lambda: sampler(y, physics)), f"D differs by {apart[0]:.1e} of the largest, its proximal step by {apart[1]:.1e}"
