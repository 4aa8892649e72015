"""Forward operators and classical solvers: forward, adjoint, gradient; beside the peers on the same threads."""

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import jax
import jax.numpy as jnp
import numpy as np
import skimage.data

from benchmarks import peers
from benchmarks.timing import compiled, timed_in_turns
from unsup_jax.core import Measurement
from unsup_jax.core.linear import conjugate_gradient
from unsup_jax.core.phasors import squared_modulus
from unsup_jax.methods import ADMM, GRAPPA, FilteredBackProjection, ProximalGradient
from unsup_jax.modalities.mri import loop_coils
from unsup_jax.operators import (
    SENSE, Convolution, Diffraction, FanBeam, NonCartesianSENSE, Projection, Radon, espirit, flat_fan, gaussian_psf,
    parallel_angles, random_rotations,
)
from unsup_jax.operators.trajectories import equispaced_lines, random_points
from unsup_jax.priors import BM3DDenoiser, PlugAndPlay, TotalVariation
from unsup_jax.train import solve

def _key():
    return jax.random.key(0)


@dataclass(frozen=True)
class Case:
    """One row: a jittable function of pytrees, the peers' calls of no argument, and how far results may differ."""

    name: str
    ours: Callable
    arguments: tuple
    theirs: dict[str, Callable] = field(default_factory=dict)
    tolerance: float = 1e-3
    """Largest accepted ||ours - theirs|| / ||theirs||; where more, the row says so."""
    comparable: Callable = lambda result: result
    """The part of a result, shaped like ours, that is compared."""
    objective: Callable | None = None
    """What a solver's result minimises, or its error: stated beside the peer's, whose iteration may be at another point."""


    def agreement(self, ours: np.ndarray, theirs: np.ndarray) -> str:
        """How far two results differ, in words."""
        a, b = self.comparable(ours), self.comparable(theirs)
        difference = float(np.linalg.norm(a - b) / max(np.linalg.norm(b), 1e-30))
        note = f"difference {difference:.1e}" + ("" if difference <= self.tolerance else f" (above {self.tolerance:.0e})")
        if self.objective is not None:
            note += ", objective {:.4g}, ours {:.4g}".format(*(float(self.objective(jnp.asarray(x))) for x in (theirs, ours)))
        return note


def measure(repeats: int, with_peers: bool, only: str = "") -> Iterator[dict]:
    """One row for us and one for each peer, of the cases whose name holds `only`."""
    peers.set_threads(len(os.sched_getaffinity(0)))
    for family in (_blur, _radon, _sense, _nufft, _cryo_em, _diffraction, _solvers, _collaborative, _calibration):
        if only and only not in family.__name__:
            continue
        for case in family(with_peers):
            program, figures = compiled(jax.jit(case.ours), *case.arguments)
            mine, calls, rows = np.asarray(program(*case.arguments)), {"ours": lambda: program(*case.arguments)}, {"ours": figures}
            for who, call in case.theirs.items():
                try:
                    result = np.asarray(getattr(call, "aligned", lambda a: a)(call()))
                except ImportError as error:
                    rows[who] = {"note": peers.not_installed(error)}
                    continue
                except Exception as error:  # a peer that fails is a row that says so
                    rows[who] = {"note": f"failed: {type(error).__name__}: {str(error)[:80]}"}
                    continue
                calls[who], rows[who] = call, {"note": case.agreement(mine, result.reshape(mine.shape))}
            for who, times in timed_in_turns(calls, repeats).items():
                rows[who] |= times
            for who, row in rows.items():
                if who in calls and who != "ours":
                    ratio = [row[unit] / rows["ours"][unit] for unit in ("cpu_ms", "wall_ms")]
                    row["note"] = f"{ratio[0]:.2f}x our CPU time, {ratio[1]:.2f}x wall, {row['note']}"
                yield {"case": case.name, "who": who, **row}


