"""The spatial-VAE training step beside PyTorch's, the poses that it infers, and the bound of a VAE on handwritten digits.

The poses: of the bending particles, or of noisy projections of a volume that `--data` names (.mrc).

The bound: digits drawn as binary images (grey values are probabilities), one hidden layer of 500 units each way and 20
latents, as in figure 2 of Kingma and Welling (ICLR 2014), where the bound of a test digit reaches about -105 after 10^6
training samples and -100 after 10^7, of 60 000 digits. `--data` names an array [digits, 28, 28] of 0 ... 255 (.npy), of
which the last tenth is scored and the first one chooses the step.
"""

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import experiments
from benchmarks.timing import rows_of, training_step
from unsup_jax import files
from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Stream
from unsup_jax.methods import VAE, SpatialVAE
from unsup_jax.modalities import Camera
from unsup_jax.networks import Autoencoder, DenseDecoder, DenseEncoder
from unsup_jax.noise import Bernoulli
from unsup_jax.operators import Binning, Identity, Projection
from unsup_jax.operators.cryo_em import rotation_about_y, rotation_of
from unsup_jax.train import Train, fit, parallel


def measure(repeats: int, with_peers: bool) -> Iterator[dict]:
    """The step of 100 images of 28^2: an encoder and a coordinate decoder of two hidden layers of 500 units."""
    method = SpatialVAE(optimizer=Adam(1e-4, decay=False))
    y = np.random.default_rng(0).normal(size=(100, 28, 28, 1)).astype(np.float32)
    batch = Measurement(y, Identity())
    update, figures, state = training_step(method, batch)
    params = state.trained.params["params"]

    def torch():
        step, decode = _torch(y, params)
        z = np.array([0.4, 0.1, -0.05, 0.7, -1.2], np.float32)
        same = method.network.apply({"params": params}, z, (28, 28), method="decode")
        return step, f"images differ by {np.abs(decode(z) - np.asarray(same)[..., 0]).max():.1e}"

    yield from rows_of("spatial-VAE step 100 x 28^2", update, figures, repeats, torch if with_peers else None)


def latents(path: Path) -> Iterator[dict]:
    """The poses of particles; or, of a file that is given, those of projections of its volume (.mrc) or the bounds of its digits."""
    if not path.is_file():
        yield from particles()
    elif path.suffix == ".mrc":
        yield from projections(path)
    else:
        yield from digits(path)


def digits(path: Path, steps: int = 10_000) -> Iterator[dict]:
    """The bounds of the held-out digits, in nats: the ELBO, and that of 50 draws."""
    grey = np.load(path).astype(np.float32)[..., None]
    measured = jax.jit(jax.vmap(Camera(noise=Bernoulli()).measure))(jax.random.split(jax.random.key(0), len(grey)), grey)
    one = lambda i: jax.tree.map(lambda leaf: np.asarray(leaf[i]), measured)
    held = len(grey) // 10
    train = [one(i) for i in range(len(grey) - held)]
    method = VAE(Autoencoder(DenseEncoder(latents=20), DenseDecoder()), likelihood="noise", optimizer=Adam(1e-3))
    with tempfile.TemporaryDirectory() as folder:
        settings = Train(steps=steps, batch=100, checkpoint_every=250, validation_batches=9)
        streams = [Stream(part, batch=100, patch=None, augment=False, seed=0) for part in (train[held:], train[:held])]
        state = parallel.local(fit(method, settings, *streams, Path(folder)))
    bound = lambda draws: jax.jit(lambda m: method.bound(jax.random.key(1), state.trained.params, m.normalize(state.scale), draws))
    for draws, bound in ((1, bound(1)), (50, bound(50))):
        values = [float(bound(one(len(train) + i))) for i in range(held)]
        spread = np.std(values) / np.sqrt(held)
        yield {"case": f"bound of {held} digits, {draws} draw{'s' * (draws > 1)}", "who": "ours",
               "note": f"{np.mean(values):.2f} +- {spread:.2f} nats, the best of {steps * 100:.0e} samples of {len(train) - held} digits"}


def particles() -> Iterator[dict]:
    """How the poses that the spatial-VAE of `spatial_vae_particles` infers go with the true ones."""
    spatial = experiments.load("spatial_vae_particles")
    yield from _inferred(f"poses of {spatial.data.source.count} particles", spatial, "bend")


