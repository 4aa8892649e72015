"""One measurement that several devices share: the answer of one device, with a part of the memory and without an exchange of volumes."""

import re
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.fitted import fit
from unsup_jax.inference import estimator, shared
from unsup_jax.methods import DeepImagePrior, FilteredBackProjection
from unsup_jax.methods.classical.admm import ADMM
from unsup_jax.methods.classical.conjugate_gradient import ConjugateGradient
from unsup_jax.methods.classical.proximal_gradient import ProximalGradient
from unsup_jax.operators import SENSE, Convolution, Identity, Radon, gaussian_psf
from unsup_jax.priors import TotalVariation, Wavelet
from unsup_jax.train import Solver, parallel

KEY = jax.random.key(0)
TV = ProximalGradient(steps=4, prior=TotalVariation(iterations=2))
CG = ConjugateGradient(steps=4)
FBP = FilteredBackProjection()


def tomogram(depth, size=10):
    """Views of a volume of random slices."""
    H = Radon(np.linspace(0, 3, 7, dtype=np.float32), size, width=3)
    return Measurement(np.random.default_rng(0).standard_normal((7, depth, size, 1)).astype(np.float32), H)


def volume_by_coils(depth, height=9, width=6):
    """Random k-space of a volume whose readout is `depth`, and of which half of the lines across it are sampled."""
    g = np.random.default_rng(0)
    draw = lambda *shape: (g.standard_normal(shape) + 1j * g.standard_normal(shape)).astype(np.complex64)
    maps, mask = draw(1, 3, depth, height, width), np.float32(g.random((1, height, width)) < 0.5)
    return Measurement(mask * draw(3, depth, height, width), SENSE(maps / np.linalg.norm(maps, axis=1, keepdims=True), mask))


def as_if(monkeypatch, count):
    """As if this machine had so many devices."""
    some = jax.local_devices()[:count]
    monkeypatch.setattr(jax, "local_devices", lambda: some)


def agree(method, one, devices):
    """Whether so many devices find what one does, to 1e-5; and what is said of it."""
    said = []
    ((alone, _, _),) = estimator(method, None, KEY, devices=1)([one])
    ((together, _, _),) = estimator(method, None, KEY, devices=devices, say=said.append)([one])
    assert np.linalg.norm(together - alone) <= 1e-5 * np.linalg.norm(alone) and np.linalg.norm(alone) > 0
    return said


@pytest.mark.parametrize("method, one", [(TV, tomogram), (CG, volume_by_coils)], ids=["tomogram", "k-space"])
def test_four_devices_agree_with_one_and_hold_a_quarter_each(method, one):
    """What the programs before and of the loop hold on a device, and exchange between them: faces of slabs, and sums."""
    one = one(24)
    solver, slabs = Solver(method, KEY), parallel.Slabs.of(one, 4)
    placed, until, found = slabs.place(one), np.int32(method.steps), []
    alone, together = (one, lambda f, *given: jax.jit(f).lower(*given).compile()), (placed, slabs.program)
    for measurement, compiled in (alone, together):
        first = compiled(solver._first, KEY, None, measurement)
        begun = first(KEY, None, measurement)
        loop = compiled(solver._until, KEY, until, (measurement, begun))
        found.append((loop(KEY, until, (measurement, begun))[0].answer, first, loop))
    (x, *whole), (shared_x, *slab) = found
    assert np.linalg.norm(x.x - shared_x.x) <= 1e-5 * np.linalg.norm(x.x)
    for array in (placed.y, shared_x.x, shared_x.back):
        assert len(array.addressable_shards) == 4 and all(4 * shard.data.size == array.size for shard in array.addressable_shards)
    volume = int(np.prod(slabs.shape))
    for of_one, of_four in zip(whole, slab):
        for size in ("argument_size_in_bytes", "output_size_in_bytes", "temp_size_in_bytes"):
            assert getattr(of_four.memory_analysis(), size) <= 0.3 * getattr(of_one.memory_analysis(), size), size
        assert "all-gather" not in of_four.as_text() and "all-to-all" not in of_four.as_text()
        faces = re.findall(r"\w+\[([\d,]*)\]\S* collective-permute\(", of_four.as_text())
        assert all(24 * np.prod([int(n) for n in shape.split(",") if n], dtype=int) <= volume for shape in faces)


