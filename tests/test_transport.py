"""One cost for every knowledge of H: its terms against the formulas, its players, its pool, and that each of them learns."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from test_adversarial import leaves_of
from test_train import Stop, norm_of_difference, same_on_all_devices, stop_after

from unsup_jax import inference
from unsup_jax.core import SGD, Adam, Drawn, Measurement
from unsup_jax.data import Stream
from unsup_jax.errors import InputError
from unsup_jax.evaluate import Foreground, fourier_ring_correlation, psnr
from unsup_jax.inference import estimator
from unsup_jax.losses import Simulation
from unsup_jax.losses.games import R1, Mirror, Relativistic, Replay, SpectralNorm, Wasserstein
from unsup_jax.methods import C2GAN, Composed, CycleGAN, HistogramMatching, Wiener
from unsup_jax.methods.transport import Known, LearntBlur, LearntMap, Switched
from unsup_jax.methods.transport.forward import width
from unsup_jax.methods.unknown_noise import estimated_noise
from unsup_jax.modalities import MisinformedBlur, Scanner, TwoStains
from unsup_jax.networks import ConvCritic, PatchCritic, ResNet, SliceCritic, Slicewise, StyledUNet, UNet, Unrolled, Upsampled
from unsup_jax.noise import Gaussian
from unsup_jax.operators import Binning, Convolution, Identity, gaussian_psf
from unsup_jax.train import Train, fit, parallel

pytestmark = pytest.mark.usefixtures("standard_promotion")  # optax mixes types

SMALL = {"generator": UNet(depth=1, width=4, residual=True), "critic": PatchCritic(width=4, depth=1)}


def spots(count, shape=(16, 16), seed=0):
    """Images [N, H, W, 1] of three sharp spots at random places."""
    places = np.random.default_rng(seed).uniform(0, shape, (3, count, 2))
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    near = lambda at: np.exp(-((rows - at[:, 0, None, None]) ** 2 + (columns - at[:, 1, None, None]) ** 2) / 2)
    return (100 * sum(map(near, places)))[..., None].astype(np.float32)


def measured(x, H, noise=2.0, unpaired=None, seed=1):
    """A batch of measurements of x by one H."""
    w = noise * np.random.default_rng(seed).normal(size=x.shape).astype(np.float32)
    stacked = lambda tree: jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * len(x)), tree)
    y = jax.vmap(H)(jnp.asarray(x)) + w
    return Measurement(y, stacked(H), stacked(Gaussian(jnp.float32(noise))), unpaired=None if unpaired is None else jnp.asarray(unpaired))


BLUR = Convolution(gaussian_psf((7, 7), 1.2))


BOTH_WAYS = StyledUNet(depth=1, width=4, code=4)


@pytest.mark.parametrize("forward, of_network, G", [
    (Known(), False, SMALL["generator"]), (LearntBlur(width=7), False, SMALL["generator"]),
    (LearntMap(ResNet(depth=1, width=4)), True, SMALL["generator"]), (Switched(), True, BOTH_WAYS),
], ids=lambda f: type(f).__name__)
def test_the_cost_is_that_of_the_article(forward, of_network, G, quick_compilation):
    """Eq. (45) of one sample, written out from the players' outputs; D_Y is there unless H is known."""
    method = CycleGAN(**SMALL | {"generator": G}, forward=forward, game=Wasserstein(), noisy=False, cycle=3.0, cycle_y=2.0, identity=0.5, adversarial=0.7)
    batch = measured(spots(2), BLUR, unpaired=spots(2, seed=5))
    state = method.init(jax.random.key(0), batch)
    one = jax.tree.map(lambda leaf: leaf[0], batch).normalize(state.scale, state.target)
    D, maps = method.judges(state.critic.params, state.shape), method.generates(state.generator.params, state.shape)
    assert set(D) == ({"X"} if forward.known else {"X", "Y"})
    x, y, H, G = one.unpaired, one.y, maps.H(one), lambda y: maps.G(one.replace(y=y))
    distance = lambda a, b: jnp.mean(jnp.abs(a - b))
    cycle = 3 * distance(x, G(H(x))) + 2 * distance(y, H(G(y)))
    gan = -jnp.mean(D["X"](G(y))) - (0 if forward.known else jnp.mean(D["Y"](H(x))))
    same = distance(x, G(x)) + (distance(y, H(y)) if of_network else 0)
    paid, _ = method.generator_loss(jax.random.key(1), maps, D, one)
    assert float(paid) == pytest.approx(float(cycle + 0.7 * gan + 0.5 * same), rel=1e-5)
    critics = sum(jnp.mean(D[side](fake)) - jnp.mean(D[side](real)) for side, real, fake in (("X", x, G(y)), ("Y", y, H(x))) if side in D)
    paid, metrics = method.critic_loss(jax.random.key(2), D, maps, one)
    assert float(paid) == pytest.approx(float(critics), rel=1e-4, abs=1e-5) and "sign" in metrics