def _stages(name, H, x, theirs, tolerance=1e-3, within=1):
    """Forward, adjoint and gradient of a batched linear operator; `theirs` maps who to (forward, adjoint, gradient).

    Images are compared `within` a mask [*S, 1].
    """
    y = jax.vmap(H)(x)
    stages = {
        "forward": (lambda H, x: jax.vmap(H)(x), (H, x)),
        "adjoint": (lambda H, y: jax.vmap(H.adjoint)(y), (H, y)),
        "gradient": (lambda H, x: _gradient(jax.vmap(H), x), (H, x)),
    }
    for k, (stage, (function, arguments)) in enumerate(stages.items()):
        calls = {who: calls[k] for who, calls in theirs.items() if calls[k] is not None}
        comparable = (lambda y: y) if stage == "forward" else (lambda x: within * x)
        yield Case(f"{name}, {stage}", function, arguments, calls, tolerance, comparable)


def _gradient(apply, x):
    """The gradient of 1/2 ||apply(x)||^2, of steepest ascent."""
    return jnp.conj(jax.grad(lambda x: 0.5 * jnp.sum(squared_modulus(apply(x))))(x))


def _smooth(shape, width=2.0):
    """Random images of limited bandwidth, on which all discretisations of an integral agree."""
    x = jax.random.normal(_key(), shape)
    return jax.vmap(Convolution(gaussian_psf((15, 15), width)))(x)


def _blur(with_peers):
    psf = gaussian_psf((25, 25), 3.0)
    x = jax.random.normal(_key(), (8, 512, 512, 1))
    theirs = {"torch": peers.torch_blur(x, psf), "deepinv": peers.deepinv_blur(x, psf)} if with_peers else {}
    yield from _stages("blur 8 x 512^2", Convolution(psf).planned((512, 512)), x, theirs)
    psf = gaussian_psf((9, 15, 15), 2.0)
    x = jax.random.normal(_key(), (1, 64, 256, 256, 1))
    theirs = {"torch": peers.torch_blur(x, psf), "deepinv": peers.deepinv_blur(x, psf)} if with_peers else {}
    yield from _stages("blur 64 x 256 x 256", Convolution(psf).planned((64, 256, 256)), x, theirs)


def _radon(with_peers):
    angles = parallel_angles(180)
    disc = np.hypot(*(np.mgrid[:256, :256] - 128)) < 110
    for batch in (4, 1):
        x = _smooth((batch, 256, 256, 1)) * jnp.asarray(disc, jnp.float32)[None, ..., None]
        x = jax.vmap(Convolution(gaussian_psf((15, 15), 2.0)))(x)
        theirs = {}
        if with_peers and batch == 4:
            theirs = {
                "deepinv": peers.deepinv_radon(x, angles), "astra": peers.astra_radon(x, angles),
                "scikit-image": peers.skimage_radon(x, angles),
            }
        for width in (6, 3):
            label = "exact" if width == 6 else "fast"
            yield from _stages(f"Radon {batch} x 256^2, 180 angles, {label}", Radon(angles, 256, width), x, theirs, 0.03, disc[..., None])
    views = parallel_angles(180, extent=2 * np.pi)
    H = FanBeam(views, flat_fan(384, pitch=1.5, distance=800.0), jnp.float32(400.0), 256)
    theirs = {"astra": peers.astra_radon(x, views, (384, 1.5, 400.0, 400.0))} if with_peers else {}
    yield from _stages("fan beam 256^2, 180 views", H, x, theirs, 0.03, disc[..., None])


def _complex(shape):
    return jax.lax.complex(*jax.random.normal(_key(), (2, *shape)))


def _sense(with_peers):
    for coils in (8, 16):
        maps = loop_coils(coils, (320, 320))
        x = _complex((1, 320, 320, 1))
        for kind, mask in {"2-D mask": random_points(_key(), (320, 320), 4), "lines": equispaced_lines(320, 4)}.items():
            H = SENSE(maps[None], mask)
            theirs = {}
            if with_peers and kind == "2-D mask":
                theirs = {who: make(x, maps, mask) for who, make in
                          {"torch": peers.torch_sense, "sigpy": peers.sigpy_sense, "deepinv": peers.deepinv_sense}.items()}
            if kind == "2-D mask":
                yield from _stages(f"SENSE 320^2, {coils} coils", H, x, {who: calls[:3] for who, calls in theirs.items()})
            y = H(x[0])
            calls = {who: c[3] for who, c in (theirs or ({} if not with_peers else {
                "sigpy": peers.sigpy_sense(x, maps, jnp.broadcast_to(mask, (320, 320)))})).items()}
            yield Case(
                f"CG-SENSE, 10 iterations, {coils} coils, {kind}",
                lambda H, y: conjugate_gradient(H.normal, H.adjoint(y), iterations=10), (H, y), calls, 1e-2,
            )