@pytest.mark.parametrize("method, one, devices", [
    (FBP, tomogram(8), 4),
    *(pytest.param(*more, marks=pytest.mark.slow) for more in (
        (CG, volume_by_coils(9), 3), (TV, Measurement(tomogram(9).y[0], Identity()), 3), (TV, tomogram(9), 3),
        (ADMM(steps=2, prior=TotalVariation(iterations=2)), tomogram(6), 3))),
], ids=["FBP", "CG", "image", "FISTA", "ADMM"])
def test_other_numbers_methods_and_operators(method, one, devices):
    said = agree(method, one, devices)
    assert len(said) == 1 and said[0].startswith(f"{method.label}: ") and f" shared by {devices}" in said[0]


@pytest.mark.slow
def test_eight_devices_agree_with_one():
    flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=8", "JAX_PLATFORMS": "cpu", "PYTHONPATH": ":".join(sys.path)}
    code = "import test_shared as t; print(t.agree(t.TV, t.tomogram(16), 8), t.agree(t.CG, t.volume_by_coils(24), 8))"
    done = subprocess.run([sys.executable, "-c", code], env=flags, cwd=Path(__file__).parent, capture_output=True, text=True)
    assert done.returncode == 0 and "8 devices, 2 each" in done.stdout and "8 devices, 3 each" in done.stdout, done.stderr


@pytest.mark.parametrize("devices, height, used", [(4, 12, 4), (4, 6, 3), (3, 8, 2), (4, 7, 1), (1, 8, 1), (4, 2, 2)])
def test_as_many_devices_as_share_the_slices_evenly(monkeypatch, devices, height, used):
    """Of a large measurement all are taken that can; by less than two it is not shared."""
    as_if(monkeypatch, devices)
    monkeypatch.setattr("unsup_jax.inference.SPREAD_NUMBERS", 100)
    found = shared(TV, tomogram(height), None)
    assert (found is None) if used == 1 else len(found.devices) == used
    if used == 3:
        assert found.describe().endswith("shared by 3 of 4 devices, 2 each")
    monkeypatch.setattr("unsup_jax.inference.SPREAD_NUMBERS", 10**6)
    assert shared(TV, tomogram(height), None) is None


@pytest.mark.parametrize("method, one, devices, words", [
    (TV, tomogram(7), 4, "7 slices cannot be shared evenly by 4 devices; 1 of them can"),
    (TV, tomogram(12), 5, "5 devices were asked for; there are 4"),
    (TV, tomogram(12), 0, "0 devices were asked for"),
    (TV, Measurement(np.ones((7, 10, 1), np.float32), Radon(np.zeros(7, np.float32), 10)), 4, "by Radon cannot be shared by devices: it mixes"),
    (TV, Measurement(np.ones((8, 8, 1), np.float32), Convolution(gaussian_psf((8, 8), 1.0))), 4, "by Convolution cannot be shared"),
    (CG, volume_by_coils(12).replace(operator=volume_by_coils(12).operator.replace(mask=np.ones((12, 9, 6), np.float32))), 4, "by SENSE cannot"),
    (ProximalGradient(prior=Wavelet()), tomogram(12), 4, "FISTA-Wavelet cannot be shared by devices"),
    (DeepImagePrior(), tomogram(12), 4, "Deep image prior cannot be shared by devices"),
])
def test_what_cannot_be_shared_is_refused_in_one_line(method, one, devices, words):
    with pytest.raises(InputError, match=words):
        next(estimator(method, None, KEY, devices=devices)([one]))


def test_arrays_are_shared_where_devices_are_given():
    one = volume_by_coils(9)
    fitted = fit(CG, one.y, operator=one.operator, dimensions=3)
    alone, together = (fitted.reconstruct(one.y, devices=devices) for devices in (1, 3))
    np.testing.assert_allclose(together, alone, atol=1e-5 * np.abs(alone).max())
    with pytest.raises(InputError, match="9 slices cannot be shared evenly by 4 devices"):
        fitted.reconstruct(one.y, devices=4)