def test_one_network_goes_both_ways(quick_compilation):
    """Affine in grey at every strength, plain normalisation at 0, and between 0 and 1 in proportion; H is it at 0, G at 1, with no parameters beside."""
    u = jnp.asarray(spots(1, (11, 14))[0])
    params = jax.jit(BOTH_WAYS.init)(jax.random.key(0), u)
    F = jax.jit(BOTH_WAYS.apply)
    for a in (0.0, 0.3, 1.0):
        np.testing.assert_allclose(F(params, 2.5 * u + 7, a), 2.5 * F(params, u, a) + 7, atol=2e-3)
    style = {"params": {name: jax.tree.map(jnp.zeros_like, leaf) if "style" in name else leaf for name, leaf in params["params"].items()}}
    np.testing.assert_allclose(F(params, u, 0.0), F(style, u, 1.0), atol=1e-4)
    half = {"params": {name: jax.tree.map(lambda leaf: leaf / 2, leaf) if "style" in name else leaf for name, leaf in params["params"].items()}}
    np.testing.assert_allclose(F(params, u, 0.5), F(half, u, 1.0), atol=1e-4)
    assert float(jnp.abs(F(params, u, 0.0) - F(params, u, 1.0)).max()) > 1e-2
    method = CycleGAN(**SMALL | {"generator": BOTH_WAYS}, forward=Switched())
    maps, one = method.generates({"G": params, "H": None}, u.shape), Measurement(u, Identity())
    np.testing.assert_allclose(maps.G(one), F(params, u, 1.0), atol=1e-4)
    np.testing.assert_allclose(maps.H(one)(u), F(params, u, 0.0), atol=1e-4)
    with pytest.raises(InputError, match="network of two directions, such as StyledUNet, not UNet"):
        CycleGAN(forward=Switched())


def sharpness(images):
    """The root mean square spatial frequency of each image [N, H, W, 1], by its differences, radians a pixel."""
    steps = sum(np.square(np.roll(images, -1, axis) - images).sum((1, 2, 3)) for axis in (1, 2))
    return np.sqrt(steps / np.square(images - images.mean((1, 2), keepdims=True)).sum((1, 2, 3)))


@pytest.mark.slow
def test_half_of_a_style_is_half_as_sharp(quick_compilation):
    """Sharp and blurred spots, by one network: at half strength every image but a few is between what it was and what it becomes."""
    truth = spots(64, seed=7)
    batch = measured(truth, BLUR, noise=0.5, unpaired=spots(64, seed=5))
    method = CycleGAN(**LEARNS | {"adversarial": 1.0}, generator=StyledUNet(depth=1, width=8, code=16), forward=Switched(), identity=5.0,
                      generator_optimizer=FASTER)
    state = learnt(method, batch, 150)
    F = jax.jit(lambda a: jax.vmap(lambda y: method.generator.apply(state.params["G"], y, a))(batch.y))
    blurred, half, sharp = (sharpness(np.asarray(F(a))) for a in (0.0, 0.5, 1.0))
    assert blurred.mean() < half.mean() < sharp.mean() and np.mean((blurred < half) & (half < sharp)) > 0.9
    of_truth, of_y = sharpness(truth).mean(), sharpness(np.asarray(batch.y)).mean()
    assert abs(sharp.mean() - of_truth) < 0.8 * abs(of_y - of_truth)


