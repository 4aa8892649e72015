"""A step of cryoGAN on 32 particles of 64^2 pixels behind their CTFs, beside PyTorch's with the same critic, on the same threads.

PyTorch's projector is the same Fourier slice by `grid_sample` of the padded volume's transform, of which a tent is the window.
"""

import functools
import os
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import compiled, rows_of
from unsup_jax.core import Adam, Measurement
from unsup_jax.methods import CryoGAN
from unsup_jax.networks import ConvCritic
from unsup_jax.noise import Gaussian
from unsup_jax.operators import ContrastTransfer, Projection, ctf, random_rotations
from unsup_jax.train import parallel

METHOD = CryoGAN(
    critic=ConvCritic(width=16, depth=4), augment=None, positivity=0.0,
    generator_optimizer=Adam(1e-2, b1=0.0, b2=0.9, decay=False), critic_optimizer=Adam(1e-3, b1=0.0, b2=0.9, decay=False),
)


def measure(repeats: int, with_peers: bool, *, count: int = 32, size: int = 64) -> Iterator[dict]:
    """One step of the critic, with R1 and R2, and one of the volume."""
    y = np.random.default_rng(0).normal(size=(count, size, size, 1)).astype(np.float32)
    transfer = jax.vmap(lambda d: ctf(size, pixel_size_angstrom=2.0, defocus_u_angstrom=d))(jnp.linspace(1e4, 2e4, count))
    batch = Measurement(y, ContrastTransfer(transfer), Gaussian(np.full(count, 0.5, np.float32)))
    replicas = parallel.Replicas.of(count)
    state = replicas.place(jax.jit(METHOD.init)(jax.random.key(0), batch))
    key, shares = jax.random.key(1), replicas.shard(batch)
    step, figures = compiled(replicas.map(METHOD.update), key, state, shares)
    players = parallel.local(state)

    @functools.cache
    def torch():
        x, R = np.asarray(jnp.sin(jnp.arange(size**3) % 97).reshape(size, size, size)), random_rotations(key, count)
        places = np.linalg.norm(np.moveaxis(np.indices((size,) * 3), 0, -1) - size // 2, axis=-1)
        x = np.float32(x * np.exp(-np.square(places / (size / 8)) / 2))
        own = jax.jit(jax.vmap(lambda R, h: Projection(R, transfer=h, width=2)(x[..., None]), (0, 0)))(R, transfer)
        theirs, take = _torch(y, transfer, players.critic.params["params"])
        made = theirs(x, np.asarray(R))
        return take, f"projections differ by {np.linalg.norm(made - own[..., 0]) / np.linalg.norm(own):.1e}"

    yield from rows_of(f"cryoGAN step {count} x {size}^2, {size}^3", lambda: step(key, state, shares), figures, repeats, torch if with_peers else None)


def _torch(y, transfer, D):
    """(projections of a volume at rotations, one step) of the same game."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    tensor = lambda a: torch.tensor(np.array(a))
    count, size = y.shape[:2]
    real, h = tensor(y.transpose(0, 3, 1, 2)).contiguous(memory_format=torch.channels_last), tensor(transfer)
    u, v = torch.fft.rfftfreq(size), torch.fft.fftfreq(size)
    plane = torch.stack(torch.broadcast_tensors(u[None], v[:, None]), -1)
    disc = (plane.square().sum(-1) < 0.25).float()
    phase = torch.exp(-2j * np.pi * (plane.sum(-1) * (size // 2)))
    line = torch.sinc((torch.arange(size) - size // 2) / (2 * size)).square()
    tent = line[:, None, None] * line[None, :, None] * line[None, None]

    def project(x, R):
        padded = F.pad(x / tent, (size // 2,) * 6)
        spectrum = torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(padded)))
        index = torch.einsum("vui,bij->bvuj", plane, R[:, :2]) * 2 * size + size
        grid = (2 * index / (2 * size - 1) - 1)[None]
        parts = F.grid_sample(torch.stack([spectrum.real, spectrum.imag])[None], grid, mode="bilinear", align_corners=True)[0]
        slices = torch.complex(parts[0], parts[1]) * disc * phase * h
        return torch.fft.irfft2(slices, s=(size, size))

    levels = range(METHOD.critic.depth)
    d = {f"{i}": [tensor(np.asarray(D[f"{i}"]["kernel"]).transpose(3, 2, 0, 1)), tensor(D[f"{i}"]["bias"])] for i in levels}
    d |= {"out": [tensor(np.asarray(D["out"]["kernel"]).T), tensor(D["out"]["bias"])]}
    weights = [w.requires_grad_() for pair in d.values() for w in pair]
    x = (0.01 * torch.randn(size, size, size)).requires_grad_()
    of_x, of_D = torch.optim.Adam([x], 1e-2, (0.0, 0.9)), torch.optim.Adam(weights, 1e-3, (0.0, 0.9))

    def judge(image):
        for i in levels:
            image = F.leaky_relu(F.conv2d(image, *d[f"{i}"], stride=2, padding=1), 0.2)
        return F.linear(image.permute(0, 2, 3, 1).flatten(1), *d["out"])[:, 0]

    def rotations():
        q = F.normalize(torch.randn(count, 4), dim=1)
        w, a, b, c = q.T
        return torch.stack([
            1 - 2 * (b * b + c * c), 2 * (a * b - w * c), 2 * (a * c + w * b), 2 * (a * b + w * c), 1 - 2 * (a * a + c * c),
            2 * (b * c - w * a), 2 * (a * c - w * b), 2 * (b * c + w * a), 1 - 2 * (a * a + b * b)], -1).reshape(count, 3, 3)

    def fake():
        clean = project(x, rotations())[:, None]
        return clean + 0.5 * torch.randn_like(clean)

    def slope(images):
        images = images.detach().requires_grad_()
        score = judge(images)
        return score, torch.autograd.grad(score.sum(), images, create_graph=True)[0].square().sum((1, 2, 3))

    def step():
        with torch.no_grad():
            made = fake()
        of_D.zero_grad()
        (at_real, R1), (at_fake, R2) = slope(real), slope(made)
        (F.softplus(at_fake - at_real) + 0.5 * R1 + 0.5 * R2).mean().backward()
        of_D.step()
        for w in weights:
            w.requires_grad_(False)
        of_x.zero_grad()
        F.softplus(judge(real) - judge(fake())).mean().backward()
        of_x.step()
        for w in weights:
            w.requires_grad_(True)

    def projections(x, R):
        with torch.no_grad():
            return project(tensor(x), tensor(R)).numpy()

    return projections, step
