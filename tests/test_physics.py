"""Closed forms, independent implementations and limits of the instruments' physics."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import integrate, special
from skimage.transform import radon

from unsup_jax.core import Measurement, Views
from unsup_jax.errors import InputError
from unsup_jax.methods import FilteredBackProjection
from unsup_jax.modalities import Scanner
from unsup_jax.noise import Gaussian
from unsup_jax.operators import (
    AngularSpectrum, Binning, Diffraction, Emitters, FanBeam, FourierPtychography, Hologram, Identity, Multislice,
    NonCartesianSENSE, NonuniformFourier, Projection, Radon, RealSpaceProjection, airy_psf, blinking, compress_coils,
    arc_fan, confocal_psf, ctf, espirit, filtered_back_projection, flat_fan, gaussian_psf, gibson_lanni_psf, hole, missing_wedge, parallel_angles, ramp_filter,
    random_blocks, random_rotations, resampling,
)
from unsup_jax.operators.cryo_em import rotation_about_y
from unsup_jax.operators.diffraction import demodulate, potential, refractive_index, rytov
from unsup_jax.operators.fourier import centred, uncentred
from unsup_jax.operators.ptychography import led_shifts
from unsup_jax.operators.pupil import aberrated, circular_pupil
from unsup_jax.operators.tomography import angular_weights
from unsup_jax.operators.trajectories import (
    GOLDEN_ANGLE, equispaced_lines, gaussian_points, poisson_disc, radial, random_lines, random_points, spiral,
)


apply = jax.jit(lambda H, x: H(x))


def blobs(size, *, centres=((5, -8, 3.0, 1.0), (-9, -4, 2.5, 0.5))):
    rows, columns = np.mgrid[:size, :size] - size // 2
    image = sum(h * np.exp(-((rows - r) ** 2 + (columns - c) ** 2) / (2 * s**2)) for r, c, s, h in centres)
    return image.astype(np.float32)[..., None]


def line_integrals(theta, t):
    """Of `blobs` along the line column cos(theta) - row sin(theta) = t."""
    total = 0
    for row, column, sigma, height in ((5, -8, 3.0, 1.0), (-9, -4, 2.5, 0.5)):
        centre = column * np.cos(theta) - row * np.sin(theta)
        total = total + height * sigma * np.sqrt(2 * np.pi) * np.exp(-((t - centre) ** 2) / (2 * sigma**2))
    return total


class TestTomography:
    angles = parallel_angles(24)

    @pytest.mark.parametrize("size", [64, 63])
    def test_projections_of_gaussians(self, size):
        theta, x = np.asarray(self.angles)[:, None], jnp.asarray(blobs(size))
        y = apply(Radon(self.angles, size), x)[..., 0]
        exact = line_integrals(theta, np.arange(size) - size // 2)
        np.testing.assert_allclose(y, exact, atol=3e-5 * exact.max())
        t = 0.7 * np.arange(200) - 65.3                             # finer, off the axis, and wider than the image
        y = apply(Radon(self.angles, size, detector=jnp.asarray(t)), x)[..., 0]
        np.testing.assert_allclose(y, line_integrals(theta, t), atol=3e-5 * exact.max())

    def test_agrees_with_scikit_image(self):
        image = blobs(64)[..., 0]
        theirs = radon(image, np.rad2deg(self.angles), circle=False)  # padded: crop its detector
        middle = theirs.shape[0] // 2
        theirs = theirs[middle - 32:middle + 32].T
        ours = apply(Radon(self.angles, 64), jnp.asarray(image[..., None]))[..., 0]
        np.testing.assert_allclose(ours, theirs, atol=0.03 * theirs.max())

    def test_a_detector_wider_than_the_image_sees_its_corners_once(self):
        x = np.zeros((32, 32, 1), np.float32)
        x[1:6, 1:6] = 1                                               # row and column -13 of the centre: t = 0 and 18.4
        t = jnp.arange(-32.0, 33.0)
        y = apply(Radon(jnp.asarray(np.deg2rad([45.0, 135.0])), 32, detector=t), jnp.asarray(x))[..., 0]
        for view, place in zip(y, (0, 13 * 2**0.5)):
            far = np.abs(t - place) > 6
            assert jnp.abs(view[far]).max() < 0.1 and abs(view.sum() - 25) < 0.1

    @pytest.mark.parametrize("window", ["ram-lak", "shepp-logan", "hann"])
    def test_filtered_back_projection_inverts(self, window):
        H, x = Radon(parallel_angles(96), 64), jnp.asarray(blobs(64))
        back = jax.jit(lambda H, x: H.adjoint(ramp_filter(H(x), window=window)) * (jnp.pi / 96))(H, x)
        assert jnp.abs(back - x).max() < {"ram-lak": 0.01, "shepp-logan": 0.03, "hann": 0.1}[window]

    def test_filtered_back_projection_is_absolute(self):
        """Within the measured wedge, the spectrum of a blob's reconstruction over the blob's own is 1; outside of it, 0."""
        size, views = 46, 61
        blob = jnp.asarray(blobs(size, centres=((0, 0, 2.0, 1.0),)))
        back = jax.jit(lambda H, x: filtered_back_projection(H, H(x)))
        rows, columns = np.mgrid[:size, :size] - size // 2
        spectrum = lambda x: np.fft.fftshift(np.fft.fft2(np.fft.ifftshift(np.asarray(x)[..., 0])))
        direction = (np.rad2deg(np.arctan2(-rows, columns)) + 90) % 180 - 90
        shell = np.abs(np.hypot(rows, columns) - 7.5) < 3
        truth = spectrum(blob)
        jitter = np.random.default_rng(0).uniform(-0.4, 0.4, views)
        for extent in (60, 120, 150, 180, 240, 270, 360):
            for shift in (0, jitter):                                 # evenly, and not
                angles = np.deg2rad(-extent / 2 + (np.arange(views) + 0.5 + shift) * extent / views)
                gain = (spectrum(back(Radon(jnp.asarray(angles, jnp.float32), size), blob)) / truth).real
                measured, missed = shell & (np.abs(direction) < extent / 2 - 12), shell & (np.abs(direction) > extent / 2 + 12)
                assert abs(gain[measured].mean() - 1) < 0.01
                assert not missed.any() or abs(gain[missed].mean()) < 0.02

    def test_views_stand_for_what_lies_between_them(self):
        even = np.asarray(parallel_angles(9, extent=np.pi))
        for angles in (even, even[[3, 1, 8, 0, 2, 5, 4, 7, 6]] + 0.3, np.asarray(parallel_angles(9, extent=2 * np.pi))):
            np.testing.assert_allclose(angular_weights(jnp.asarray(angles)), np.pi / 9, rtol=1e-5)
        twice = angular_weights(jnp.concatenate([even, even + np.pi]))
        np.testing.assert_allclose(twice.sum(), np.pi, rtol=1e-5)
        tilts = missing_wedge(np.deg2rad(60), np.deg2rad(3))
        np.testing.assert_allclose(angular_weights(tilts), np.deg2rad(3), rtol=1e-4)
        np.testing.assert_allclose(angular_weights(jnp.array([0.1, 1.0, 1.9])), [np.pi - 1.8 + 0.9, 1.8, np.pi - 1.8 + 0.9] / np.array(2), rtol=1e-5)
        np.testing.assert_allclose(angular_weights(jnp.array([0.7])), np.pi, rtol=1e-6)

    def test_other_geometries_are_refused(self):
        fan = FanBeam(parallel_angles(9), arc_fan(9, extent=0.8), jnp.float32(100.0), 64)
        coarse = Radon(self.angles, 16, detector=2 * jnp.arange(8.0) - 8)
        with pytest.raises(InputError, match="parallel views of Radon, not those of FanBeam"):
            filtered_back_projection(fan, jnp.zeros((9, 9, 1)))
        for H, message in ((fan, "over the whole turn"), (coarse, "between their pixels")):
            with pytest.raises(InputError, match=message):
                FilteredBackProjection().check(Measurement(jnp.zeros((24, 8, 1)), H))

    def test_a_volume_is_its_slices(self):
        x = jax.random.normal(jax.random.key(0), (3, 16, 16, 1))
        H = Radon(self.angles, 16)
        np.testing.assert_allclose(apply(H, x), jnp.stack([apply(H, s) for s in x], 1), atol=1e-4)

    @pytest.mark.parametrize("size", [64, 63])
    @pytest.mark.parametrize("fan", [flat_fan(101, pitch=1.5, distance=200.0), arc_fan(90, extent=0.8)], ids=["flat", "arc"])
    def test_fan_beams_through_gaussians(self, fan, size):
        H = FanBeam(parallel_angles(17, start=0.3, extent=1.9 * np.pi), fan, jnp.float32(100.0), size)
        gamma = np.asarray(fan)[None]
        exact = line_integrals(np.asarray(H.angles)[:, None] + gamma, 100 * np.sin(gamma))
        y = apply(H, jnp.asarray(blobs(size)))[..., 0]
        np.testing.assert_allclose(y, exact, atol=3e-5 * exact.max())
        source = 100 * np.array([-np.cos(H.angles[0]), -np.sin(H.angles[0])])   # row, column: every ray goes through it
        theta = np.asarray(H.angles[0] + fan)
        np.testing.assert_allclose(source[1] * np.cos(theta) - source[0] * np.sin(theta), 100 * np.sin(gamma[0]), atol=1e-3)

    def test_fan_beams_hold_the_parallel_ones(self):
        x = jnp.asarray(blobs(64))
        H = FanBeam(parallel_angles(180, extent=2 * np.pi), flat_fan(128, pitch=1.5, distance=200.0), jnp.float32(100.0), 64)
        P, parallel = jax.jit(lambda H, x: H.parallel(H(x)))(H, x)
        np.testing.assert_allclose(parallel, apply(P, x), atol=2e-4 * float(parallel.max()))
        assert jnp.abs(jax.jit(filtered_back_projection)(P, parallel) - x).max() < 0.01

    def test_bad_angles_are_refused(self):
        with pytest.raises(InputError, match="radians"):
            Radon(jnp.arange(0.0, 180.0), 64)
        with pytest.raises(InputError, match="radians"):
            FanBeam(jnp.arange(0.0, 180.0), arc_fan(9, extent=0.8), 100.0, 64)
        with pytest.raises(InputError, match="inside the circle"):
            FanBeam(parallel_angles(9), arc_fan(9, extent=0.8), 40.0, 64)
        with pytest.raises(InputError, match="no window 'cosine'"):
            ramp_filter(jnp.zeros((4, 8, 1)), window="cosine")

    def test_missing_wedge(self):
        tilts = missing_wedge(np.deg2rad(60), np.deg2rad(3))
        assert tilts.shape == (41,) and np.isclose(tilts[-1], np.deg2rad(60), atol=1e-5)


class TestPointSpreadFunctions:
    optics = {"wavelength_um": 0.5, "numerical_aperture": 1.2, "pixel_size_um": 0.06}

    def test_airy(self):
        psf = airy_psf((33, 33), **self.optics)
        v = 2 * np.pi * 1.2 / 0.5 * 0.06 * np.hypot(*np.mgrid[-16:17, -16:17])
        exact = np.where(v > 0, (2 * special.j1(v) / np.maximum(v, 1e-9)) ** 2, 1)
        np.testing.assert_allclose(psf, exact / exact.sum(), atol=1e-6)

    def test_gibson_lanni_against_quadrature(self):
        design = {"n_sample": 1.33, "depth_um": 2.0, "step_um": 0.25}
        psf = np.asarray(gibson_lanni_psf((5, 17, 17), **self.optics, **design))
        k = 2 * np.pi / 0.5

        def intensity(r, z):
            path = lambda n, rho: np.sqrt(n**2 - (1.2 * rho) ** 2)
            phase = lambda rho: k * (2.0 * path(1.33, rho) + z * path(1.515, rho))
            wave = lambda rho: special.j0(k * 1.2 * r * rho) * rho
            real = integrate.quad(lambda rho: wave(rho) * np.cos(phase(rho)), 0, 1, limit=200)[0]
            imaginary = integrate.quad(lambda rho: wave(rho) * np.sin(phase(rho)), 0, 1, limit=200)[0]
            return real**2 + imaginary**2

        places = [(2, 8, 8), (2, 8, 11), (0, 8, 8), (4, 10, 5), (1, 3, 8)]
        exact = np.array([intensity(0.06 * np.hypot(y - 8, x - 8), 0.25 * (z - 2)) for z, y, x in places])
        ours = np.array([psf[p] for p in places])
        np.testing.assert_allclose(ours / ours[0], exact / exact[0], rtol=2e-3, atol=2e-3)

    def test_in_focus_it_is_the_airy_pattern(self):
        psf = gibson_lanni_psf((3, 33, 33), **self.optics, n_sample=1.515, step_um=0.2)
        np.testing.assert_allclose(psf[1] / psf[1].sum(), airy_psf((33, 33), **self.optics), atol=2e-5)
        np.testing.assert_allclose(psf[0], psf[2], atol=1e-6)

    def test_confocal_is_sharper(self):
        wide = gibson_lanni_psf((9, 17, 17), **self.optics, n_sample=1.515, step_um=0.2)
        sharp = confocal_psf(wide, wide, pinhole=3)
        assert sharp.max() > 1.5 * wide.max() and abs(sharp.sum() - 1) < 1e-5

    def test_gradient_of_the_aperture(self, double):
        value = lambda na: jnp.sum(airy_psf((17, 17), wavelength_um=0.5, numerical_aperture=na, pixel_size_um=0.06) ** 2)
        slope = (value(1.2 + 1e-5) - value(1.2 - 1e-5)) / 2e-5
        np.testing.assert_allclose(jax.grad(value)(1.2), slope, rtol=1e-5)

    def test_gaussian_of_two_widths(self):
        psf = gaussian_psf((31, 31), jnp.array([1.5, 3.0]))
        line = np.arange(31.0, dtype=np.float32) - 15
        np.testing.assert_allclose((psf.sum(1) * line**2).sum() ** 0.5, 1.5, rtol=1e-3)
        np.testing.assert_allclose((psf.sum(0) * line**2).sum() ** 0.5, 3.0, rtol=1e-3)

    def test_impossible_aperture_is_refused(self):
        with pytest.raises(InputError, match="n_sample 1.33 is below the numerical aperture 1.4"):
            gibson_lanni_psf((3, 9, 9), wavelength_um=0.5, numerical_aperture=1.4, pixel_size_um=0.06, step_um=0.2)


class TestSampling:
    def test_resampling_keeps_constants_and_low_frequencies(self):
        H = resampling((48, 60), 2.5)
        assert H(jnp.ones((48, 60, 1))).shape == (19, 24, 1)
        np.testing.assert_allclose(H(jnp.ones((48, 60, 1))), 1, rtol=1e-5)
        wave = lambda places: jnp.sin(2 * jnp.pi * 0.05 * places)
        fine = wave(jnp.arange(60.0))[None, :, None] * jnp.ones((48, 1, 1))
        coarse = wave((jnp.arange(24.0) + 0.5) * 2.5 - 0.5)
        np.testing.assert_allclose(H(fine)[9, 3:-3, 0], coarse[3:-3], atol=0.03)

    def test_binning_is_a_mean(self):
        x = jnp.arange(16.0).reshape(4, 4, 1)
        np.testing.assert_allclose(Binning((2, 2))(x)[..., 0], [[2.5, 4.5], [10.5, 12.5]])

    def test_masks_of_patches(self):
        mask = random_blocks(jax.random.key(0), (30, 41), keep=0.5, block=8)
        assert mask.shape == (30, 41, 1) and set(np.unique(mask)) == {0.0, 1.0}
        assert jnp.ptp(mask[:8, :8]) == 0
        assert hole((9, 9), corner=(2, 3), size=(4, 5)).sum() == 81 - 20
        with pytest.raises(InputError, match="does not lie"):
            hole((9, 9), corner=(6, 3), size=(4, 5))


def coil_maps(coils, size):
    rows, columns = np.mgrid[:size, :size] / size - 0.5
    angle = 2 * np.pi * np.arange(coils) / coils
    distance = (rows - 0.6 * np.sin(angle)[:, None, None]) ** 2 + (columns - 0.6 * np.cos(angle)[:, None, None]) ** 2
    maps = np.exp(-distance / 0.4) * np.exp(1j * (3 * rows * np.cos(angle)[:, None, None] + angle[:, None, None]))
    return (maps / np.sqrt((np.abs(maps) ** 2).sum(0))).astype(np.complex64)


class TestMagneticResonance:
    def test_centring_moves_the_image_alone(self):
        for shape in ((2, 8, 10), (2, 9, 7)):
            kspace = np.array(jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, *shape))))
            kspace[:, 1::2] = 0
            seen = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(kspace, (-2, -1))), (-2, -1))
            np.testing.assert_allclose(np.fft.ifft2(uncentred(kspace)), seen, atol=1e-6)
            np.testing.assert_allclose(centred(uncentred(kspace)), kspace, atol=1e-5)
            assert (np.asarray(uncentred(kspace)) == 0).sum() == (kspace == 0).sum()

    @pytest.mark.parametrize("width, error", [(2, 0.15), (4, 4e-3), (6, 2e-5)])
    def test_nufft_against_the_sum(self, width, error, double):
        places = jax.random.uniform(jax.random.key(0), (50, 2), minval=-0.5, maxval=0.5)
        x = jax.random.normal(jax.random.key(1), (11, 14, 2), jnp.complex128)
        n = np.stack(np.meshgrid(np.arange(11) - 5, np.arange(14) - 7, indexing="ij"), -1).reshape(-1, 2)
        exact = np.exp(-2j * np.pi * np.asarray(places) @ n.T) @ np.asarray(x).reshape(-1, 2) / np.sqrt(11 * 14)
        ours = apply(NonuniformFourier(places, (11, 14), width=width), x)
        assert np.abs(ours - exact).max() < error * np.abs(exact).max()

    @pytest.mark.parametrize("width, error", [(3, 4e-2), (4, 1e-2), (6, 5e-5)])
    def test_nufft_on_the_grid_is_the_fft(self, width, error):
        """Every frequency of sizes that are no powers of two, and halfway: places that a rounding puts on either side."""
        shape = (45, 48)
        x = jax.lax.complex(*jax.random.normal(jax.random.key(1), (2, *shape, 1)))
        line = [np.arange(n) / n - 0.5 for n in shape]
        for shift in (0, 0.25, 0.5):
            k = [axis + shift / n for axis, n in zip(line, shape)]
            exact = np.asarray(x)[..., 0].astype(complex)
            for axis in (0, 1):
                wave = np.exp(-2j * np.pi * k[axis][:, None] * (np.arange(shape[axis]) - shape[axis] // 2)[None])
                exact = np.moveaxis(np.tensordot(wave, exact, (1, axis)), 0, axis)
            places = jnp.asarray(np.stack(np.meshgrid(*k, indexing="ij"), -1).reshape(-1, 2), jnp.float32)
            y = np.asarray(apply(NonuniformFourier(places, shape, width=width), x))[:, 0] * np.sqrt(x.size)
            assert np.abs(y - exact.ravel()).max() < error * np.abs(exact).max()

    def test_toeplitz_is_the_normal_operator(self):
        places = radial(9, 24, angle=GOLDEN_ANGLE)
        x = jax.lax.complex(*jax.random.normal(jax.random.key(1), (2, 12, 14, 1)))
        H = NonuniformFourier(places, (12, 14))
        self.check_normal(H, x)
        maps = jnp.asarray(coil_maps(3, 14))[None, :, :12]
        S = NonCartesianSENSE(maps, places, width=6)
        self.check_normal(S, x)

    def check_normal(self, H, x):
        fast, exact = jax.jit(lambda H, x: (H.toeplitz().normal(x), H.normal(x)))(H, x)
        np.testing.assert_allclose(fast, exact, atol=1e-3 * float(jnp.abs(exact).max()))

    @pytest.mark.parametrize("sign", [-1, 1])
    def test_caipi_shifts_slices(self, sign):
        maps = jnp.asarray(coil_maps(2, 12))[None].repeat(2, 0)
        x = jax.lax.complex(*jax.random.normal(jax.random.key(1), (2, 2, 12, 12, 1)))
        y = apply(Multislice(maps, jnp.ones((12, 12)), jnp.array([0.0, 0.25]), sign=sign), x)
        images = jnp.fft.ifft2(y, norm="ortho")
        slices = maps * x[:, None, ..., 0]
        np.testing.assert_allclose(images, slices[0] + jnp.roll(slices[1], -sign * 3, -2), atol=1e-5)

    def test_espirit_finds_the_maps(self):
        size, coils = 48, 6
        maps = coil_maps(coils, size)
        rows, columns = np.mgrid[:size, :size] - size // 2
        body = (rows**2 / 19**2 + columns**2 / 16**2 < 1) * (1 + 0.3 * np.sin(rows / 3) * np.cos(columns / 4))
        kspace = np.fft.fft2(maps * body, norm="ortho").astype(np.complex64)
        found, values = espirit(kspace, calibration=24, kernel=6)
        true = maps * np.exp(-1j * np.angle(maps[:1]))
        inside = body > 0
        assert np.abs(np.asarray(found[0]) - true)[:, inside].max() < 0.02
        assert values[0][inside].min() > 0.99 and (np.abs(found[0][:, 0, 0]) == 0).all()

    def test_espirit_of_a_small_calibration_is_refused(self):
        with pytest.raises(InputError, match="kernel 6 <= calibration 4"):
            espirit(jnp.ones((2, 16, 16), jnp.complex64), calibration=4)

    def test_compression_keeps_the_energy(self):
        mix = np.asarray(jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, 8, 3))))
        kspace = np.einsum("cv,vhw->chw", mix, np.asarray(jax.lax.complex(*jax.random.normal(jax.random.key(1), (2, 3, 9, 9)))))
        virtual, matrix = compress_coils(kspace, 3)
        np.testing.assert_allclose(np.linalg.norm(virtual), np.linalg.norm(kspace), rtol=1e-5)
        np.testing.assert_allclose(matrix @ matrix.conj().T, np.eye(3), atol=1e-5)

    def test_masks_meet_their_acceleration(self):
        key = jax.random.key(0)
        assert random_lines(key, 180, 4).sum() == 45 and random_lines(key, 180, 4)[0, :12].all()
        assert abs(gaussian_points(key, (60, 70), 5).mean() - 0.2) < 1e-3
        assert abs(random_points(key, (60, 70), 5).mean() - 0.2) < 1e-3
        lines = equispaced_lines(180, 4)
        assert lines[0, ::4].all() and lines.sum() == 45 + 24 - 6
        others = sum(equispaced_lines(180, 4, centre=1, offset=offset) for offset in range(4))
        np.testing.assert_array_equal(others[0, 1:], 1)                # shifted lines are a partition
        draw = lambda key: Scanner(sampling="shifted lines", coils=1).operator(key, jnp.zeros((32, 32, 1))).mask
        assert len(np.unique(jax.jit(jax.vmap(draw))(jax.random.split(key, 24)), axis=0)) == 4
        disc = poisson_disc(0, (96, 80), 6, centre=12)
        assert abs(1 / disc.mean() - 6) < 0.3 and np.fft.fftshift(disc)[42:54, 34:46].all()
        with pytest.raises(InputError, match="acceleration is 0.5"):
            random_lines(key, 180, 0.5)

    def test_golden_spokes_of_a_scanner(self):
        scanner = Scanner(noise=Gaussian(1e-3), sampling="golden spokes", pair="other", coils=2)
        one = jax.jit(scanner.measure)(jax.random.key(0), jnp.asarray(blobs(32, centres=((3, -4, 2.5, 1.0), (-5, -2, 3.0, 0.5)))))
        spokes = round(np.pi / 2 * 32 / scanner.acceleration)
        assert one.y.shape == (2, spokes * 64) and one.operator.kernel is not None
        first = lambda H: H.coordinates.reshape(spokes, 64, 2)[:, 0]   # the outer end of each spoke
        angle = np.arctan2(*np.asarray(first(one.operator)).T)
        turned = (np.diff(angle) - GOLDEN_ANGLE) % np.pi
        np.testing.assert_allclose(np.minimum(turned, np.pi - turned), 0, atol=1e-4)
        assert jnp.abs(first(one.operator) - first(one.pair_operator)).max() > 1e-2
        found = one.operator.inverse(one.operator.adjoint(one.y), jnp.float32(1e-4), iterations=20)
        assert jnp.linalg.norm((found - one.truth).ravel()) < 0.1 * jnp.linalg.norm(one.truth.ravel())

    def test_gaussian_mask_is_denser_inside(self):
        mask = np.fft.fftshift(gaussian_points(jax.random.key(0), (64, 64), 4))
        assert mask[24:40, 24:40].mean() > 2 * mask[:16, :16].mean()

    def test_trajectories_stay_in_the_band(self):
        for places in (radial(13, 40), radial(13, 40, angle=GOLDEN_ANGLE), spiral(5, 100)):
            assert places.shape[1] == 2 and jnp.abs(places).max() <= 0.5


class TestDiffraction:
    @pytest.mark.parametrize("width, error", [(4, 1e-3), (6, 1e-4)])
    def test_views_are_the_transform_on_the_arcs(self, width, error):
        """The diffraction theorem summed in float64; every fifth degree, the four that lie on the grid among them."""
        size, k = 45, 1.1
        x = blobs(size, centres=((4, -6, 3.0, 1.0), (-7, 3, 2.5, 0.5)))
        angles = np.deg2rad(np.arange(0, 360, 5)).astype(np.float32)
        y = apply(Diffraction(jnp.asarray(angles), jnp.float32(k), size, width=width), jnp.asarray(x))[..., 0]
        rows, columns = (axis.ravel() for axis in np.mgrid[:size, :size] - size // 2)
        k_x = 2 * np.pi * np.fft.fftfreq(size)
        gamma = np.sqrt(np.maximum(k**2 - k_x**2, 1e-3 * k**2))
        exact = []
        for theta in angles.astype(float):
            along = gamma - k
            K_row, K_column = along * np.cos(theta) - k_x * np.sin(theta), along * np.sin(theta) + k_x * np.cos(theta)
            F = np.exp(-1j * (K_row[:, None] * rows + K_column[:, None] * columns)) @ x.ravel()
            exact.append(np.fft.ifft(np.where(np.abs(k_x) < 0.999 * k, 0.5j / gamma * F, 0) * np.exp(-1j * k_x * (size // 2))))
        assert np.abs(y - np.stack(exact)).max() < error * np.abs(exact).max()

    @pytest.mark.parametrize("extent", [120, 180, 360])
    def test_back_propagation_of_weak_phases_is_absolute(self, extent):
        """At a large wavenumber it is the filtered back-projection of the views' phases, wedge and all."""
        size, k = 32, 3.0
        x = jnp.asarray(blobs(size, centres=((0, 0, 4.0, 1.0),)))
        angles = parallel_angles(60, extent=np.deg2rad(extent))
        both = jax.jit(lambda H, R, x: (H.adjoint(H.filtered(H(x))), filtered_back_projection(R, R(x))))
        waves, rays = both(Diffraction(angles, jnp.float32(k), size, width=6), Radon(angles, size), x)
        assert jnp.abs(waves.real - rays)[8:-8, 8:-8].max() < 0.04

    def test_tends_to_projections(self):
        k, size = 3.0, 64
        x = 1e-4 * jnp.asarray(blobs(size, centres=((3, -6, 6.0, 1.0), (-7, 2, 5.0, 0.5))))
        angles = parallel_angles(7, extent=2 * np.pi)
        y = apply(Diffraction(angles, jnp.float32(k), size, width=6), x)
        projections = apply(Radon(angles, size), x)
        np.testing.assert_allclose(y.imag * 2 * k, projections, atol=0.02 * float(projections.max()))

    def test_back_propagation_inverts(self):
        size, k = 48, 1.5
        x = jnp.asarray(blobs(size, centres=((3, -6, 4.0, 1.0), (-7, 2, 3.0, 0.5))))
        H = Diffraction(parallel_angles(120, extent=2 * np.pi), jnp.float32(k), size, width=6)
        back = jax.jit(lambda H, x: H.adjoint(H.filtered(H(x))))(H, x)
        inside = np.hypot(*(np.mgrid[:size, :size] - size // 2)) < size / 2 - 4      # beyond, views are cut
        assert np.abs(np.asarray(back) - np.asarray(x))[inside].max() < 1e-2

    def test_gridded_arcs_are_the_spectrum(self):
        size = 32
        x = jnp.asarray(blobs(size, centres=((1, -1, 3.0, 1.0),)))
        H = Diffraction(parallel_angles(200, extent=2 * np.pi), jnp.float32(1.5), size, width=6)
        spectrum, sampled = jax.jit(lambda H, y: H.on_grid(y))(H, apply(H, x))
        exact = jnp.fft.fft2(x, axes=(0, 1), norm="ortho")
        near = (jnp.abs(exact[..., 0]) > 0.05 * jnp.abs(exact).max()) & (sampled > 0)
        assert near.sum() > 40 and jnp.abs(spectrum - exact)[near].max() < 0.01 * jnp.abs(exact).max()

    def test_index_and_potential_are_inverse(self):
        n = jnp.array([1.33, 1.36, 1.40])
        np.testing.assert_allclose(refractive_index(potential(n, 1.33, 1.2), 1.33, 1.2), n, rtol=1e-6)

    def test_rytov_unwraps(self):
        phase = 12 * blobs(48, centres=((0, 0, 6.0, 1.0),))
        field = 1.1 * np.exp(1j * phase)[None]
        np.testing.assert_allclose(rytov(field, 1.0)[0], np.log(1.1) + 1j * phase, atol=1e-4)
        with pytest.raises(InputError, match="zeros"):
            rytov(np.zeros((1, 8, 8)))

    def test_propagation_and_back(self):
        x = jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, 16, 16, 1)))
        there = AngularSpectrum(jnp.float32(12.0), jnp.float32(6.0))
        np.testing.assert_allclose(AngularSpectrum(jnp.float32(-12.0), jnp.float32(6.0))(there(x)), x, atol=1e-4)
        plane = jnp.ones((16, 16, 1), jnp.complex64)
        np.testing.assert_allclose(there(plane), plane * np.exp(72j), atol=1e-4)

    def test_hologram_is_demodulated(self):
        rows, columns = np.mgrid[:64, :64]
        phase = 0.8 * blobs(64, centres=((0, 0, 9.0, 1.0),))[..., 0]
        hologram = np.abs(np.exp(1j * phase) + np.exp(-2j * np.pi * (0.25 * columns + 0.25 * rows))) ** 2
        field = demodulate(hologram)
        found = np.abs(np.angle(field * np.conj(field[0, 0])))
        assert np.abs(found - phase)[8:-8, 8:-8].max() < 0.1