def test_a_learnt_kernel_is_light_about_its_middle(double):
    """Non-negative, of unit sum and centred, whatever phi; a shift of phi's light changes nothing."""
    forward = LearntBlur(width=9)
    phi = jax.random.normal(jax.random.key(0), (9, 9)) / forward.rate
    h, t = forward.kernel(phi), np.mgrid[-4:5, -4:5]
    assert float(h.min()) > 0 and float(h.sum()) == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(np.sum(t * np.asarray(h), (1, 2)), 0, atol=1e-6)
    leaning = forward.kernel(phi + 0.02 * t[0] - 0.01 * t[1])
    np.testing.assert_allclose(leaning, h, atol=1e-6)


def test_a_learnt_kernel_starts_from_the_blur_that_is_told():
    one = jax.tree.map(lambda leaf: leaf[0], measured(spots(1), BLUR))
    forward = LearntBlur(width=7)
    np.testing.assert_allclose(forward.kernel(forward.init(jax.random.key(0), one)), BLUR.psf, atol=2e-4)
    wide = LearntBlur(width=7, sigma=1.2)
    np.testing.assert_allclose(wide.kernel(wide.init(jax.random.key(0), one)), BLUR.psf, atol=1e-6)


def test_a_pool_shows_what_was_made_before():
    """It fills in order; then every image that is shown in another's place was made earlier, and about half of them are."""
    replay, pool, kept = Replay(10), Replay(10).init(jnp.zeros(())), set()
    exchange, old = jax.jit(replay.exchange), 0
    for step in range(100):
        made = jnp.arange(4.0) + 4 * step + 1
        shown, pool = exchange(jax.random.key(step), pool, made)
        changed = np.asarray(shown != made)
        assert set(np.asarray(shown)[changed].tolist()) <= kept and (step > 2 or not changed.any())
        old += changed.sum()
        kept = set(np.asarray(pool.images).tolist()) if step > 1 else set()
        assert kept <= set(np.arange(1.0, 4 * step + 5).tolist())
    assert 150 < old < 240
    with pytest.raises(InputError, match="pool of 2 images is smaller than the batch of 4"):
        Replay(2).exchange(jax.random.key(0), Replay(2).init(jnp.zeros(())), jnp.zeros(4))


OPTIMIZER = SGD(1e-3, momentum=0.5, average=0.9)      # not Adam, that makes a whole step of a rounded zero
FOUR = CycleGAN(
    generator=UNet(depth=1, width=4), forward=LearntMap(ResNet(depth=1, width=4)), critic=ConvCritic(width=4, depth=1), n_critic=2,
    game=Relativistic(), regularizers=(R1(), SpectralNorm()), augment=Mirror(), identity=1.0, replay=Replay(12),
    generator_optimizer=OPTIMIZER, critic_optimizer=OPTIMIZER,
)


def trained(method, directory, steps=4, on_step=None):
    """The players of 8^2 images after a short training."""
    batch = measured(spots(6, (8, 8)), Convolution(gaussian_psf((5, 5), 1.0)))
    measurements = [jax.tree.map(lambda leaf: np.asarray(leaf)[i], batch) for i in range(6)]
    stream = Stream(measurements, batch=8, patch=None, augment=False, seed=0, sees=method.sees, unpaired=list(spots(9, (8, 8), seed=3)))
    train = Train(steps=steps, batch=8, checkpoint_every=2, validation_batches=1, use="latest")
    return fit(method, train, stream, stream, directory, quiet=True, on_step=on_step)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """Four players with their averages, power iterations and a full pool after four steps on four devices."""
    jax.config.update("jax_disable_most_optimizations", True)
    with jax.numpy_dtype_promotion("standard"):
        state = trained(FOUR, tmp_path_factory.mktemp("whole"))
    jax.config.update("jax_disable_most_optimizations", False)
    return state


