"""The peers' calls, each with the data already in the peer's own form; a peer that is not installed fails alone.

Linear operators are (forward, adjoint, gradient of 1/2 ||H x||^2), None where the peer has none. A call whose result
lies on another grid has an attribute `aligned` that moves it to ours, outside the timed part.
"""

import functools
import importlib

import numpy as np


# of what the extra `peers` cannot name: scico's releases that bound their JAX exclude ours, and BM3D is not free
_INSTALLED_BY = {"scico": "--no-deps 'scico>=0.0.7'", "bm3d": "'unsup_jax[bm3d]'", "bm4d": "'unsup_jax[bm3d]'"}


def not_installed(error: ImportError) -> str:
    """What a row says of a peer that could not be imported."""
    package = _INSTALLED_BY.get((error.name or "").split(".")[0], "'unsup_jax[peers]'")
    return f"not installed: pip install {package} ({error})"


def set_threads(count: int) -> None:
    """Let PyTorch use `count` threads, where it is installed."""
    try:
        importlib.import_module("torch").set_num_threads(count)
    except ImportError:
        pass


def _lazy(make):
    """A call that is prepared once, when it is first made."""
    prepared = functools.cache(make)
    return lambda: prepared()()


def _calls(make, count=3):
    """`count` calls that share one preparation."""
    prepared = functools.cache(make)
    return tuple((lambda k=k: prepared()[k]()) for k in range(count))


def _torch_triple(forward, adjoint, x, out=lambda a: a.detach().numpy()):
    """Forward, adjoint of the forward's result, and the gradient by torch's autodiff."""
    y = forward(x).detach()

    def gradient():
        leaf = x.clone().requires_grad_()
        (0.5 * forward(leaf).abs().square().sum()).backward()
        return out(leaf.grad)

    return (lambda: out(forward(x))), (lambda: out(adjoint(y))), gradient


def torch_convolutions(params, rank=2, last=True):
    """(kernel, bias) of each layer of convolutions, channels last or first, to be trained."""
    import torch

    layout = {2: torch.channels_last, 3: torch.channels_last_3d}[rank] if last else torch.contiguous_format
    first = lambda kernel: np.moveaxis(np.asarray(kernel), (-2, -1), (1, 0))
    return {
        name: (torch.tensor(first(p["kernel"])).contiguous(memory_format=layout).requires_grad_(),
               torch.tensor(np.asarray(p["bias"])).requires_grad_())
        for name, p in params.items()
    }


def torch_unet(params, rank=2, last=True):
    """(weights, network) of the same `UNet` with the same parameters."""
    import torch
    import torch.nn.functional as F

    weights, depth = torch_convolutions(params, rank, last), sum(name.endswith("a") and name.startswith("up") for name in params)
    convolution = {2: F.conv2d, 3: F.conv3d}[rank]

    def conv(name, x, **settings):
        return convolution(x, *weights[name], **settings)

    def network(x):
        skips = []
        for level in range(depth):
            for part in "ab":
                x = F.relu(conv(f"down{level}{part}", x, padding=1))
            skips.append(x)
            x = conv(f"down{level}", x, stride=2)
        x = F.relu(conv("bottom_b", F.relu(conv("bottom_a", x, padding=1)), padding=1))
        for level in reversed(range(depth)):
            x = torch.cat([F.interpolate(x, scale_factor=2), skips[level]], 1)
            x = F.relu(conv(f"up{level}b", F.relu(conv(f"up{level}a", x, padding=1)), padding=1))
        return conv("out", x)

    return [w for pair in weights.values() for w in pair], network


