"""Forward operators: forward, adjoint and gradient; beside PyTorch's FFT on the same threads."""

import os
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.timing import compiled, timed
from unsup_jax.operators import Convolution, gaussian_psf


def measure(repeats: int, peers: bool) -> Iterator[dict]:
    """FFT blur of 8 images of 512^2 and of 64 images of 256^2."""
    for count, size in ((8, 512), (64, 256)):
        H = Convolution(gaussian_psf((25, 25), 3.0))
        x = jax.random.normal(jax.random.key(0), (count, size, size, 1))
        cases = {
            "forward": lambda H, x: jax.vmap(H)(x),
            "adjoint": lambda H, x: jax.vmap(H.adjoint)(x),
            "gradient": lambda H, x: jax.grad(lambda x: jnp.sum(jnp.square(jax.vmap(H)(x))))(x),
        }
        theirs = _torch(np.asarray(x), np.asarray(H.psf)) if peers else {}
        for name, function in cases.items():
            case = f"blur {count} x {size}^2, {name}"
            program, figures = compiled(jax.jit(function), H, x)
            ours = timed(lambda: program(H, x), repeats)
            yield {"case": case, "who": "ours", **ours, **figures}
            if theirs:
                error = float(np.abs(np.asarray(program(H, x))[..., 0] - theirs[name]().numpy()).max())
                peer = timed(theirs[name], repeats)
                note = f"{peer['cpu_ms'] / ours['cpu_ms']:.2f}x our CPU time, {peer['wall_ms'] / ours['wall_ms']:.2f}x wall, difference {error:.1e}"
                yield {"case": case, "who": "torch", **peer, "note": note}


def _torch(x, psf):
    import torch

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    size = x.shape[1:3]
    centred = np.zeros(size, np.float32)
    centred[: psf.shape[0], : psf.shape[1]] = psf
    transfer = torch.fft.rfft2(torch.from_numpy(np.roll(centred, [-(k // 2) for k in psf.shape], (0, 1))))
    x = torch.from_numpy(x[..., 0].copy())

    def blur(x, transfer=transfer):
        return torch.fft.irfft2(torch.fft.rfft2(x) * transfer, s=size)

    def gradient():
        leaf = x.clone().requires_grad_()
        blur(leaf).square().sum().backward()
        return leaf.grad

    return {"forward": lambda: blur(x), "adjoint": lambda: blur(x, transfer.conj()), "gradient": gradient}