def test_four_players_and_their_pool_agree_on_four_devices_and_one(whole, quick_compilation, tmp_path, monkeypatch):
    assert same_on_all_devices(whole, 4)
    assert int(parallel.local(whole).critic.buffers["pool"].count) == 12
    monkeypatch.setattr(parallel.Replicas, "of", classmethod(lambda cls, batch: cls((jax.devices()[0],), (0, 1))))
    alone = trained(FOUR, tmp_path)
    assert norm_of_difference(leaves_of(parallel.local(alone)), leaves_of(parallel.local(whole))) <= 1e-5


def test_four_players_and_their_pool_resume_to_the_same_bits(whole, quick_compilation, tmp_path):
    with pytest.raises(Stop):
        trained(FOUR, tmp_path, on_step=stop_after(3))
    for a, b in zip(leaves_of(parallel.local(trained(FOUR, tmp_path))), leaves_of(parallel.local(whole)), strict=True):
        np.testing.assert_array_equal(a, b)


def learnt(method, batch, steps):
    """The players after so many steps on halves of a batch and of its unpaired images, drawn apart."""
    method, rng, count = method.planned(steps), np.random.default_rng(0), len(batch.y)
    state, update = jax.jit(method.init)(jax.random.key(0), batch), jax.jit(method.update)
    for step in range(steps):
        ys, xs = rng.integers(count, size=8), rng.integers(count, size=8)
        part = jax.tree.map(lambda leaf: leaf[ys], batch).replace(unpaired=batch.unpaired[xs])
        state, _ = update(jax.random.key(step), state, part)
    return state


LEARNS = {"game": Relativistic(), "critic": PatchCritic(width=8, depth=1), "adversarial": 0.1, "critic_optimizer": Adam(2e-3, b1=0.5, b2=0.99)}
FASTER = Adam(5e-3, b1=0.5, b2=0.99, average=0.9)


def test_with_a_known_blur_it_beats_the_wiener_filter_of_the_true_spectrum(quick_compilation):
    truth = spots(64, seed=7)
    batch = measured(truth, BLUR, noise=4.0, unpaired=spots(64, seed=5))
    method = CycleGAN(**LEARNS, generator=UNet(depth=1, width=8, residual=True), forward=Known(), generator_optimizer=FASTER)
    state = learnt(method, batch, 80)
    estimates = np.asarray(jax.jit(jax.vmap(lambda one: method.reconstruct(jax.random.key(0), state, one)))(batch.replace(unpaired=None)))
    oracle = jax.jit(jax.vmap(lambda one: Wiener(oracle=True).answer(jax.random.key(0), one)))(batch.replace(truth=jnp.asarray(truth)))
    mean = lambda found: np.mean([psnr(np.asarray(x), t) for x, t in zip(found, truth)])
    assert mean(estimates) > mean(oracle) + 1.0 > mean(batch.y) + 1.0


def test_a_coarse_blurred_image_is_resolved_beyond_its_best_fit(quick_compilation):
    """Super-resolution: twice as fine as y, by FRC to the truth and by PSNR above H* y at its best scale."""
    truth, H = spots(48, seed=7), Binning((2, 2)) @ BLUR
    stacked = lambda tree: jax.tree.map(lambda leaf: jnp.stack([jnp.asarray(leaf)] * 48), tree)
    y = jax.vmap(H)(jnp.asarray(truth)) + 2 * np.random.default_rng(1).normal(size=(48, 8, 8, 1)).astype(np.float32)
    batch = Measurement(y, stacked(H), stacked(Gaussian(jnp.float32(2))), unpaired=jnp.asarray(spots(48, seed=5)))
    G = Upsampled(UNet(depth=1, width=8, residual=True))
    state = learnt(method := CycleGAN(**LEARNS, generator=G, forward=Known(), generator_optimizer=FASTER), batch, 80)
    batch = batch.replace(unpaired=None)
    estimates = np.asarray(jax.jit(jax.vmap(lambda one: method.reconstruct(jax.random.key(0), state, one)))(batch))
    guesses = np.asarray(jax.jit(jax.vmap(H.guess))(y))
    reach = lambda found: np.mean([1 / fourier_ring_correlation(x, t).resolution("1/2") for x, t in zip(found, truth)])
    assert reach(estimates) > 1.2 * reach(guesses) and psnr(estimates, truth) > psnr(guesses, truth) + 3
    assert not method.tiles(H) and not method.tiles(BLUR) and not CycleGAN(**SMALL, forward=Known()).tiles(H)


