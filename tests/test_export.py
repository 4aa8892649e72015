"""Models that leave the house: ONNX, programs of jax.export and BioImage.IO packages make what the run makes, at any size."""

import hashlib
import io
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from helpers import exported

import unsup_jax
from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.export import Card, _runner, export, symbolic
from unsup_jax.methods import BM3D, PN2V, Noise2Noise, Noise2Self, Noise2Void, Supervised
from unsup_jax.networks import DnCNN, NoiseNetwork, UNet, Upsampled
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Convolution, Identity, gaussian_psf

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra `export`")

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

NOISE = Gaussian(np.float32(2.0))
BLUR = Convolution(gaussian_psf((5, 5), 1.0))
METHODS = {
    "Noise2Void, U-Net": Noise2Void(network=UNet(width=2, depth=1, residual=True)),
    "turned copies": Noise2Void(network=DnCNN(depth=2, width=2), augment=True),
    "hidden grids": Noise2Self(network=DnCNN(depth=2, width=2), width=2, average=True),
    "weighed by the noise model": PN2V(network=UNet(width=2, depth=1), samples=3),
    "no native lowering": Noise2Void(network=NoiseNetwork(width=3)),
    "volumes": Noise2Void(network=DnCNN(depth=2, width=2)),
}


def images(count, *shape, seed=0):
    return np.random.default_rng(seed).normal(90, 7, (count, *shape, 1)).astype(np.float32)


def begun(method, dimensions):
    """The first state of a method."""
    batch = Measurement(images(2, *(16,) * dimensions), Identity(), jax.tree.map(lambda leaf: np.stack([leaf, leaf]), NOISE))
    return jax.jit(method.init)(jax.random.key(0), batch)


def reconstructed(method, state, y):
    return np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, Measurement(y, Identity(), NOISE)))


def first(y):
    return np.moveaxis(y, -1, 1)


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS)
def test_onnx_is_the_reconstruction_at_every_size(method):
    dimensions = 3 if method is METHODS["volumes"] else 2
    state = begun(method, dimensions)
    function = symbolic.estimates(method, state, NOISE, Identity())
    model = symbolic.traced(method, lambda: unsup_jax.export.graph.onnx_model(
        function, symbolic.symbolic_images(method, 1, dimensions), name="test"))
    run = _runner(model.SerializeToString())
    y = images(2, *(17, 22, 16)[:dimensions])
    expected = reconstructed(method, state, y[1])
    np.testing.assert_allclose(run(first(y))[1], first(expected[None])[0], rtol=0, atol=1e-4 * np.abs(expected).max())
    assert run(first(images(1, *(32, 19, 21)[:dimensions]))).shape == (1, 1, *(32, 19, 21)[:dimensions])


def test_a_program_is_the_reconstruction_on_every_platform():
    method = METHODS["hidden grids"]
    state = begun(method, 2)
    program = symbolic.serialized(method, symbolic.estimates(method, state, NOISE, Identity()), symbolic.symbolic_images(method, 1, 2))
    assert jax.export.deserialize(bytearray(program)).platforms == symbolic.PLATFORMS
    y = images(2, 19, 22)
    expected = reconstructed(method, state, y[1])
    np.testing.assert_allclose(symbolic.deserialized(program)(first(y))[1, 0], expected[..., 0], rtol=0, atol=1e-4 * np.abs(expected).max())


def test_a_mean_of_many_pixels_keeps_its_digits():
    x = np.full((300, 400), 625.3, np.float32)
    np.testing.assert_allclose(graph_of(jnp.mean, 300, 400)(x), 625.3, rtol=1e-6)


def graph_of(function, *shape):
    """ONNX of a function of one array, by the reference runtime or another."""
    sizes = jax.export.symbolic_shape(", ".join("abcd"[: len(shape)]))
    like = jax.ShapeDtypeStruct(tuple(n if fixed else size for n, fixed, size in zip(shape, (True,) + (False,) * len(shape), sizes)), jnp.float32)
    return _runner(unsup_jax.export.graph.onnx_model(function, like, name="test").SerializeToString())


FUNCTIONS = {
    "sizes": lambda x: jnp.concatenate([x, jnp.flip(x, 1)], 1) * x.shape[1] + jnp.mean(x),
    "reductions": lambda x: jnp.max(x, 0, keepdims=True) - jnp.min(x, 0)[None] + jnp.var(x, 1, keepdims=True) + jnp.prod(x[:2], 0)[None],
    "elementwise": lambda x: jnp.tanh(x) ** 3 + jax.nn.softplus(x) * jax.nn.gelu(x) + jnp.expm1(jnp.clip(x, -1, 1)) + jax.lax.rsqrt(1 + x * x),
    "choices": lambda x: jnp.where((x > 0) & ~(x >= 1) | (x != x), jnp.sign(x), jnp.floor(x)),
    "products": lambda x: jnp.einsum("ij,kj->ik", x, 2 * x) @ x,
    "loops": lambda x: jax.lax.scan(lambda c, k: (c + x * k, c[0]), x, jnp.arange(3.0))[1].T @ jnp.ones((3, 4)) * x[0, 0],
    "moved": lambda x: jnp.cumsum(jnp.roll(x, 1, 0), 1) + jnp.stack([x, -x], 1).sum(1) + jnp.repeat(x, 2, 0)[: x.shape[0]],
}


