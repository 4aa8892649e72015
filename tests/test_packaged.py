"""Models of others: ONNX graphs as functions of JAX, packages that are read, and those that are refused."""

import hashlib
import zipfile

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import yaml
from helpers import exported

from unsup_jax.core import Measurement
from unsup_jax.errors import InputError
from unsup_jax.methods import GeneralDenoiser, Packaged, ProximalGradient
from unsup_jax.noise import Gaussian
from unsup_jax.onnx import load
from unsup_jax.operators import Identity
from unsup_jax.priors import RED, PackagedDenoiser, PlugAndPlay, TotalVariationDenoiser
from unsup_jax.priors.packaged import opened

onnx = pytest.importorskip("onnx", reason="ONNX files need the extra `export`")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

RNG = np.random.default_rng(0)


def model(nodes, constants=(), shape=("n", 2, "y", "x"), version=18):
    constants = [numpy_helper.from_array(np.asarray(value), name) for name, value in dict(constants).items()]
    value = lambda name, shape: helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
    graph = helper.make_graph(nodes, "test", [value("x", shape)], [value("out", None)], constants)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def node(kind, *inputs, out="out", **attributes):
    return helper.make_node(kind, inputs, [out], **attributes)


def normal(*shape):
    return RNG.normal(size=shape).astype(np.float32)


RESIZE = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
OPERATORS = {  # nodes, and their constants
    "strided convolution": (
        [node("Conv", "x", "k", "b", strides=[2, 1], pads=[1, 0, 2, 1], dilations=[1, 2])], {"k": normal(4, 2, 3, 3), "b": normal(4)}),
    "groups, same": ([node("Conv", "x", "k", group=2, auto_pad="SAME_UPPER", strides=[2, 2])], {"k": normal(4, 1, 3, 3)}),
    "transposed": (
        [node("ConvTranspose", "x", "k", "b", strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1])],
        {"k": normal(2, 3, 3, 3), "b": normal(3)}),
    "transposed, groups": ([node("ConvTranspose", "x", "k", strides=[2, 2], group=2)], {"k": normal(2, 3, 2, 2)}),
    "pools": (
        [node("MaxPool", "x", out="p", kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 0]),
         node("AveragePool", "p", kernel_shape=[2, 2], pads=[1, 1, 1, 1])], {}),
    "linear resize": ([node("Resize", "x", "", "s", **RESIZE)], {"s": np.float32([1, 1, 2, 1.5])}),
    "aligned resize": (
        [node("Resize", "x", "", "", "z", **RESIZE | {"coordinate_transformation_mode": "align_corners"})], {"z": np.int64([2, 2, 11, 5])}),
    "nearest resize": (
        [node("Resize", "x", "", "s", mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")],
        {"s": np.float32([1, 1, 2, 2])}),
    "normalisations": (
        [node("BatchNormalization", "x", "a", "b", "m", "v", out="p"), node("InstanceNormalization", "p", "a", "b")],
        {"a": normal(2), "b": normal(2), "m": normal(2), "v": np.abs(normal(2))}),
    "activations": (
        [node("LeakyRelu", "x", out="p", alpha=0.2), node("PRelu", "p", "a", out="q"), node("Elu", "q", out="r"), node("HardSigmoid", "r")],
        {"a": normal(2, 1, 1)}),
    "shapes": (
        [node("Shape", "x", out="s"), node("Slice", "s", "two", "four", out="z"), node("Mul", "z", "two", out="d"),
         node("Concat", "m", "d", out="w", axis=0), node("Expand", "o", "w", out="e"), node("ReduceMean", "x", "axes", out="r"),
         node("Mul", "e", "r")],
        {"two": np.int64([2]), "four": np.int64([4]), "axes": np.int64([2, 3]), "m": np.int64([2, 2]), "o": np.ones((1, 1, 1, 1), np.float32)}),
    "padding, depth to space": (
        [node("Pad", "x", "p", out="q", mode="reflect"), node("Tile", "q", "t", out="d"), node("DepthToSpace", "d", blocksize=2)],
        {"p": np.int64([0, 0, 1, 2, 0, 0, 2, 1]), "t": np.int64([1, 2, 1, 1])}),
    "softmax, matmul": (
        [node("Softmax", "x", out="p", axis=1), node("Transpose", "x", out="q", perm=[0, 1, 3, 2]), node("MatMul", "p", "q", out="r"),
         node("Gemm", "g", "g", out="h", transB=1), node("ReduceSum", "r", "a", out="s", keepdims=0), node("MatMul", "s", "h")],
        {"a": np.int64([2, 3]), "g": normal(2, 3)}),
}


def expected_of(made, x):
    """By onnxruntime, or by ONNX's own reference, which does not know the groups of a transposed convolution."""
    try:
        import onnxruntime
    except ImportError:
        if any(a.name == "group" for n in made.graph.node for a in n.attribute if n.op_type == "ConvTranspose"):
            pytest.skip("onnxruntime is not installed")
        return ReferenceEvaluator(made).run(None, {"x": x})[0]
    return onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


@pytest.mark.parametrize("nodes, constants", OPERATORS.values(), ids=OPERATORS)
def test_operators_compute_what_the_reference_computes(nodes, constants):
    made, x = model(nodes, constants), normal(2, 2, 7, 6)
    expected = expected_of(made, x)
    (found,) = jax.jit(load(made.SerializeToString(), "test"))(x)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_the_graph_does_not_know_is_refused_by_its_name():
    with pytest.raises(InputError, match="of the ONNX operators, Loop, my.Own are not known here"):
        load(model([node("Loop", "x", out="p"), helper.make_node("Own", ["p"], ["out"], domain="my")]).SerializeToString(), "m")
    with pytest.raises(InputError, match="not a readable ONNX model"):
        load(b"no model", "m")
    with pytest.raises(InputError, match="Resize by cubic"):
        load(model([node("Resize", "x", "", "s", mode="cubic")], {"s": np.float32([1, 1, 2, 2])}).SerializeToString(), "m")(normal(1, 2, 4, 4))


@pytest.fixture
def package(tmp_path):
    (tmp_path / "model.zip").write_bytes(exported()[2])
    return tmp_path / "model.zip"


def test_a_run_goes_out_and_comes_back(package):
    trained, state, _ = exported()
    y = 100 + 20 * normal(33, 30)
    one = Measurement(y[..., None], Identity())
    expected = jax.jit(trained.reconstruct)(jax.random.key(0), state, one)[..., 0]
    method = Packaged(str(package))
    method.check(one)
    estimate = method.reconstruct(None, method.init(jax.random.key(0), one), one)
    np.testing.assert_allclose(estimate[..., 0], expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    stack = np.stack([y, 2 * y], 0)[..., None]                       # a volume: its planes, one by one
    np.testing.assert_allclose(PackagedDenoiser(str(package))(stack, jnp.zeros(()))[0], estimate, rtol=1e-5)


def test_a_packaged_denoiser_is_a_prior_with_derivatives(package):
    x = jnp.asarray(100 + 20 * normal(24, 24, 1))
    denoise = PackagedDenoiser(str(package))
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.square(denoise(x, jnp.float32(1))))))(x)
    step = 1e-2 * normal(24, 24, 1)
    square = lambda x: np.sum(np.square(np.asarray(denoise(x, jnp.float32(1)), np.float64)))
    np.testing.assert_allclose((square(x + step) - square(x - step)) / 2, np.sum(gradient * step), rtol=2e-2)
    weight = jnp.float32(2)
    np.testing.assert_allclose(PlugAndPlay(denoise).prox(x, weight), denoise(x, weight), rtol=1e-6)
    np.testing.assert_allclose(RED(denoise, weight=0.5).gradient(x), 0.5 * (x - denoise(x, weight)), rtol=1e-4, atol=1e-4)