@pytest.mark.slow
def test_a_volume_is_sharpened_by_the_passes_of_its_slices(quick_compilation):
    """Behind an elongated blur, by a network of images: the mean of three passes is above each of them, and above Wiener's filter of the true spectrum."""
    H, shape = Convolution(gaussian_psf((9, 5, 5), (1.8, 0.8, 0.8))), (10, 9, 8)

    def volumes(seed):
        places = np.random.default_rng(seed).uniform(0, shape, (2, 32, 3))
        square = sum((grid - places[..., axis, None, None, None]) ** 2 for axis, grid in enumerate(np.mgrid[tuple(map(slice, shape))]))
        return (100 * np.exp(-square / 2).sum(0))[..., None].astype(np.float32)

    truth = volumes(7)
    batch = measured(truth, H, noise=2.0, unpaired=volumes(5))
    G = Slicewise(UNet(depth=1, width=8, residual=True), axes=(0, 1, 2))
    critic = SliceCritic(PatchCritic(width=4, depth=1), every=4)
    method = CycleGAN(**LEARNS | {"critic": critic}, generator=G, forward=Known(), generator_optimizer=FASTER)
    state = learnt(method, batch, 60)
    batch = batch.replace(unpaired=None)
    scored = lambda found: psnr(np.asarray(found), truth)
    by = lambda axes: dataclasses.replace(method, generator=G.clone(axes=axes))          # of the same theta
    estimates = lambda method: jax.jit(jax.vmap(lambda one: method.reconstruct(jax.random.key(0), state, one)))(batch)
    whole, *alone = (scored(estimates(by(axes))) for axes in ((0, 1, 2), (0,), (1,), (2,)))

    oracle = jax.jit(jax.vmap(lambda one: Wiener(oracle=True).answer(jax.random.key(0), one)))(batch.replace(truth=jnp.asarray(truth)))
    assert whole > max(alone) and whole > scored(oracle) + 0.4 > scored(batch.y) + 2


@pytest.mark.slow
def test_a_kernel_is_learnt_from_twice_its_width(quick_compilation):
    """Blind: less than half of the error of the width that was told is left."""
    truth, told = spots(64, seed=7), gaussian_psf((13, 13), 2.4)
    batch = measured(truth, BLUR, noise=2.0, unpaired=spots(64, seed=5))
    batch = batch.replace(operator=jax.tree.map(lambda leaf: jnp.stack([leaf] * 64), Convolution(told)))
    method = CycleGAN(
        **{**LEARNS, "adversarial": 1.0}, generator=UNet(depth=1, width=8, residual=True), forward=LearntBlur(width=13), generator_optimizer=FASTER)
    state = learnt(method, batch, 120)
    assert abs(float(width(method.forward.kernel(state.params["H"]))) - 1.2) < 0.6