def projections(path: Path, size: int = 32) -> Iterator[dict]:
    """The same for projections of a volume: in the particles' poses, tilted out of the plane by their bend."""
    spatial = experiments.load("spatial_vae_particles")
    volume = files.images(files.open_image(path, "ZYX"), 3)[0]
    size = min(size, len(volume))
    each = len(volume) // size
    volume = Binning((each,) * 3)(jnp.asarray(volume[: each * size, : each * size, : each * size]))

    def image(angle, shift, bend):
        in_plane = rotation_of(jnp.stack([jnp.cos(angle / 2), 0 * angle, 0 * angle, jnp.sin(angle / 2)]))
        return Projection(in_plane @ rotation_about_y(bend), shift=shift * (size / 2))(volume)

    images = np.asarray(jax.jit(lambda poses: jax.lax.map(lambda pose: image(**pose), poses))(spatial.data.source.poses()))
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "projections.npy", 100 * images[..., 0] / images.max())
        spatial = replace(spatial, data=replace(spatial.data, clean=f"{folder}/projections.npy"))
        yield from _inferred(f"poses of {len(images)} projections of {path.name}", spatial, "tilt")


def _inferred(case, spatial, content_name):
    """A row of the correlations of the poses that a spatial-VAE infers with those of its source."""
    method = spatial.method
    data = spatial.data.load(spatial.modality, method.sees, spatial.train.seed)
    streams = [Stream(part, batch=spatial.train.batch, patch=None, augment=False, seed=0) for part in (data.train, data.validation)]
    with tempfile.TemporaryDirectory() as folder:
        state = parallel.local(fit(method, spatial.train, *streams, Path(folder), label=method.label))
    measured, _ = spatial.data.measure(spatial.modality, spatial.train.seed)
    pose = jax.jit(jax.vmap(lambda y: method.pose(state.trained.params, state.scale.normalize(y))))
    angle, shift, content = (np.asarray(a) for a in pose(np.stack([m.y for m in measured])))
    true = spatial.data.source.poses()
    turned = np.stack([np.cos(true["angle"]), -np.sin(true["angle"]), np.sin(true["angle"]), np.cos(true["angle"])], -1).reshape(-1, 2, 2)
    moved = -np.einsum("ni,nij->nj", true["shift"], turned)                # in the turned coordinates, as the decoder's
    explained = lambda target, by: np.corrcoef(target.ravel(), _fitted(by, target).ravel())[0, 1]
    yield {"case": case, "who": "ours", "note": (
        f"correlation of inferred with true: angle {np.corrcoef(angle, true['angle'])[0, 1]:.3f}, "
        f"shift {explained(moved, shift):.3f}, {content_name} {explained(true['bend'][:, None], content):.3f} (best linear map)")}


def _fitted(x, target):
    """The target [n, k] as an affine function of x [n, l], by least squares."""
    design = np.column_stack([x, np.ones(len(x))])
    return design @ np.linalg.lstsq(design, target, rcond=None)[0]


def _torch(y, params):
    """(training step, image of latents) of the same networks with the same parameters."""
    import torch
    import torch.nn.functional as F

    torch.set_num_threads(len(os.sched_getaffinity(0)))
    weights = {
        (part, name): [torch.tensor(np.array(leaf).T.copy()).requires_grad_() for leaf in (layer["kernel"], layer.get("bias")) if leaf is not None]
        for part, layers in params.items() for name, layer in layers.items()
    }
    optimizer = torch.optim.Adam([w for pair in weights.values() for w in pair], 1e-4)
    line = torch.linspace(-1, 1, 28)
    t = torch.stack(torch.meshgrid(line, line, indexing="xy"), -1).reshape(1, -1, 2)
    prior = torch.tensor([np.pi, 0.1, 0.1, 1.0, 1.0], dtype=torch.float32)
    images = torch.tensor((y[..., 0] - y.mean()) / y.std()).reshape(100, -1)
    linear = lambda part, name, x: F.linear(x, *weights[part, name])

    def decode(z):
        angle = z[:, 0]
        R = torch.stack([torch.stack([angle.cos(), -angle.sin()], -1), torch.stack([angle.sin(), angle.cos()], -1)], -2)
        h = linear("decoder", "place", t @ R + z[:, None, 1:3]) + linear("decoder", "content", z[:, 3:])[:, None]
        return linear("decoder", "out", torch.tanh(linear("decoder", "hidden1", torch.tanh(h))))[..., 0]

    def step():
        optimizer.zero_grad()
        h = torch.tanh(linear("encoder", "hidden1", torch.tanh(linear("encoder", "hidden0", images))))
        mean, log_variance = linear("encoder", "out", h).chunk(2, -1)
        z = mean + prior * (0.5 * log_variance).exp() * torch.randn_like(mean)
        charged = torch.cat([torch.zeros_like(mean[:, :1]), mean[:, 1:]], -1) / prior
        divergence = 0.5 * (log_variance.exp() + charged.square() - log_variance - 1).sum(-1)
        (0.5 * (images - decode(z)).square().sum(-1) + divergence).mean().div(784).backward()
        optimizer.step()

    def image(z):
        with torch.no_grad():
            return decode(torch.tensor(z)[None]).reshape(28, 28).numpy()

    return step, image