def torch_score_unet(params):
    """(weights, network of images and codes of their levels) of the same `ScoreUNet` without attention, with the same parameters."""
    import torch
    import torch.nn.functional as F

    layers = ("kernel", "bias")
    nested = {name: {"": part} if set(part) == set(layers) else part for name, part in params.items() if name != "level"}
    convolutions = {f"{block}{name}": part for block, parts in nested.items() for name, part in parts.items() if name != "film"}
    weights = torch_convolutions(convolutions, last=False)
    dense = {f"level{name}": part for name, part in params["level"].items()}
    dense |= {f"{block}film": parts["film"]["affine"] for block, parts in nested.items() if "film" in parts}
    weights |= {name: (torch.tensor(np.asarray(p["kernel"]).T.copy()).requires_grad_(), torch.tensor(np.asarray(p["bias"])).requires_grad_())
                for name, p in dense.items()}
    depth = sum(name.startswith("down") for name in params)
    waves = torch.from_numpy(np.geomspace(1, 16, 8, dtype=np.float32))
    conv = lambda name, x, **settings: F.conv2d(x, *weights[name], **settings)

    def block(name, h, c):
        gamma, beta = F.linear(c, *weights[f"{name}film"])[..., None, None].chunk(2, 1)
        inner = conv(f"{name}a", F.silu(h), padding=1) * (1 + gamma) + beta
        return h + conv(f"{name}b", F.silu(inner), padding=1)

    def network(x, t):
        phase = t[:, None] * waves
        c = F.silu(F.linear(torch.cat([t[:, None], phase.sin(), phase.cos()], 1), *weights["levela"]))
        c = F.silu(F.linear(c, *weights["levelb"]))
        h, skips = conv("in", x, padding=1), []
        for level in range(depth):
            h = block(f"down{level}", h, c)
            skips.append(h)
            h = conv(f"to{level + 1}", h, stride=2)
        h = block("bottom", h, c)
        for level in reversed(range(depth)):
            h = conv(f"from{level + 1}", torch.cat([F.interpolate(h, scale_factor=2), skips[level]], 1), padding=1)
            h = block(f"up{level}", h, c)
        return conv("out", F.silu(h), padding=1)

    return [w for pair in weights.values() for w in pair], network


def torch_patch_critic(params):
    """(weights, critic of images side by side) of the same `PatchCritic` with the same parameters.

    Channels first: at one image of 128^2 a step of pix2pix with channels last takes it seven times as long.
    """
    import torch
    import torch.nn.functional as F

    weights, depth = torch_convolutions(params, last=False), sum(name.isdigit() for name in params)

    def critic(*images):
        h = torch.cat(images, 1)
        for level in range(depth):
            h = F.leaky_relu(F.conv2d(h, *weights[f"{level}"], stride=2, padding=1), 0.2)
        h = F.leaky_relu(F.conv2d(F.pad(h, (1, 2, 1, 2)), *weights["last"]), 0.2)
        return F.conv2d(F.pad(h, (1, 2, 1, 2)), *weights["out"])

    return [w for pair in weights.values() for w in pair], critic