def test_masks_are_those_of_the_data_or_drawn_by_the_instrument(quick_compilation):
    """k-space by other lines in each sample: x is measured by the lines of the y beside it, or by lines drawn for it."""
    scanner = Scanner(noise=Gaussian(0.5), coils=1, acceleration=2, centre=2, sampling="random lines")
    x = jnp.asarray(spots(4, (8, 8)))
    batch = jax.jit(jax.vmap(scanner.measure))(jax.random.split(jax.random.key(0), 4), x).only(()).replace(unpaired=x.astype(jnp.complex64))
    for forward, own in ((Known(), True), (Known(Drawn(scanner)), False)):
        method = CycleGAN(**SMALL, forward=forward, regularizers=(R1(),)).planned(5)
        state = jax.jit(method.init)(jax.random.key(0), batch)
        maps = method.generates(state.generator.params, state.shape)
        one = jax.tree.map(lambda leaf: leaf[1], batch).normalize(state.scale, state.target)
        drawn = [maps.drawn(key, one).mask for key in jax.random.split(jax.random.key(3), 4)]
        assert all(bool((mask == one.operator.mask).all()) for mask in drawn) == own
        if own:
            continue
        after, metrics = jax.jit(method.update)(jax.random.key(1), state, batch)
        assert all(jnp.isfinite(value) for value in metrics.values())
        assert method.reconstruct(jax.random.key(0), after, jax.tree.map(lambda leaf: leaf[0], batch)).shape == (8, 8, 1)


def test_objects_stay_objects(quick_compilation):
    """c2GAN's saliency against its formula, as it fades; and stains of inverted contrast, which it does not exchange."""
    stains = TwoStains(inverted=True, noise=Gaussian(1.0), gamma=1.0, blur=0.5, peak=100.0)
    x = jnp.minimum(spots(48, seed=2), 100)
    y = jax.vmap(stains.measure)(jax.random.split(jax.random.key(0), 48), x).y
    identity = jax.tree.map(lambda leaf: jnp.stack([leaf] * 48), Identity())
    batch = Measurement(y, identity, unpaired=jnp.minimum(spots(48, seed=5), 100))
    method = C2GAN(
        generator=UNet(depth=1, width=4), critic=PatchCritic(width=4, depth=1), forward=LearntMap(UNet(depth=1, width=4)), decay=40.0,
        threshold_y=-0.5, dark_y=True, generator_optimizer=FASTER,
    )
    state = learnt(method, batch, 60)
    assert float(method.at(state).saliency) == pytest.approx(50 * np.exp(-60 / 40))
    one = jax.tree.map(lambda leaf: leaf[0], batch).normalize(state.scale, state.target)
    Gy, Hx = one.y, one.unpaired                                  # any two images
    m = lambda image, T: 1 / (1 + np.exp(-10 * (np.asarray(image)[..., 0] - T)))
    expected = np.abs((1 - m(one.y, -0.5)) - m(Gy, 0.5)).mean() + np.abs(m(one.unpaired, 0.5) - (1 - m(Hx, -0.5))).mean()
    assert float(method.constraints(None, one, Gy, Hx)[0]) == pytest.approx(50 * expected, rel=1e-4)
    estimates = jax.jit(jax.vmap(lambda one: method.reconstruct(jax.random.key(0), state, one)))(batch.replace(unpaired=None))
    tests = [Measurement(None, None, truth=np.asarray(t)) for t in x]
    dice = lambda found: Foreground(30.0).scores(list(found), tests, [])["foreground Dice"]
    assert dice(estimates) > 0.8 > dice(y)


def test_matched_histograms_undo_a_monotone_curve():
    x, other = spots(40, seed=1), spots(40, seed=2)
    batch = Measurement(jnp.asarray(10 * np.sqrt(x)), jax.tree.map(lambda leaf: jnp.stack([leaf] * 40), Identity()), unpaired=jnp.asarray(other))
    method = HistogramMatching()
    state, _ = method.update(jax.random.key(0), method.init(jax.random.key(0), batch), batch)
    found = method.reconstruct(jax.random.key(0), state, jax.tree.map(lambda leaf: leaf[0], batch))
    assert psnr(np.asarray(found), x[0]) > psnr(np.asarray(batch.y[0]), x[0]) + 6