def test_a_package_is_named_on_the_command_line(package):
    from experiments import load as experiment
    from experiments._commands import with_prior

    assert experiment(str(package)).method == Packaged(str(package))
    given, rest = with_prior(experiment("tv_tissue"), ["--prior", str(package), "--method.steps", "2"])
    assert given.method.prior == PlugAndPlay(PackagedDenoiser(str(package))) and rest == ["--method.steps", "2"]


def repacked(package, path, *, change=lambda described: None, **files):
    """A package with another description, and with other files; None leaves one out."""
    with zipfile.ZipFile(package) as packed:
        content = {name: packed.read(name) for name in packed.namelist()}
    described = yaml.safe_load(content["rdf.yaml"])
    change(described)
    content |= {"rdf.yaml": yaml.safe_dump(described).encode(), **files}
    with zipfile.ZipFile(path, "w") as packed:
        for name, data in content.items():
            if data is not None:
                packed.writestr(name, data)
    return path


def weights(**changed):
    return lambda described: described["weights"]["onnx"].update(changed)


def pickled(described):
    described["weights"] = {"pytorch_state_dict": {"source": "weights.pth"}}


def timed(described):
    described["inputs"][0]["axes"][0] = {"type": "time", "id": "t"}


def doubled(described):
    described["inputs"] *= 2


REFUSED = {
    "another checksum": ({"change": weights(sha256="0" * 64)}, "another checksum"),
    "a missing file": ({"weights.onnx": None}, "weights.onnx is missing"),
    "a path that leads out": ({"change": weights(source="../weights.onnx")}, "leads out of the package"),
    "an entry that leads out": ({"../../evil.txt": b"x"}, "leads out of the package"),
    "an address": ({"change": weights(source="https://example.org/w.onnx")}, "on another machine"),
    "pickled weights": ({"change": pickled, "weights.pth": b"x"}, "kind pytorch_state_dict, and none in ONNX"),
    "time": ({"change": timed}, "an axis of time"),
    "two inputs": ({"change": doubled}, "2 inputs and 1 outputs"),
    "no description": ({"rdf.yaml": None}, "no rdf.yaml"),
    "a broken description": ({"rdf.yaml": b"a: [1"}, "no readable YAML"),
    "another description": ({"rdf.yaml": b"a: 1"}, "describes no model"),
}