def _nufft(with_peers):
    places = jax.random.uniform(_key(), (65536, 2), minval=-0.5, maxval=0.5)
    maps = loop_coils(8, (256, 256))
    H = NonCartesianSENSE(maps[None], places)
    x = _complex((1, 256, 256, 1))
    theirs = {}
    if with_peers:
        theirs = {"finufft": peers.finufft_sense(x, maps, places), "sigpy": peers.sigpy_nufft(x, maps, places),
                  "torchkbnufft": peers.kb_nufft(x, maps, places)}
    yield from _stages("NUFFT 256^2, 64k samples, 8 coils", H, x, {who: c[:3] for who, c in theirs.items()}, 5e-3)
    calls = {who: c[3] for who, c in theirs.items() if len(c) > 3}
    yield Case("NUFFT normal, Toeplitz, 8 coils", lambda H, x: H.normal(x), (jax.jit(lambda H: H.toeplitz())(H), x[0]), calls, 1e-2)


def _cryo_em(with_peers):
    rotations = random_rotations(_key(), 64)
    line = np.arange(64) - 32
    ball = (line[:, None, None] ** 2 + line[None, :, None] ** 2 + line[None, None] ** 2 < 24**2).astype(np.float32)
    volume = Convolution(gaussian_psf((7, 7, 7), 1.5))(jax.random.normal(_key(), (64, 64, 64, 1)) * ball[..., None])
    theirs = peers.torch_projection(volume, rotations) if with_peers else (None, None)
    for width in (2, 4):
        project = lambda volume, rotations, width=width: jax.vmap(lambda R: Projection(R, width=width)(volume))(rotations)
        name = f"cryo-EM 64^3, 64 rotations, width {width}"
        yield Case(f"{name}, forward", project, (volume, rotations), {"torch": theirs[0]} if with_peers else {}, 0.1)
        gradient = lambda volume, rotations, project=project: jax.grad(lambda v: 0.5 * jnp.sum(jnp.square(project(v, rotations))))(volume)
        yield Case(f"{name}, gradient", gradient, (volume, rotations), {"torch": theirs[1]} if with_peers else {}, 0.2)


def _diffraction(with_peers):
    angles = parallel_angles(180, extent=2 * np.pi)
    H = Diffraction(angles, jnp.float32(1.5), 256)
    rows, columns = np.mgrid[:256, :256] - 128
    cells = np.exp(-np.hypot(rows - 20, columns + 30) ** 2 / 200) + 0.5 * np.exp(-np.hypot(rows + 40, columns + 10) ** 2 / 100)
    x, disc = jnp.asarray(cells, jnp.complex64)[None, ..., None], np.hypot(rows, columns)[..., None] < 90
    yield from _stages("ODT 256^2, 180 angles", H, x, {})
    y = H(x[0])
    theirs = {"odtbrain": peers.odtbrain_backpropagation(y, angles, 1.5)} if with_peers else {}
    yield Case("ODT back-propagation 256^2, 180 angles", lambda H, y: H.adjoint(H.filtered(y)), (H, y), theirs,
               0.02, lambda f: disc * f)