def test_an_instrument_that_is_not_as_it_says():
    """What measures is the true blur and noise; what methods are told is the other."""
    x = jnp.asarray(spots(1)[0])
    told = MisinformedBlur(noise=Gaussian(3.0), psf_sigma=2.0, true_sigma=1.0, true_noise=Gaussian(1e-3))
    one = told.measure(jax.random.key(0), x)
    assert float(jnp.abs(one.y - Convolution(gaussian_psf((9, 9), 1.0))(x)).max()) < 0.02 and float(one.noise.sigma) == 3
    np.testing.assert_allclose(one.operator.psf, gaussian_psf((13, 13), 2.0), rtol=1e-5)
    with pytest.raises(InputError, match="positive true_sigma"):
        MisinformedBlur(true_sigma=0.0)
    with pytest.raises(InputError, match="positive gamma"):
        TwoStains(gamma=0.0)


def test_a_large_blurred_image_is_reconstructed_in_tiles(monkeypatch, quick_compilation):
    """G sees y alone, so that its tiles are those of the whole image, whatever the blur."""
    method = CycleGAN(**SMALL, forward=Known()).planned(1)
    state = method.init(jax.random.key(0), measured(spots(2), BLUR, unpaired=spots(2)))
    large = jax.tree.map(lambda leaf: np.asarray(leaf)[0], measured(spots(1, (53, 70)), BLUR))
    ((whole, _, _),) = estimator(method, state, jax.random.key(0))([large])
    monkeypatch.setattr(inference, "WHOLE_IMAGE_PIXELS", 100)
    ((parts, _, _),) = estimator(method, state, jax.random.key(0))([large])
    np.testing.assert_allclose(parts, whole, atol=1e-3)
    assert method.tiles(BLUR) and not CycleGAN(generator=Unrolled(), forward=Known()).tiles(BLUR)


def test_parts_of_a_blurred_image_are_learnt_from():
    """A blur is the same everywhere: with the true x the cycle of y vanishes within the margin, on any part, and not at its edges."""
    whole = 100 * np.random.default_rng(0).uniform(size=(40, 40, 1)).astype(np.float32)
    one = Measurement(np.asarray(BLUR(jnp.asarray(whole))), BLUR)
    method = CycleGAN(**SMALL, forward=Known(), margin=3)
    stream = Stream([one], batch=2, patch=16, augment=True, seed=0, sees=method.sees, unpaired=[whole], parts=method.parts)
    batch = stream.example(2)
    assert batch.y.shape == batch.unpaired.shape == (2, 16, 16, 1)
    place = next((i, j) for i in range(25) for j in range(25) if np.array_equal(one.y[i : i + 16, j : j + 16], batch.y[0]))
    part = jnp.asarray(whole[place[0] : place[0] + 16, place[1] : place[1] + 16])
    again = jax.tree.map(lambda leaf: leaf[0], batch).operator(part)
    assert float(method.distance(again, batch.y[0])) < 1e-4 < 1 < float(jnp.abs(again - batch.y[0]).mean())
    with pytest.raises(InputError, match="mixes pixels"):
        Stream([one], batch=2, patch=16, augment=True, seed=0)
    with pytest.raises(InputError, match="a margin of 8 pixels leaves nothing of images of shape"):
        CycleGAN(**SMALL, forward=Known(), margin=8).check(jax.tree.map(lambda leaf: leaf[0], batch))


def test_noise_that_nobody_knows_is_estimated_for_the_simulated_leg(quick_compilation):
    batch = measured(spots(8, (32, 32)), BLUR, noise=4.0, unpaired=spots(8, (32, 32), seed=5)).replace(noise=None)
    method = CycleGAN(**SMALL, forward=Known()).planned(2)
    state = method.init(jax.random.key(0), batch)
    noise = state.critic.buffers["noise"]
    assert float(noise.variance(jnp.float32(20))) == pytest.approx(16, rel=0.4)
    after, metrics = jax.jit(method.update)(jax.random.key(0), state, batch)
    assert all(jnp.isfinite(value) for value in metrics.values()) and float(after.critic.buffers["noise"].sigma) == float(noise.sigma)
    assert "noise" not in dataclasses.replace(method, noisy=False).init(jax.random.key(0), batch).critic.buffers