@pytest.mark.parametrize("function", FUNCTIONS.values(), ids=FUNCTIONS)
def test_functions_as_onnx(function):
    x = np.random.default_rng(1).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_allclose(graph_of(function, 3, 5)(x), function(jnp.asarray(x)), rtol=1e-4, atol=1e-5)


REFUSED = {
    "sort": (lambda x: jnp.sort(x, 1), "'sort'"),
    "a long loop": (lambda x: jax.lax.fori_loop(0, 100, lambda i, x: x * 2, x), "100 steps"),
    "a loop that ends by itself": (lambda x: jax.lax.while_loop(lambda x: x.sum() < 9, lambda x: x * 2, x), "'while'"),
    "chance": (lambda x: x + jax.random.normal(jax.random.key(0), (3, 1)), "random"),
}


@pytest.mark.parametrize("function, word", REFUSED.values(), ids=REFUSED)
def test_what_has_no_node_is_refused_by_its_name(function, word):
    with pytest.raises(InputError, match=word):
        graph_of(function, 3, 5)


@pytest.fixture
def package(tmp_path):
    (tmp_path / "model.zip").write_bytes(exported()[2])
    return tmp_path / "model.zip"


def test_a_package_says_what_it_is(package):
    method, state, _ = exported()
    with zipfile.ZipFile(package) as packed:
        files = {name: packed.read(name) for name in packed.namelist()}
    described = yaml.safe_load(files["rdf.yaml"])
    assert described["name"] == "A model of ours" and described["authors"] == [{"name": "A. Person"}]
    tensor, weights = described["inputs"][0], described["weights"]["onnx"]
    halo = described["outputs"][0]["axes"][2]["halo"]
    assert halo == method.tiling[0] and tensor["axes"][2]["size"]["min"] > 2 * halo
    for entry in (weights, tensor["test_tensor"], described["outputs"][0]["test_tensor"], *described["attachments"]):
        assert hashlib.sha256(files[entry["source"]]).hexdigest() == entry["sha256"]
    y, estimate = (np.load(io.BytesIO(files[name])) for name in ("input.npy", "output.npy"))
    np.testing.assert_allclose(estimate[0, 0], reconstructed(method, state, y[0, 0][..., None])[..., 0], rtol=1e-5)
    np.testing.assert_allclose(_runner(files["weights.onnx"])(y), estimate, atol=1e-4 * np.abs(estimate).max())
    np.testing.assert_allclose(symbolic.deserialized(files["model.jax"])(y), estimate, atol=1e-4 * np.abs(estimate).max())
    assert files["cover.png"][:4] == b"\x89PNG" and "A model of ours" in files["README.md"].decode()


def test_a_package_passes_the_test_of_bioimageio(package):
    core = pytest.importorskip("bioimageio.core", reason="the checker of BioImage.IO packages is not installed")
    summary = core.test_model(package)
    assert summary.status == "passed", summary.details


def test_what_does_not_leave_the_house_is_one_line(tmp_path):
    other = lambda method, name="m.onnx", example=images(1, 32, 32)[0], operator=Identity(): export(
        jax.random.key(0), method, None, None, tmp_path / name, Measurement(example, operator), name="run")
    with pytest.raises(InputError, match="solved anew.*jax"):
        other(BM3D())
    with pytest.raises(InputError, match="no image of one image"):
        other(Noise2Noise(symmetric=True))
    with pytest.raises(InputError, match="accepted are .jax, .onnx, .zip"):
        other(Noise2Void(), "model.pth")
    with pytest.raises(InputError, match="takes 52 pixels"):
        other(Noise2Void(), "model.zip")
    with pytest.raises(InputError, match="of 5 to 128 letters"):
        Card(name="x/y and more")
    with pytest.raises(InputError, match="no image"):
        other(Supervised(), example=images(1, 32, 32)[0].astype(np.complex64))
    assert not list(tmp_path.iterdir())


def test_a_network_that_is_told_the_operator_stays_at_home():
    method = Supervised(network=Upsampled(UNet(width=2, depth=1)))
    blurred = Measurement(images(2, 16, 16), jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), BLUR), truth=images(2, 16, 16))
    state = jax.jit(method.init)(jax.random.key(0), blurred)
    with pytest.raises(InputError, match="Upsampled.*its operator H"):
        symbolic.serialized(method, symbolic.estimates(method, state, None, BLUR), symbolic.symbolic_images(method, 1, 2))