def torch_blur(x, psf):
    """FFT products by MKL."""
    def make():
        import torch

        size = x.shape[1:-1]
        centred = np.zeros(size, np.float32)
        centred[tuple(slice(k) for k in psf.shape)] = psf
        centred = np.roll(centred, [-(k // 2) for k in psf.shape], range(len(size)))
        axes = tuple(range(1, 1 + len(size)))
        transfer = torch.fft.rfftn(torch.from_numpy(centred))
        apply = lambda x, t: torch.fft.irfftn(torch.fft.rfftn(x, dim=axes) * t, s=size, dim=axes)
        return _torch_triple(lambda x: apply(x, transfer), lambda y: apply(y, transfer.conj()), torch.from_numpy(np.array(x[..., 0])))

    return _calls(make)


def deepinv_blur(x, psf):
    """deepinv.physics.BlurFFT, which is 2-D; of a volume, its Blur."""
    def make():
        import torch
        from deepinv.physics import Blur, BlurFFT

        shape, filter = x.shape[1:-1], torch.from_numpy(np.array(psf))[None, None]
        physics = BlurFFT(img_size=(1, *shape), filter=filter) if len(shape) == 2 else Blur(filter=filter, padding="circular")
        batch = torch.from_numpy(np.moveaxis(np.array(x), -1, 1).copy())
        return _torch_triple(physics.A, physics.A_adjoint, batch)

    return _calls(make)


def _half_pixel(images, shift, axes):
    """Images moved by `shift` pixels along axes, by their spectrum."""
    out = np.array(images)
    for axis in axes:
        n = out.shape[axis]
        ramp = np.exp(-2j * np.pi * np.fft.rfftfreq(n) * shift)
        ramp = ramp.reshape([-1 if a == axis % out.ndim else 1 for a in range(out.ndim)])
        out = np.fft.irfft(np.fft.rfft(out, axis=axis) * ramp, n, axis)
    return out.astype(np.float32)


def _centred_radon(calls, count, fan=False):
    """Peers turn about pixel (N - 1) / 2, half a pixel before ours: their results are moved by that half pixel.

    The detector of a fan has its centre where ours has, and its pixels in the other order.
    """
    sinogram = (lambda y: y[..., ::-1]) if fan else (lambda y: _half_pixel(y.reshape(-1, count, y.shape[-1]), 0.5, (-1,)))
    image = lambda x: _half_pixel(x, 0.5, (-2, -1))
    for call, aligned in zip(calls, (sinogram, image, image)):
        call.aligned = lambda a, aligned=aligned: aligned(a.squeeze())
    return calls


def deepinv_radon(x, angles):
    """deepinv.physics.Tomography with its exact adjoint."""
    def make():
        import torch
        from deepinv.physics import Tomography

        physics = Tomography(
            angles=torch.from_numpy(np.rad2deg(np.array(angles))), img_width=x.shape[1], circle=True, normalize=False, adjoint_via_backprop=True,
        )
        batch = torch.from_numpy(_half_pixel(np.moveaxis(np.array(x), -1, 1), -0.5, (2, 3)))
        turn = lambda a: np.moveaxis(a.detach().numpy(), -1, -2) if a.shape[-1] == len(angles) else a.detach().numpy()
        return _torch_triple(physics.A, physics.A_adjoint, batch, turn)

    return _centred_radon(_calls(make), len(angles))


def astra_radon(x, angles, fan=None):
    """astra's linear (Joseph) projector on the CPU; its back-projection is the transpose.

    `fan` is (pixels, their pitch, distance of the source and of the detector from the axis) of a fan beam.
    """
    def make():
        import astra

        size = x.shape[1]
        volume = astra.create_vol_geom(size, size)
        if fan is None:
            geometry, kind = astra.create_proj_geom("parallel", 1.0, size, np.array(angles, np.float64)), "linear"
        else:  # its source lies opposite to ours
            count, pitch, source, detector = fan
            geometry = astra.create_proj_geom("fanflat", pitch, count, np.array(angles, np.float64) + np.pi, source, detector)
            kind = "line_fanflat"
        projector = astra.create_projector(kind, geometry, volume)
        images = list(_half_pixel(np.array(x)[..., 0], -0.5, (1, 2)))

        def forward():
            sinograms = []
            for image in images:
                number, sinogram = astra.create_sino(image, projector)
                astra.data2d.delete(number)
                sinograms.append(sinogram)
            return np.stack(sinograms)

        def adjoint():
            back = []
            for sinogram in kept:
                number, image = astra.create_backprojection(sinogram, projector)
                astra.data2d.delete(number)
                back.append(image)
            return np.stack(back)

        kept = forward()
        return forward, adjoint

    return *_centred_radon(_calls(make, 2), len(angles), fan is not None), None


def skimage_radon(x, angles):
    """skimage.transform.radon."""
    def make():
        from skimage.transform import radon

        degrees = np.rad2deg(np.array(angles))
        images = [np.array(image[..., 0]) for image in x]
        return lambda: np.stack([radon(image, degrees, circle=True).T for image in images])

    return _lazy(make), None, None


def skimage_fbp(y, angles):
    """skimage.transform.iradon."""
    def make():
        from skimage.transform import iradon

        sinogram, degrees = np.array(y[..., 0]).T.astype(np.float64), np.rad2deg(np.array(angles, np.float64))
        return lambda: iradon(sinogram, degrees, filter_name="ramp", circle=True)

    return _lazy(make)


def torch_sense(x, maps, mask):
    """The same uncentred formulation in PyTorch, and ten conjugate gradients."""
    def make():
        import torch

        S, m = torch.from_numpy(np.array(maps)), torch.from_numpy(np.array(mask))
        image = torch.from_numpy(np.array(x[0, ..., 0]))
        forward = lambda x: m * torch.fft.fft2(S * x, norm="ortho")
        adjoint = lambda y: (S.conj() * torch.fft.ifft2(m * y, norm="ortho")).sum(0)
        normal = lambda x: adjoint(forward(x))
        y = forward(image)

        def cg():
            b = adjoint(y)
            z, r, p = torch.zeros_like(b), b, b
            energy = torch.vdot(r.ravel(), r.ravel()).real
            for _ in range(10):
                q = normal(p)
                a = energy / torch.vdot(p.ravel(), q.ravel()).real
                z, r = z + a * p, r - a * q
                new = torch.vdot(r.ravel(), r.ravel()).real
                p, energy = r + (new / energy) * p, new
            return z.numpy()

        return (*_torch_triple(forward, adjoint, image), cg)

    return _calls(make, 4)


def sigpy_sense(x, maps, mask):
    """sigpy.mri.linop.Sense, centred as sigpy has it, and its conjugate gradients."""
    def make():
        import sigpy
        import sigpy.mri

        weights = np.fft.fftshift(np.array(mask))
        S = np.fft.fftshift(np.array(maps), (-2, -1))
        image = np.fft.fftshift(np.array(x[0, ..., 0]))
        A = sigpy.mri.linop.Sense(S, weights=None)
        P = sigpy.linop.Multiply(A.oshape, weights) * A
        y = P * image
        back = P.H * y
        unshift = lambda a: np.fft.ifftshift(a, (-2, -1))

        def cg():
            z = np.zeros_like(image)
            app = sigpy.alg.ConjugateGradient(P.H * P, back, z, max_iter=10)
            while not app.done():
                app.update()
            return unshift(z)

        return (lambda: unshift(P * image)), (lambda: unshift(P.H * y)), (lambda: unshift(P.H * (P * image))), cg

    return _calls(make, 4)


def deepinv_sense(x, maps, mask):
    """deepinv.physics.MultiCoilMRI."""
    def make():
        import torch
        from deepinv.physics import MultiCoilMRI

        shift = lambda a: np.fft.fftshift(np.array(a), (-2, -1)).copy()
        physics = MultiCoilMRI(mask=torch.from_numpy(shift(mask)), coil_maps=torch.from_numpy(shift(maps))[None], img_size=x.shape[1:3])
        image = shift(x[0, ..., 0])
        batch = torch.from_numpy(np.stack([image.real, image.imag])[None].copy())
        out = lambda a: np.fft.ifftshift(a.detach().numpy()[0, 0] + 1j * a.detach().numpy()[0, 1], (-2, -1))
        forward, adjoint, gradient = _torch_triple(physics.A, physics.A_adjoint, batch, out)

        def cg():
            normal = lambda v: physics.A_adjoint(physics.A(v))
            b = physics.A_adjoint(physics.A(batch))
            z, r, p = torch.zeros_like(b), b, b
            energy = (r * r).sum()
            for _ in range(10):
                q = normal(p)
                a = energy / (p * q).sum()
                z, r = z + a * p, r - a * q
                new = (r * r).sum()
                p, energy = r + (new / energy) * p, new
            return out(z)

        return forward, adjoint, gradient, cg

    return _calls(make, 4)


def finufft_sense(x, maps, places):
    """finufft's planned transforms at 1e-3."""
    def make():
        import finufft

        S, image = np.array(maps), np.array(x[0, ..., 0])
        k = 2 * np.pi * np.array(places)
        coils = S.shape[0]
        one = finufft.Plan(2, image.shape, coils, eps=1e-3, isign=-1, dtype="complex64")
        two = finufft.Plan(1, image.shape, coils, eps=1e-3, isign=1, dtype="complex64")
        axes = [np.ascontiguousarray(k[:, a], np.float32) for a in (0, 1)]
        one.setpts(*axes), two.setpts(*axes)
        root = np.float32(image.size**0.5)
        forward = lambda: one.execute(S * image) / root
        y = forward()
        adjoint = lambda v: (S.conj() * two.execute(np.ascontiguousarray(v))).sum(0) / root
        return forward, (lambda: adjoint(y)), (lambda: adjoint(forward()))

    return _calls(make)


def sigpy_nufft(x, maps, places):
    """sigpy.mri.linop.Sense with coordinates."""
    def make():
        import sigpy.mri

        coordinates = np.array(places) * np.array(x.shape[1:3])
        A = sigpy.mri.linop.Sense(np.array(maps), coord=coordinates)
        image = np.array(x[0, ..., 0])
        y = A * image
        return (lambda: A * image), (lambda: A.H * y), (lambda: A.H * (A * image))

    return _calls(make)


def kb_nufft(x, maps, places):
    """torchkbnufft with its sparse-free interpolation, and its Toeplitz normal operator."""
    def make():
        import torch
        import torchkbnufft

        size = x.shape[1:3]
        S, image = torch.from_numpy(np.array(maps))[None], torch.from_numpy(np.array(x[0, ..., 0]))[None, None]
        k = torch.from_numpy(2 * np.pi * np.array(places).T.copy())
        forward_op, adjoint_op = torchkbnufft.KbNufft(im_size=size), torchkbnufft.KbNufftAdjoint(im_size=size)
        forward = lambda v: forward_op(v, k, smaps=S, norm="ortho") * 2
        kernel = torchkbnufft.calc_toeplitz_kernel(k, size, norm="ortho") * 4
        toeplitz = torchkbnufft.ToepNufft()
        triple = _torch_triple(forward, lambda v: adjoint_op(v, k, smaps=S, norm="ortho") * 2, image)
        return (*triple, lambda: toeplitz(image, kernel, smaps=S, norm="ortho").numpy())

    return _calls(make, 4)


def torch_projection(volume, rotations):
    """Fourier slices by grid_sample, the batch folded into the grid; volume padded by two, trilinear."""
    def make():
        import torch
        import torch.nn.functional as F

        x = torch.from_numpy(np.array(volume[..., 0]))
        R = torch.from_numpy(np.array(rotations))
        size, grid = x.shape[0], 2 * x.shape[0]
        u, v = torch.fft.rfftfreq(size)[None].expand(size, -1), torch.fft.fftfreq(size)[:, None].expand(-1, size // 2 + 1)
        plane = torch.stack([u, v], -1).reshape(1, -1, 2) @ R[:, :2]            # [B, S, 3] = (k_x, k_y, k_z)
        inside = ((u**2 + v**2) < 0.25).to(torch.complex64)
        places = (plane * grid + grid // 2) / (grid - 1) * 2 - 1
        phase = torch.exp(-2j * torch.pi * (u + v) * (size // 2))
        pixel = torch.arange(size) - size // 2
        sinc = torch.sinc(pixel / grid) ** 2
        correction = sinc[:, None, None] * sinc[None, :, None] * sinc[None, None]

        def project(x):
            padded = F.pad(x / correction, (size // 2,) * 6)
            spectrum = torch.fft.fftshift(torch.fft.fftn(torch.fft.ifftshift(padded)))
            parts = torch.stack([spectrum.real, spectrum.imag])[None]
            values = F.grid_sample(parts, places.reshape(1, 1, 1, -1, 3), align_corners=True)[0, :, 0, 0]
            values = torch.complex(values[0], values[1]).reshape(len(R), size, size // 2 + 1)
            return torch.fft.irfft2(values * phase * inside, s=(size, size))

        def gradient():
            leaf = x.clone().requires_grad_()
            (0.5 * project(leaf).square().sum()).backward()
            return leaf.grad.numpy()

        return (lambda: project(x).numpy()), gradient

    return _calls(make, 2)


def odtbrain_backpropagation(y, angles, wavenumber):
    """odtbrain.backpropagate_2d of the same Rytov phases, which has the other sign of i, and turns the other way."""
    def make():
        import odtbrain

        sinogram = np.conj(np.array(y[..., 0])).astype(np.complex128)
        return lambda: odtbrain.backpropagate_2d(sinogram, np.array(angles, np.float64), 2 * np.pi / wavenumber, 1.0, 0.0, padding=True)

    call = _lazy(make)
    moved = lambda part: _half_pixel(-np.rot90(part, 3).T, 0.5, (-2, -1))
    call.aligned = lambda x: moved(x.real) + 1j * moved(x.imag)
    return call


def skimage_tv(noisy, weight, iterations):
    """skimage.restoration.denoise_tv_chambolle."""
    def make():
        from skimage.restoration import denoise_tv_chambolle

        image = np.array(noisy[..., 0])
        return lambda: denoise_tv_chambolle(image, weight=weight, eps=0, max_num_iter=iterations)

    return _lazy(make)


def bm3d_package(noisy, sigma):
    """The authors' BM3D: closed, for non-commercial use alone, from the extra `bm3d`."""
    def make():
        from bm3d import bm3d

        image = np.array(noisy[..., 0], np.float64)
        return lambda: bm3d(image, sigma)

    return _lazy(make)


def deepinv_fista(y, psf, weight):
    """deepinv's FISTA with its TV prior, 100 iterations."""
    def make():
        import torch
        from deepinv.optim import L2, TVPrior
        from deepinv.optim.optimizers import optim_builder
        from deepinv.physics import BlurFFT

        physics = BlurFFT(img_size=(1, *y.shape[:2]), filter=torch.from_numpy(np.array(psf))[None, None])
        batch = torch.from_numpy(np.array(y[None, None, ..., 0]))
        model = optim_builder(iteration="FISTA", prior=TVPrior(n_it_max=10), data_fidelity=L2(), early_stop=False, max_iter=100,
                              verbose=False, params_algo={"stepsize": 1.0, "lambda": weight, "a": 3})
        return lambda: model(batch, physics).detach().numpy()

    return _lazy(make)


def deepinv_pnp(y, psf, sigma, iterations):
    """deepinv's FISTA with its TV denoiser of `iterations` plugged in, 100 iterations."""
    def make():
        import torch
        from deepinv.models import TVDenoiser
        from deepinv.optim import L2, PnP
        from deepinv.optim.optimizers import optim_builder
        from deepinv.physics import BlurFFT

        physics = BlurFFT(img_size=(1, *y.shape[:2]), filter=torch.from_numpy(np.array(psf))[None, None])
        batch = torch.from_numpy(np.array(y[None, None, ..., 0]))
        model = optim_builder(iteration="FISTA", prior=PnP(denoiser=TVDenoiser(n_it_max=iterations)), data_fidelity=L2(), early_stop=False,
                              max_iter=100, verbose=False, params_algo={"stepsize": 1.0, "g_param": sigma, "a": 3})
        return lambda: model(batch, physics).detach().numpy()

    return _lazy(make)


def scico_admm(y, psf, weight):
    """SCICO's ADMM for isotropic TV with its FFT solver, 100 iterations."""
    def make():
        import scico.numpy as snp
        from scico import functional, linop, loss
        from scico.optimize.admm import ADMM, CircularConvolveSolver

        image = snp.array(np.array(y[..., 0]))
        blur = linop.CircularConvolve(snp.array(np.array(psf)), input_shape=image.shape, h_center=[k // 2 for k in psf.shape])
        gradient = linop.FiniteDifference(input_shape=image.shape, circular=True)

        def run():
            solver = ADMM(
                f=loss.SquaredL2Loss(y=image, A=blur), g_list=[weight * functional.L21Norm()], C_list=[gradient], rho_list=[0.1],
                x0=image, maxiter=100, subproblem_solver=CircularConvolveSolver(), itstat_options={"display": False},
            )
            return np.asarray(solver.solve())

        return run

    return _lazy(make)


def sigpy_espirit(kspace):
    """sigpy.mri.app.EspiritCalib."""
    def make():
        import sigpy.mri

        centred = np.fft.fftshift(np.array(kspace), (-2, -1))

        def run():
            maps = sigpy.mri.app.EspiritCalib(centred, calib_width=24, kernel_width=6, thresh=0.02, crop=0.95, show_pbar=False).run()
            return np.fft.ifftshift(maps, (-2, -1))

        return run

    return _lazy(make)


def pygrappa(kspace):
    """pygrappa.mdgrappa."""
    def make():
        import pygrappa

        centred = np.moveaxis(np.fft.fftshift(np.array(kspace), (-2, -1)), 0, -1)
        calibration = centred[:, 116:140].copy()
        return lambda: np.fft.ifftshift(np.moveaxis(pygrappa.mdgrappa(centred.copy(), calibration, kernel_size=(5, 5)), -1, 0), (-2, -1))

    return _lazy(make)