def test_noise_that_nobody_knows_is_estimated_for_simulation_alone(quick_compilation):
    """The same as of the simulated leg; with it the loss of the identity is that of the noise, and without it nothing."""
    batch = measured(spots(8, (32, 32)), Identity(), noise=4.0, unpaired=spots(8, (32, 32), seed=5)).replace(noise=None)
    method = Composed(network=UNet(depth=1, width=4), objective=0.5 * Simulation()).planned(2)
    state = method.init(jax.random.key(0), batch)
    noise = state.trained.buffers["noise"]
    assert float(noise.variance(jnp.float32(20))) == pytest.approx(16, rel=0.4)
    seen = jax.tree.map(lambda leaf: leaf[0], method.in_noise(state, batch))
    assert float(Simulation()(jax.random.key(0), lambda one: one.y, seen)[0]) == pytest.approx(16, rel=0.4)
    after, metrics = jax.jit(method.update)(jax.random.key(0), state, batch)
    assert jnp.isfinite(metrics["loss"]) and float(after.trained.buffers["noise"].sigma) == float(noise.sigma)
    assert method.start_from(after, after.params).trained.buffers["noise"] is after.trained.buffers["noise"]


@pytest.mark.parametrize("coils", [1, 3])
def test_noise_of_k_space_is_estimated_from_its_highest_frequencies(coils):
    """Also where a coil that sees nothing fills the measurement up, and to the same of complex images."""
    scanner = Scanner(noise=Gaussian(3.0), coils=coils, acceleration=2, centre=4)
    x = jnp.asarray(spots(8, (33, 32)))
    batch = jax.jit(jax.vmap(scanner.measure))(jax.random.split(jax.random.key(0), 8), x).replace(noise=None)
    assert float(estimated_noise(batch).sigma) == pytest.approx(3, rel=0.15)
    H = batch.operator
    filled = batch.replace(y=jnp.pad(batch.y, ((0, 0), (0, 2), (0, 0), (0, 0))),
                           operator=H.replace(sensitivity_maps=jnp.pad(H.sensitivity_maps, ((0, 0), (0, 0), (0, 2), (0, 0), (0, 0)))))
    assert float(estimated_noise(filled).sigma) == float(estimated_noise(batch).sigma)
    images = measured(spots(8, (32, 32)), Identity(), noise=0.0)
    w = 3 * np.random.default_rng(0).normal(size=(2, *images.y.shape)).astype(np.float32) / np.sqrt(2)
    assert float(estimated_noise(images.replace(y=images.y + w[0] + 1j * w[1], noise=None)).sigma) == pytest.approx(3, rel=0.2)


def test_bad_input_gets_one_line(tmp_path):
    with pytest.raises(InputError, match="nothing of it is left to learn from D_Y"):
        CycleGAN(forward=Known(), critic_y=PatchCritic())
    with pytest.raises(InputError, match="without a cycle"):
        CycleGAN(cycle=0.0)
    with pytest.raises(InputError, match="an identity loss shows G an image"):
        CycleGAN(generator=Unrolled(), forward=Known(), identity=1.0)
    with pytest.raises(InputError, match="Unrolled asks for the operator too"):
        LearntMap(Unrolled())
    with pytest.raises(InputError, match="a width of 3 or more"):
        LearntBlur(width=1)
    one = jax.tree.map(lambda leaf: leaf[0], measured(spots(1), BLUR, unpaired=spots(1, (12, 16))))
    with pytest.raises(InputError, match=r"unpaired images of shape \(12, 16, 1\) for measurements whose images have the shape \(16, 16, 1\)"):
        CycleGAN(**SMALL, forward=Known()).check(one)
    with pytest.raises(InputError, match="an identity loss takes x and y that are alike"):
        CycleGAN(**SMALL, forward=Known(), identity=1.0).check(one.replace(y=one.y[::2, ::2], operator=Binning((2, 2))))
    with pytest.raises(InputError, match="a kernel 15 pixels wide .* for images of 8 x 8"):
        trained(dataclasses.replace(FOUR, forward=LearntBlur()), tmp_path)