@pytest.mark.parametrize("changed, words", REFUSED.values(), ids=REFUSED)
def test_packages_that_are_refused(package, tmp_path, changed, words):
    with pytest.raises(InputError, match=words):
        opened(str(repacked(package, tmp_path / "m.zip", **changed)))


def test_files_that_are_no_packages(tmp_path):
    (tmp_path / "m.zip").write_bytes(b"PK no zip")
    with pytest.raises(InputError, match="not a readable zip"):
        opened(str(tmp_path / "m.zip"))
    with pytest.raises(InputError, match="no such file"):
        opened(str(tmp_path / "other.zip"))
    folder = tmp_path / "folder"
    folder.mkdir()
    outside = tmp_path / "w.onnx"
    outside.write_bytes(b"x")
    (folder / "weights.onnx").symlink_to(outside)
    images = [{"axes": "bcyx"}]
    described = {"name": "m", "weights": {"onnx": {"source": "weights.onnx"}}, "inputs": images, "outputs": images}
    (folder / "rdf.yaml").write_text(yaml.safe_dump(described))
    with pytest.raises(InputError, match="leads out of the package"):
        opened(str(folder))


def test_version_4_normalises_before_and_is_padded_to_its_sizes(tmp_path):
    """A model that doubles its normalised input: channels last, sizes of 8 and multiples of 4 more, by the words of version 0.4."""
    content = model([node("Mul", "x", "two")], {"two": np.float32(2)}, shape=("n", "y", "x", 1)).SerializeToString()
    (tmp_path / "w.onnx").write_bytes(content)
    (tmp_path / "rdf.yaml").write_text(yaml.safe_dump({
        "name": "double", "type": "model", "weights": {"onnx": {"source": "w.onnx", "sha256": hashlib.sha256(content).hexdigest()}},
        "inputs": [{"name": "raw", "axes": "byxc", "shape": {"min": [1, 8, 8, 1], "step": [0, 4, 4, 0]},
                    "preprocessing": [{"name": "zero_mean_unit_variance", "kwargs": {"mode": "per_sample", "axes": "yx"}}]}],
        "outputs": [{"name": "out", "axes": "byxc", "postprocessing": [{"name": "scale_linear", "kwargs": {"gain": 0.5, "offset": 3.0}}]}],
    }))
    y = 50 + 9 * normal(9, 14, 2)                                    # two channels, one after another
    found = PackagedDenoiser(str(tmp_path / "rdf.yaml"))(jnp.asarray(y), jnp.float32(1))
    np.testing.assert_allclose(found, (y - y.mean((0, 1))) / (y.std((0, 1)) + 1e-6) + 3, atol=1e-4)


def test_a_general_denoiser_knows_no_units(tmp_path):
    """D(a y + b; a^2 v) = a D(y; v) + b, of any theta; and D(y; 0) = y."""
    method = GeneralDenoiser().tiny()
    truth = np.stack([normal(16, 16, 1)] * 2)
    noise = Gaussian(np.float32(0.3))
    both = jax.tree.map(lambda leaf: np.stack([leaf, leaf]), noise)
    state = jax.jit(method.init)(jax.random.key(0), Measurement(truth, Identity(), both, truth=truth))
    D = jax.jit(lambda y, s: method.reconstruct(jax.random.key(0), state, Measurement(y, Identity(), Gaussian(s))))
    y = jnp.asarray(normal(17, 22, 2))
    np.testing.assert_allclose(D(40 * y + 7, jnp.float32(12)), 40 * D(y, jnp.float32(0.3)) + 7, atol=2e-3)
    np.testing.assert_allclose(D(y, jnp.float32(0)), y, atol=1e-6)


def test_plug_and_play_takes_what_is_installed(package, monkeypatch):
    assert PlugAndPlay().denoiser == TotalVariationDenoiser() and not ProximalGradient(prior=PlugAndPlay()).notes
    monkeypatch.setenv("UNSUP_JAX_WEIGHTS", str(package))
    method = ProximalGradient(prior=PlugAndPlay())
    assert method.prior.denoiser == PackagedDenoiser() and str(package) in method.notes[0]
    assert PackagedDenoiser()(jnp.ones((16, 16, 1)), jnp.float32(1)).shape == (16, 16, 1)
    monkeypatch.setenv("UNSUP_JAX_WEIGHTS", str(package) + ".gone")
    with pytest.raises(InputError, match="is not there"):
        PlugAndPlay()
