"""Self-supervised reconstruction: splits against their definition, unrolled networks against solvers, and learning."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import run_fit

from unsup_jax.core import Adam, Measurement
from unsup_jax.data import Phantoms
from unsup_jax.errors import InputError
from unsup_jax.evaluate import psnr
from unsup_jax.losses import Split, Undersampling, mean_square_error, normalized_error, undersampling
from unsup_jax.methods import RARE, SSDU, ConjugateGradient, NaiveConsistency, Noise2Noise, Supervised, ZeroShotSSL
from unsup_jax.modalities import Blurred, Scanner, Tomograph
from unsup_jax.networks import DnCNN, NullSpace, ResNet, Unrolled
from unsup_jax.noise import Gaussian
from unsup_jax.operators import SENSE, Convolution, Fourier, Identity, Mask, gaussian_psf
from unsup_jax.train import iterate, parallel, solve

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

TINY = Unrolled(regularizer=ResNet(depth=1, width=8), unrolls=2, iterations=4)


def measured(modality, *, count=2, size=32, kind="nuclei"):
    images = Phantoms(kind, count=count, shape=(size, size), seed=1).images()
    measure = jax.jit(modality.measure)
    return [jax.tree.map(np.asarray, measure(jax.random.fold_in(jax.random.key(0), i), x)) for i, x in enumerate(images)]


SCANNER = Scanner(noise=Gaussian(2.0), coils=4, centre=8)
INSTRUMENTS = {
    "MRI": (SCANNER, None), "k-space points": (replace(SCANNER, sampling="gaussian points"), None),
    "tomography, views": (Tomograph(noise=Gaussian(5.0), views=20), (0,)), "tomography, pixels": (Tomograph(views=20), None),
    "deconvolution": (Blurred(noise=Gaussian(1.0)), None),
}


@pytest.mark.parametrize("modality, axes", INSTRUMENTS.values(), ids=INSTRUMENTS)
def test_a_split_is_a_partition(modality, axes):
    """Theta and Lambda are disjoint and make up Omega, Lambda holds rho of it, and H_Theta makes nothing of the rest."""
    one = measured(modality, count=1)[0]
    split = Split(fraction=0.3, axes=axes)

    @jax.jit
    def parts(H, y, x):
        Theta, Lambda = split.draw(jax.random.key(1), H, y)
        part = H.restricted(Theta)
        masks = [jnp.broadcast_to(m, y.shape) > 0 for m in (Theta, Lambda, H.measured(y))]
        return masks, part(x), H(x), part.adjoint(y)

    (Theta, Lambda, omega), shown, whole, b = jax.tree.map(np.asarray, parts(one.operator, one.y, one.truth))
    assert not np.any(Theta & Lambda) and ((Theta | Lambda) == omega).all()
    assert abs(Lambda.sum() / omega.sum() - 0.3) < 0.04
    np.testing.assert_allclose(shown, np.where(Theta, whole, 0), atol=1e-3)
    product = np.vdot(shown, one.y)
    assert abs(np.vdot(one.truth.astype(b.dtype), b) - product) < 1e-4 * abs(product)
    if axes == (0,):
        assert all(len(np.unique(row)) == 1 for row in Lambda.reshape(len(one.y), -1))
    if isinstance(modality, Scanner):
        assert not Lambda[:, :2, :2].any()


def test_a_split_has_the_density_that_it_says():
    one = jax.tree.map(jnp.asarray, measured(replace(SCANNER, sampling="gaussian points"), count=1)[0])
    split = Split(fraction=0.4)
    draws = jax.vmap(lambda k: split.draw(k, one.operator, one.y)[1])(jax.random.split(jax.random.key(0), 2000))
    said = split.density(one.operator, one.y)
    assert float(jnp.abs(draws.mean(0) - said).max()) < 0.06 and float(jnp.abs(draws.mean((0, 1)) - said[0]).mean()) < 0.015


def test_bad_splits_are_named():
    with pytest.raises(InputError, match="fraction in"):
        Split(fraction=1.0)
    with pytest.raises(InputError, match="along the axes"):
        Split(axes=(5,)).draw(jax.random.key(0), Convolution(gaussian_psf((5, 5), 1.0)), jnp.ones((8, 8, 1)))


def test_normalized_error():
    a, b = np.array([1 + 2j, 0.5]), np.array([1 + 1j, 1.0])
    parts = lambda z: np.concatenate([z.real, z.imag])
    expected = 0.5 * (np.linalg.norm(a - b) / np.linalg.norm(b) + np.abs(parts(a - b)).sum() / np.abs(parts(b)).sum())
    assert abs(float(normalized_error(jnp.asarray(a, jnp.complex64), jnp.asarray(b, jnp.complex64))) - expected) < 1e-6


def test_an_unrolled_network_that_learned_nothing_is_its_solver():
    """With R the identity, unrolled (5b) is the proximal point iteration, which converges to least squares."""
    one = jax.tree.map(jnp.asarray, measured(Blurred(noise=Gaussian(0.1), psf_sigma=1.0), count=1)[0])
    H, y = one.operator, one.y
    x, curvature = H.adjoint(y) / H.norm(y), H.norm(y)
    for mu in (0.05, 0.5):
        network = TINY.clone(unrolls=6, mu=mu)
        params = jax.jit(network.init)(jax.random.key(0), y, H)
        expected = x
        for _ in range(6):
            expected = H.inverse(H.adjoint(y) + mu * curvature * expected, mu * curvature)
        np.testing.assert_allclose(network.apply(params, y, H), expected, rtol=1e-3, atol=0.05)


@pytest.mark.parametrize("consistency", ["conjugate gradient", "gradient", "proximal gradient"])
def test_unrolled_gradients_are_exact(consistency, double):
    """Against finite differences, for a complex operator, with and without recomputation."""
    one = jax.tree.map(lambda a: jnp.asarray(a, jnp.complex128 if np.iscomplexobj(a) else jnp.float64), measured(SCANNER, count=1, size=16)[0])
    network = TINY.clone(consistency=consistency, regularizer=ResNet(depth=1, width=2, precision="float64"))
    H, y = one.operator, one.y / 1000
    params = jax.tree.map(lambda a: jnp.asarray(a, jnp.float64) + 0.01, jax.jit(network.init)(jax.random.key(0), y, H))
    loss_of = lambda n: jax.jit(lambda p: jnp.sum(jnp.square(jnp.abs(n.apply(p, y, H) - 1))))
    loss, gradient = loss_of(network), jax.jit(jax.grad(loss_of(network)))(params)
    direction = jax.tree.map(lambda a: jax.random.normal(jax.random.key(1), a.shape, a.dtype), params)
    direction["params"]["curvature"] = jnp.zeros(())
    at = lambda t: loss(jax.tree.map(lambda p, d: p + t * d, params, direction))
    slope = sum(jnp.vdot(a, b) for a, b in zip(*map(jax.tree.leaves, (gradient, direction))))
    np.testing.assert_allclose(slope, (at(1e-6) - at(-1e-6)) / 2e-6, rtol=1e-5)
    again = jax.jit(jax.grad(loss_of(network.clone(checkpoint=True))))(params)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12), again, gradient)
    assert float(jnp.abs(gradient["params"]["curvature"])) == 0


def test_unrolled_refuses_what_it_cannot_do():
    with pytest.raises(InputError, match="unrolls, iterations"):
        Unrolled(unrolls=0)
    own, shared = ResNet(depth=2, width=4), ResNet(depth=2, width=4, share_block=True)
    count = lambda n: sum(a.size for a in jax.tree.leaves(jax.eval_shape(n.init, jax.random.key(0), jnp.ones((8, 8, 2)))))
    assert count(own) - count(shared) == 2 * 9 * 4 * 4
    assert count(ResNet(share_block=True)) == 592_128 and count(ResNet()) == 1_145_088  # published: one more each, mu


@pytest.mark.parametrize("seen", [Mask, Fourier], ids=lambda kind: kind.__name__)
def test_a_null_space_network_changes_only_what_h_does_not_see(seen):
    """Whatever theta is, H F(y) = y, and consistency with y has no gradient; R that learned nothing leaves the pseudo-inverse."""
    rng = np.random.default_rng(0)
    H = seen(jnp.asarray(rng.random((9, 8, 1) if seen is Mask else (9, 8)) < 0.6, jnp.float32))
    y = H(jnp.asarray(rng.normal(size=(9, 8, 1)), jnp.float32 if seen is Mask else jnp.complex64))
    network = NullSpace(ResNet(depth=1, width=4), mu=1e-3, iterations=8)
    params = network.init(jax.random.key(0), y, H)
    np.testing.assert_allclose(network.apply(params, y, H), H.adjoint(y), atol=0.01)
    theta = jax.tree.map(lambda a: a + 0.1 * jax.random.normal(jax.random.key(a.size), a.shape), params["params"]["R"])
    changed = {"params": {**params["params"], "R": theta}}
    x = network.apply(changed, y, H)
    np.testing.assert_allclose(H(x), y, atol=0.01)
    assert float(jnp.linalg.norm((x - H.adjoint(y)).ravel())) > 0.1 * float(jnp.linalg.norm(x.ravel()))
    misfit = jax.grad(lambda p: mean_square_error(H(network.apply(p, y, H)), y))(changed)
    assert max(float(jnp.abs(leaf).max()) for leaf in jax.tree.leaves(misfit)) < 1e-4
    with pytest.raises(InputError, match="iterations >= 1 and mu > 0"):
        NullSpace(mu=0.0)


def test_one_mask_is_the_measurements_own():
    one = jax.tree.map(jnp.asarray, measured(SCANNER, count=1)[0])
    keys = jax.random.split(jax.random.key(0), 40)
    drawn = lambda masks, one=one.replace(index=jnp.int32(3)): {
        np.asarray(jax.random.key_data(SSDU(masks=masks).objective.split_key(k, one))).tobytes() for k in keys}
    assert len(drawn(1)) == 1 and len(drawn(5)) == 5 and len(drawn(0)) == 40
    assert drawn(5).isdisjoint(drawn(5, one.replace(index=jnp.int32(4)))) and drawn(5) == drawn(5, one.replace(y=2 * one.y, index=jnp.int32(3)))
    with pytest.raises(InputError, match="by their index"):
        drawn(1, one)


def test_the_target_of_recorrupted_ssdu_is_independent_of_what_is_shown():
    """Both are H x plus Gaussian noise; uncorrelated, of variances (1 + alpha^2) and (1 + 1 / alpha^2) sigma^2."""
    sigma, alpha = 3.0, 0.5
    clean = jnp.full(200_000, 7 + 2j, jnp.complex64)
    y = Gaussian(sigma).sample(jax.random.key(0), clean)
    shown, target = (np.asarray(a - clean) for a in Gaussian(sigma).recorrupted(jax.random.key(1), y, alpha))
    unit = sigma**2 / np.sqrt(len(y))
    assert abs(np.vdot(shown, target)) / len(y) < 10 * unit
    np.testing.assert_allclose(np.mean(np.abs(shown) ** 2), 1.25 * sigma**2, rtol=0.02)
    np.testing.assert_allclose(np.mean(np.abs(target) ** 2), 5 * sigma**2, rtol=0.02)
    one = measured(SCANNER, count=1)[0]
    with pytest.raises(InputError, match="needs a known Gaussian noise"):
        SSDU(network=TINY, alpha=0.5).check(one.replace(noise=None))
    blurred = measured(Blurred(noise=Gaussian(1.0)), count=1)[0]
    with pytest.raises(InputError, match="robust SSDU takes samples of an isometry.*not Convolution"):
        SSDU(network=TINY, alpha=0.5).check(blurred)
    SSDU(network=TINY, alpha=0.5, denoising="recorrupted").check(blurred)


@pytest.mark.parametrize("denoising", ["robust", "recorrupted"])
def test_scoring_what_is_shown_estimates_the_error_without_noise(denoising):
    """For every linear F = c y~: the loss less the error of the answer against the clean signal is the same."""
    sigma, alpha, n = 2.0, 0.75, 100_000
    clean = 3 * jax.random.normal(jax.random.key(2), (n, 1), jnp.complex64)
    y = Gaussian(sigma).sample(jax.random.key(0), clean)
    shown, t = Gaussian(sigma).recorrupted(jax.random.key(1), y, alpha)
    one, objective = Measurement(shown, Identity()), Undersampling(alpha=alpha, denoising=denoising)
    square = lambda a: float(jnp.mean(jnp.square(jnp.abs(a))))
    answer = lambda c: objective.answer(lambda one: c * one.y, one)
    found = [square(answer(c) - t) - square(answer(c) - clean) for c in (0.5, 0.7, 0.9, 1.0)]
    np.testing.assert_allclose(found, found[0], atol=0.25)                      # of losses of 5 to 40
    if denoising == "robust":                                                   # published: y is the target, with a weight
        W = (1 + alpha**2) / alpha**2
        np.testing.assert_allclose(W * (y - 0.7 * shown), t - answer(0.7), atol=1e-4)
        c = float(jnp.vdot(shown, y).real / jnp.vdot(shown, shown).real)        # the best F corrected is the best estimate of x
        np.testing.assert_allclose(answer(c)[0] / shown[0], 9 / (9 + sigma**2 * (1 + alpha**2)), rtol=0.03)


@pytest.mark.parametrize("coils", [1, 3])
def test_robust_ssdu_learns_the_posterior_mean_with_any_number_of_coils(coils, monkeypatch):
    """Gaussian images: of all linear F, the loss is least for the one whose answer is E[x | y~], where its slope is zero."""
    monkeypatch.setattr(undersampling, "normalized_error", mean_square_error)
    shape, sigma, alpha = (4, 3), 0.5, 0.75
    generator = np.random.default_rng(0)
    gaussian = lambda *s: jnp.asarray(generator.normal(size=s) + 1j * generator.normal(size=s), jnp.complex64)
    maps = gaussian(1, coils, *shape)
    mask = jnp.asarray(generator.uniform(size=shape) < 0.8, jnp.float32)
    H = SENSE(maps / jnp.linalg.norm(maps, axis=1, keepdims=True), mask)
    Theta = jnp.asarray(generator.uniform(size=(1, *shape)) < 0.6, jnp.float32)
    monkeypatch.setattr(Split, "draw", lambda self, key, H, y: (mask[None] * Theta, mask[None] * (1 - Theta)))
    root = gaussian(12, 12) / 4                                                 # of the covariance of x
    pixels = jnp.eye(12, dtype=jnp.complex64).reshape(12, *shape, 1)
    A = jax.vmap(H.restricted(Theta))(pixels).reshape(12, -1).T                 # H_Theta as a matrix
    covariance, identity = 2 * root @ root.conj().T, jnp.eye(12)
    noise = sigma**2 * (1 + alpha**2) * jnp.eye(len(A))
    posterior = covariance @ A.conj().T @ jnp.linalg.inv(A @ covariance @ A.conj().T + noise)
    kept = jnp.linalg.inv(A.conj().T @ A + alpha**2 * identity)
    best, objective = kept @ (A.conj().T + alpha**2 * posterior), Undersampling(alpha=alpha)

    @jax.jit
    @jax.vmap
    def slopes(key):
        """Of the loss at the best F and at E[x | y~] itself, along the data that the one keeps and the other does not."""
        of_x, of_y, of_loss = jax.random.split(key, 3)
        x = (root @ (jax.random.normal(of_x, (2, 12)).T @ jnp.array([1, 1j]))).reshape(*shape, 1)
        one = Measurement(Gaussian(sigma).sample(of_y, H(x)), H, Gaussian(sigma))
        loss = lambda L: objective(of_loss, lambda one: (L @ one.y.ravel()).reshape(*shape, 1), one)[0]
        return jnp.stack([jax.jvp(loss, (L,), (best - posterior,))[1] for L in (best, posterior)])

    found = np.asarray(slopes(jax.random.split(jax.random.key(0), 4000)), float)
    mean, error = found.mean(0), found.std(0) / np.sqrt(len(found))
    assert abs(mean[0]) < 4 * error[0] and abs(mean[1]) > 20 * error[1]


@pytest.mark.parametrize("sampling", ["gaussian points", "random lines"])
def test_weighted_ssdu_estimates_the_error_at_all_that_is_not_shown(sampling):
    """E sum over Lambda of |f - y|^2 / (1 - K) = E sum outside Theta of |f - y|^2, for a linear f of y_Theta, over Omega and Theta."""
    n = 16
    scanner = Scanner(sampling=sampling, coils=1, centre=4, acceleration=3 if sampling == "gaussian points" else 2)
    radius = jnp.square(jnp.fft.fftfreq(n))[:, None] + jnp.square(jnp.fft.fftfreq(n))[None]
    full = jax.random.normal(jax.random.key(9), (1, n, n), jnp.complex64) / (1 + 20 * radius)[None]
    method = SSDU(split=Split(fraction=0.4))

    def errors(key):
        draw, split = jax.random.split(key)
        H = scanner.operator(draw, jnp.ones((n, n, 1)))
        Theta, Lambda = method.split.draw(split, H, full)
        f = 0.4 * sum(jnp.roll(Theta * full, step, axis) for axis in (1, 2) for step in (-1, 1))
        square = jnp.square(jnp.abs(f - full))
        return jnp.stack([jnp.sum(part * square) for part in (Lambda * method.objective.weight(H, full) ** 2, Lambda, 1 - Theta)])

    keys = jax.random.split(jax.random.key(0), 1000)
    weighted_, plain, wanted = np.asarray(jax.jit(lambda keys: jax.lax.map(errors, keys, batch_size=50))(keys).mean(0), float)
    assert abs(weighted_ / wanted - 1) < 0.05 < abs(plain / wanted - 1)


OTHERS = replace(SCANNER, sampling="gaussian points", pair="other")
LEARNING = {
    "RARE": (RARE(), OTHERS, 0.5),
    "Noise2Noise, acquisitions": (Noise2Noise(), OTHERS, 0.8),
    "SSDU, MRI": (SSDU(masks=0), SCANNER, 1.2),
    "averaged SSDU, noisy MRI": (SSDU(masks=0, passes=8), replace(SCANNER, noise=Gaussian(20.0)), 1.4),  # 0.9 from all of Omega
    "recorrupted SSDU, noisy MRI": (SSDU(masks=0, alpha=0.75, denoising="recorrupted"), replace(SCANNER, noise=Gaussian(20.0)), 1.6),
    "robust SSDU, noisy MRI": (SSDU(masks=0, alpha=0.75), replace(SCANNER, noise=Gaussian(20.0)), 1.2), "supervised, MRI": (Supervised(), SCANNER, 2.5),
    "SSDU, deconvolution": (SSDU(masks=0, split=Split(0.3, "uniform", 0)), Blurred(noise=Gaussian(4.0), psf_sigma=2.0), 0.8),
}
SLOW = ("SSDU, deconvolution", "robust SSDU, noisy MRI", "averaged SSDU, noisy MRI", "recorrupted SSDU, noisy MRI")


@pytest.mark.parametrize("method, modality, margin", [
    pytest.param(*case, id=name, marks=[pytest.mark.slow] * (name in SLOW)) for name, case in LEARNING.items()])
def test_it_learns(method, modality, margin):
    """From twelve measurements, on another one: over conjugate gradients at their best iteration, by the margin."""
    blurred = isinstance(modality, Blurred)
    network = Unrolled(regularizer=ResNet(depth=2, width=16), unrolls=3, iterations=5) if blurred else TINY
    network = DnCNN(depth=4, width=12) if isinstance(method, RARE) else network
    quick = isinstance(method, (RARE, Noise2Noise, Supervised))
    method = replace(method, network=network, optimizer=Adam(learning_rate=6e-3 if quick else 2e-3 if blurred else 3e-3))
    *train, test = measured(modality, count=13, **({"kind": "filaments", "size": 48} if blurred else {}))
    state = parallel.local(run_fit(method, steps=300 if blurred else 120 if isinstance(method, RARE) else 80 if quick else 150, measurements=train, batch=4, patch=None))
    estimate = np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, test.only(())))
    best = max(psnr(np.abs(_solved(test, n)), np.abs(test.truth)) for n in (2, 4, 8))
    gained = psnr(np.abs(estimate), np.abs(test.truth)) - best
    assert gained > margin, f"{gained:.2f} dB over conjugate gradients"


def _solved(one, steps):
    method = ConjugateGradient(steps=steps)
    return np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), solve(method, jax.random.key(0), one)[0], one))


def test_acquisitions_of_a_pair_sample_otherwise():
    one = measured(OTHERS, count=1)[0]
    assert not np.array_equal(one.operator.mask, one.pair_operator.mask)
    assert one.only(()).pair_operator is None and one.only({"pair"}).pair_operator is one.pair_operator
    noise = np.asarray(one.pair_operator(jnp.asarray(one.truth))) - one.pair
    assert abs(np.sqrt(np.mean(np.abs(noise) ** 2)) / 2.0 - 1) < 0.1


def test_naive_consistency_fits_the_noise():
    """Eq. (18) rewards the reconstruction that explains the noise: its loss is lowest where the error is large."""
    one = jax.tree.map(jnp.asarray, measured(replace(SCANNER, noise=Gaussian(20.0)), count=1)[0])
    fitted = jnp.asarray(_solved(one, 30))
    H, y = one.operator, one.y
    naive = lambda x: float(normalized_error(H(x), y))
    error = lambda x: float(jnp.linalg.norm(x - one.truth))
    assert naive(fitted) < 0.9 * naive(one.truth) and error(fitted) > 0.2 * float(jnp.linalg.norm(one.truth))
    assert NaiveConsistency().sees == SSDU().sees == frozenset()


def test_zero_shot_learns_and_never_trains_on_gamma():
    one = jax.tree.map(jnp.asarray, measured(SCANNER, count=1)[0])
    method = ZeroShotSSL(network=TINY, steps=120, epoch=10, optimizer=Adam(learning_rate=3e-3, decay=False, average=0.99))
    state, trace = solve(method, jax.random.key(0), one)
    looked = np.asarray(trace["held_out"])[9::10]
    assert np.isinf(np.asarray(trace["held_out"])[:9]).all() and np.isfinite(looked).all()
    assert int(state.learned.trained.steps) == 10 * (1 + int(looked.argmin()))           # the state of the least held-out loss
    estimate = np.abs(np.asarray(jax.jit(method.reconstruct)(jax.random.key(0), state, one.only(()))))
    best = max(psnr(np.abs(_solved(one, n)), np.abs(one.truth)) for n in (2, 4, 8))
    assert psnr(estimate, np.abs(one.truth)) > best + 1
    first = jax.jit(method.init)(jax.random.key(0), one)
    changed = one.replace(y=one.y + 1000 * jnp.broadcast_to(first.Gamma, one.y.shape))
    update = jax.jit(method.update)
    second = update(jax.random.key(1), first, one)[0]
    jax.tree.map(np.testing.assert_array_equal, second.learned.params, update(jax.random.key(1), first, changed)[0].learned.params)


@pytest.mark.slow
def test_a_warm_start_is_where_it_goes_on_from():
    """What another training found is where the first step begins: no step at all is its reconstruction."""
    one = jax.tree.map(jnp.asarray, measured(SCANNER, count=1)[0])
    trained = SSDU(network=TINY).init(jax.random.key(7), jax.tree.map(lambda leaf: leaf[None], one))
    moved = jax.tree.map(lambda p: p + 0.05, trained.trained.params)  # a first network changes nothing, whatever its key
    trained = trained.replace(trained=trained.trained.replace(params=moved))
    method = ZeroShotSSL(network=TINY, steps=1)
    state, _ = iterate(method, jax.random.key(0), one, steps=0, start_from=trained.params)
    expected = SSDU(network=TINY).reconstruct(jax.random.key(0), trained, one)
    np.testing.assert_allclose(method.reconstruct(jax.random.key(0), state, one), expected, rtol=1e-5, atol=1e-5 * float(jnp.abs(expected).max()))
    cold, _ = iterate(method, jax.random.key(0), one, steps=0)
    assert float(jnp.abs(method.reconstruct(jax.random.key(0), cold, one) - expected).max()) > 1e-3 * float(jnp.abs(expected).max())
    with pytest.raises(InputError, match="its network differs in"):
        iterate(replace(method, network=replace(TINY, unrolls=3, shared=False)), jax.random.key(0), one, steps=0, start_from=trained.params)
    with pytest.raises(InputError, match="trains nothing"):
        iterate(ConjugateGradient(steps=2), jax.random.key(0), one, start_from=trained.params)


def test_masks_of_one_operator_compose():
    H = Mask(jnp.ones((6, 6, 1)).at[0].set(0))
    held = H.restricted(jnp.ones((6, 6, 1)).at[:, 0].set(0)).restricted(jnp.ones((6, 6, 1)).at[:, 1].set(0))
    assert float(held.measured(jnp.ones((6, 6, 1))).sum()) == 5 * 4