def _solvers(with_peers):
    rows, columns = np.mgrid[:256, :256]
    clean = ((rows // 32 + columns // 48) % 2 * 0.6 + 0.2 * (np.hypot(rows - 128, columns - 128) < 60)).astype(np.float32)
    x = jnp.asarray(clean)[..., None]
    noisy = x + 0.1 * jax.random.normal(_key(), x.shape)
    prior = TotalVariation(0.1, iterations=100)
    theirs = {"scikit-image": peers.skimage_tv(noisy, 0.1, 100)} if with_peers else {}
    yield Case("TV denoising 256^2, 100 iterations", lambda y: prior.prox(y, 1.0), (noisy,), theirs, 0.05)
    # accelerated gradients have reached by then what Chambolle's iteration reaches in 100
    same = TotalVariation(0.1, iterations=52)
    yield Case("TV denoising 256^2, to one objective", lambda y: same.prox(y, 1.0), (noisy,), theirs, 0.05)
    H = Convolution(gaussian_psf((9, 9), 2.0))
    m = Measurement(H(x) + 0.01 * jax.random.normal(_key(), x.shape), H)
    final = lambda method: lambda m: method.reconstruct(_key(), solve(method, _key(), m)[0], m)
    tv = TotalVariation(2e-3, iterations=10)
    objective = lambda x: 0.5 * jnp.sum(jnp.square(H(x) - m.y)) + tv(x)
    theirs = {"deepinv": peers.deepinv_fista(m.y, H.psf, 2e-3)} if with_peers else {}
    yield Case("FISTA-TV deconvolution 256^2, 100 iterations", final(ProximalGradient(prior=tv, relative=False, step_size=1.0)), (m,), theirs,
               0.05, objective=objective)
    theirs = {"scico": peers.scico_admm(m.y, H.psf, 2e-3)} if with_peers else {}
    yield Case("ADMM-TV deconvolution 256^2, 100 iterations", final(ADMM(prior=tv, relative=False)), (m,), theirs, 0.05, objective=objective)
    plugged = PlugAndPlay(weight=1e-4)
    theirs = {"deepinv": peers.deepinv_pnp(m.y, H.psf, 1e-2, 20)} if with_peers else {}
    yield Case("PnP-FISTA (TV denoiser) 256^2, 100 iterations", final(ProximalGradient(prior=plugged, relative=False, step_size=1.0)), (m,), theirs, 0.05)
    H, disc = Radon(parallel_angles(180), 256), np.hypot(rows - 128, columns - 128)[..., None] < 125
    m = Measurement(H(x * disc), H)
    yield Case("filtered back-projection 256^2, 180 angles", lambda m: FilteredBackProjection().answer(_key(), m), (m,),
               {"scikit-image": peers.skimage_fbp(m.y, H.angles)} if with_peers else {}, 0.2, lambda x: disc * x)


def _collaborative(with_peers):
    clean = jnp.asarray(skimage.data.camera()[:256, 100:356, None], jnp.float32)
    noisy = clean + 25 * jax.random.normal(_key(), clean.shape)
    theirs = {"bm3d": peers.bm3d_package(noisy, 25.0)} if with_peers else {}
    error = lambda x: jnp.mean(jnp.square(x.reshape(clean.shape) - clean))
    yield Case("BM3D 256^2, sigma 25", BM3DDenoiser(), (noisy, jnp.float32(25)), theirs, 0.05, objective=error)


def _calibration(with_peers):
    maps = loop_coils(8, (256, 256))
    disc = (np.hypot(*(np.mgrid[:256, :256] - 128)) < 90).astype(np.complex64)
    image = disc * np.asarray(1 + 0.3 * _smooth((1, 256, 256, 1))[0, ..., 0])
    kspace = jnp.fft.fft2(maps * image, norm="ortho")
    theirs = {"sigpy": peers.sigpy_espirit(kspace)} if with_peers else {}
    yield Case("ESPIRiT 256^2, 8 coils", lambda k: espirit(k)[0], (kspace,), theirs, 0.2)
    mask = equispaced_lines(256, 2)
    y = kspace * mask.astype(jnp.complex64)
    theirs = {"pygrappa": peers.pygrappa(y)} if with_peers else {}
    yield Case("GRAPPA 256^2, 8 coils, R = 2", lambda y, mask: GRAPPA(calibration=24).fill(y, mask), (y, mask), theirs, 0.1)