class TestCryoElectronMicroscopy:
    def test_projection_of_a_gaussian(self):
        """At random orientations, and at those that put samples on the grid and on the border between mirrored halves."""
        size, sigma, centre = 30, 2.2, np.array([3.0, -2.0, 4.0])        # (x, y, z)
        z, y, x = np.mgrid[:size, :size, :size] - size // 2
        volume = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2 + (z - centre[2]) ** 2) / (2 * sigma**2))
        volume = jnp.asarray(volume, jnp.float32)[..., None]
        v, u = np.mgrid[:size, :size] - size // 2
        about_z = np.array([[1, -1, 0], [1, 1, 0], [0, 0, 2**0.5]]) / 2**0.5
        rotations = [np.eye(3), about_z, about_z @ about_z, *np.asarray(rotation_about_y(jnp.deg2rad(jnp.array([30.0, 45.0, 90.0])))),
                     *np.asarray(random_rotations(jax.random.key(3), 2))]
        shift = jnp.array([1.5, -2.25])
        for rotation in rotations:
            at = rotation @ centre
            exact = sigma * np.sqrt(2 * np.pi) * np.exp(-((u - at[0] - 1.5) ** 2 + (v - at[1] + 2.25) ** 2) / (2 * sigma**2))
            for H, error in ((Projection(jnp.asarray(rotation, jnp.float32), shift), 2e-3),
                             (Projection(jnp.asarray(rotation, jnp.float32), shift, width=2), 0.06),
                             (RealSpaceProjection(jnp.asarray(rotation, jnp.float32), shift), 0.08)):
                np.testing.assert_allclose(apply(H, volume)[..., 0], exact, atol=error * exact.max())
        rotations = jnp.asarray(np.stack(rotations), jnp.float32)
        for width in (2, 4):                                            # many at once are interpolated by windows
            many = apply(Views(Projection(rotations, jnp.tile(shift, (len(rotations), 1)), width=width)), volume)
            alone = [apply(Projection(rotation, shift, width=width), volume) for rotation in rotations]
            np.testing.assert_allclose(many, alone, atol=1e-5 * exact.max())
        straight = apply(RealSpaceProjection(jnp.eye(3)), volume)       # along an axis nothing is interpolated
        np.testing.assert_allclose(straight, volume.sum(0), atol=1e-4)

    def test_tilt_is_the_radon_transform_of_planes(self):
        size, angle = 24, 0.6
        volume = jnp.asarray(blobs(size, centres=((3, -2, 2.5, 1.0),)))[None] * jnp.asarray(
            np.exp(-((np.arange(size) - size // 2) ** 2) / 18), jnp.float32)[:, None, None, None]
        # axes (y, z, x) for Radon, which turns each plane about y; (z, y, x) for Projection
        tilted = apply(Radon(jnp.array([angle]), size), volume)[0, ..., 0]
        image = apply(Projection(rotation_about_y(jnp.array(-angle))), jnp.swapaxes(volume, 0, 1))[..., 0]
        np.testing.assert_allclose(image, tilted, atol=5e-3 * float(tilted.max()))

    def test_ctf_is_that_of_relion(self):
        """Its source (src/ctf.h), written anew: -sin(K1 dz u^2 + K2 u^4 - phase - atan(A / sqrt(1 - A^2))), underfocus dz < 0."""
        size, pixel, phase, b_factor, A = 33, 1.7, 0.4, 60.0, 0.07
        values = ctf(size, pixel_size_angstrom=pixel, defocus_u_angstrom=12000.0, defocus_v_angstrom=10500.0, astigmatism_angle=0.6,
                     amplitude_contrast=A, phase_shift=phase, b_factor=b_factor)
        volts = 300e3
        wavelength = 12.2643247 / np.sqrt(volts * (1 + volts * 0.978466e-6))
        X, Y = np.fft.rfftfreq(size)[None] / pixel, np.fft.fftfreq(size)[:, None] / pixel
        square = X**2 + Y**2
        dz = -(12000 + 10500) / 2 - (12000 - 10500) / 2 * np.cos(2 * (np.arctan2(Y, X) - 0.6))
        K1, K2, K3 = np.pi * wavelength, np.pi / 2 * 2.7e7 * wavelength**3, np.arctan(A / np.sqrt(1 - A**2))
        exact = -np.sin(K1 * dz * square + K2 * square**2 - phase - K3) * np.exp(-b_factor / 4 * square)
        np.testing.assert_allclose(values, exact, atol=2e-4)
        plain = ctf(64, pixel_size_angstrom=1.0, defocus_u_angstrom=1.5e4)
        assert abs(plain[0, 0] - 0.1) < 1e-6 and plain[0, 3] > plain[0, 0]      # a protein is bright, as after inverting contrast
        with pytest.raises(InputError, match="radians"):
            ctf(8, pixel_size_angstrom=1.0, defocus_u_angstrom=1e4, astigmatism_angle=45.0)

    def test_rotations_are_uniform(self):
        rotations = random_rotations(jax.random.key(0), 20000)
        np.testing.assert_allclose(jnp.einsum("nij,nkj->nik", rotations, rotations), np.broadcast_to(np.eye(3), (20000, 3, 3)), atol=1e-5)
        assert jnp.abs(rotations.mean(0)).max() < 0.02 and abs(jnp.linalg.det(rotations).mean() - 1) < 1e-4
        trace = jnp.trace(rotations, axis1=1, axis2=2)      # E[tr R] = 0, E[(tr R)^2] = 1 for the Haar measure
        assert abs(jnp.mean(trace**2) - 1) < 0.05


class TestIntensities:
    def test_open_pupil_sees_the_object(self):
        x = jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, 12, 12, 1)))
        H = FourierPtychography(jnp.ones((12, 12), jnp.complex64), jnp.zeros((1, 2), jnp.int32), 12)
        np.testing.assert_allclose(H(x)[0], jnp.abs(x) ** 2, rtol=1e-4, atol=1e-5)

    def test_illumination_moves_the_spectrum(self):
        size, low = 32, 16
        carrier = np.exp(2j * np.pi * np.arange(size) * 5 / size)
        x = jnp.asarray(np.broadcast_to(carrier, (size, size)), jnp.complex64)[..., None]
        pupil = circular_pupil(low, 3)
        H = FourierPtychography(pupil, jnp.array([[0, 0], [0, 5]], jnp.int32), size)
        dark, bright = H(x)
        assert dark.max() < 1e-8 and jnp.allclose(bright, 4.0, rtol=1e-4)      # unitary: (size / low)^2

    def test_aberrations_keep_energy(self):
        pupil = circular_pupil(16, 6)
        np.testing.assert_allclose(jnp.abs(aberrated(pupil, jnp.array([0.5, 0.1, 0.2]))), jnp.abs(pupil), atol=1e-6)

    def test_led_on_the_axis(self):
        shifts = led_shifts(np.array([[0.0, 0.0], [4.0, 0.0]]), height_mm=80.0, wavelength_um=0.63, pixel_size_um=6.5, magnification=4.0, size=128)
        assert (shifts[0] == 0).all() and shifts[1, 0] == 0
        assert abs(shifts[1, 1]) == round(4 / np.hypot(4, 80) / 0.63 / (4 / (128 * 6.5)))

    def test_hologram_at_no_distance(self):
        x = jax.lax.complex(*jax.random.normal(jax.random.key(0), (2, 9, 9, 1)))
        np.testing.assert_allclose(Hologram(jnp.zeros(1), jnp.float32(5.0))(x)[0], jnp.abs(x) ** 2, rtol=1e-3, atol=1e-5)

    def test_zernike_polynomials_are_orthonormal(self):
        """Over the disc, as Noll (1976) has them, but for the grid."""
        pupil = circular_pupil(201, 100)
        wave = lambda c: jnp.angle(aberrated(pupil, c))[pupil != 0]
        Z = np.stack([wave(0.1 * jnp.eye(8)[j]) / 0.1 for j in range(8)])
        np.testing.assert_allclose(Z @ Z.T / Z.shape[1], np.eye(8), atol=0.03)

    @pytest.mark.parametrize("carrier", [(0, 0), (0, 5), (-3, 4)])
    def test_a_plane_wave_stays_one(self, carrier):
        """Its phase moves on by z gamma, so that |u + r|^2 = 1 + |r|^2 + 2 r cos(k x + z gamma) off axis, and 1 in line."""
        n, m, k, z = 16, 20, 2.0, jnp.array([7.0, -11.0])
        q = 2 * np.pi * np.array(carrier) / (n, m)
        phase = q[0] * np.arange(n)[:, None] + q[1] * np.arange(m)[None]
        x, r = jnp.asarray(np.exp(1j * phase)[..., None], jnp.complex64), 0.7
        np.testing.assert_allclose(Hologram(z, jnp.float32(k))(x), 1.0, atol=1e-4)
        y = Hologram(z, jnp.float32(k), reference=jnp.full((n, m), r, jnp.complex64))(x)
        gamma = np.sqrt(k**2 - np.sum(q**2))
        np.testing.assert_allclose(y[..., 0], 1 + r**2 + 2 * r * np.cos(phase + np.asarray(z)[:, None, None] * gamma), atol=1e-3)

    def test_talbot(self):
        """A phase grating of period p is none to a sensor at 2 p^2 / wavelength; half of a quarter of it away it is seen."""
        p, k = 16, 3.0
        wavelength = 2 * np.pi / k
        x = np.exp(0.1j * np.cos(2 * np.pi * np.arange(64) / p))[None, :, None] * np.ones((5, 1, 1))
        gamma = lambda order: np.sqrt(k**2 - (2 * np.pi * order / p) ** 2)
        talbot = 2 * np.pi / (k - gamma(1))
        assert abs(talbot / (2 * p**2 / wavelength) - 1) < 0.02
        there, between = Hologram(jnp.array([talbot, talbot / 4], jnp.float32), jnp.float32(k))(jnp.asarray(x, jnp.complex64))
        assert abs(there - 1).max() < 2e-3 and abs(np.ptp(between) / 0.4 - 1) < 0.02

    def test_a_beam_widens(self):
        """A Gaussian beam of waist w is of w sqrt(1 + (2 z / (k w^2))^2) at z, in the paraxial limit."""
        n, w, k = 128, 8.0, 3.0
        line = np.arange(n) - n // 2
        r2 = line[:, None] ** 2 + line[None] ** 2
        z = np.array([0.0, 0.5 * k * w**2, k * w**2])
        y = np.asarray(Hologram(jnp.asarray(z, jnp.float32), jnp.float32(k))(jnp.asarray(np.exp(-r2 / w**2)[..., None], jnp.complex64)))[..., 0]
        width = np.sqrt(2 * (y * r2).sum((1, 2)) / y.sum((1, 2)))              # I = exp(-2 r^2 / w^2)
        np.testing.assert_allclose(width, w * np.sqrt(1 + (2 * z / (k * w**2)) ** 2), rtol=0.01)

    def test_off_axis_the_guess_is_the_field(self):
        """What a lens has passed, where the carrier parts it from its twin and from its own intensity."""
        n, z = 64, jnp.array([20.0])
        rows, columns = np.meshgrid(*2 * [2 * np.pi * np.arange(n) / n], indexing="ij")
        x = jnp.asarray((1 + 0.3 * np.cos(3 * rows) * np.exp(2j * columns))[..., None], jnp.complex64)
        reference = jnp.asarray(3 * np.exp(1j * (16 * rows + 16 * columns)), jnp.complex64)
        H = Hologram(z, jnp.float32(3.0), circular_pupil(n, 6), reference)
        np.testing.assert_allclose(jax.jit(lambda H, x: H.guess(H(x)))(H, x), x, atol=1e-3)


class TestLocalization:
    def test_light_is_conserved(self):
        H = Emitters(jnp.array([[10.2, 12.7], [15.0, 8.0]]), jnp.array([1.2, 1.6]), (28, 30), gain=2.0)
        frame = H(jnp.array([[100.0, 50.0], [0.0, 30.0]]))
        np.testing.assert_allclose(frame.sum((1, 2, 3)), [300, 60], rtol=1e-5)
        rows = (frame[1, ..., 0].sum(1) * jnp.arange(28.0)).sum() / 60
        np.testing.assert_allclose(rows, 15.0, atol=1e-3)
        np.testing.assert_allclose(H.expose(jnp.zeros((1, 2)), background=3.0, offset=100.0), 106.0)

    def test_blinking_is_stationary(self):
        photons = blinking(jax.random.key(0), 400, 300, photons=500.0, on=0.05, off=0.2)
        assert abs((photons > 0).mean() - 0.2) < 0.02 and abs(photons[photons > 0].mean() / 500 - 1) < 0.05
        lost = blinking(jax.random.key(0), 400, 300, on=0.05, off=0.2, bleach=0.1)
        assert (lost[-50:] > 0).mean() < 0.01
        with pytest.raises(InputError, match="off is a probability"):
            blinking(jax.random.key(0), 4, 3, off=1.5)


def test_identity_is_its_own_adjoint():
    x = jnp.ones((3, 3, 1))
    np.testing.assert_array_equal(Identity().adjoint(x), x)
