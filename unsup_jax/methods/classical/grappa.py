r"""Parallel MRI by interpolation of k-space: GRAPPA, and slice- and split-slice-GRAPPA.

GRAPPA fills a missing sample of each coil from the acquired neighbours in all coils,

    y_c(k) = sum_{c', d} g_cc'd y_c'(k + d),

with weights g by regularised least squares over those places about the centre where y_c(k) and all of its neighbours
are acquired (Griswold et al., Magn. Reson. Med. 47, 1202 (2002)). Slice-GRAPPA separates slices excited at once by one kernel a slice, fitted to calibration scans I_s,

    slice-GRAPPA        min ||K_s sum_t I_t - I_s||^2                          (Setsompop 2012)
    split-slice-GRAPPA  min ||K_s I_s - I_s||^2 + sum_{t != s} ||K_s I_t||^2   (Cauley 2014), no leakage between slices

Coils are combined by the operator's sensitivity maps.
"""

from dataclasses import dataclass
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from unsup_jax.core import Direct, Measurement, Takes
from unsup_jax.core.phasors import weighted
from unsup_jax.errors import InputError
from unsup_jax.operators import SENSE, Multislice


@dataclass(frozen=True)
class GRAPPA(Direct):
    """For `SENSE` whose mask holds every `acceleration`-th line along the last axis, from any one on, and lines in the centre.

    Lines are filled in between the acquired ones and up to the next outside of them; partial Fourier stays partial. Raises `InputError` for
    another operator or mask, and for a centre too small for the kernel.
    """

    takes: ClassVar[Takes] = Takes("k-space of SENSE", lambda one: isinstance(one.operator, SENSE))
    reference: ClassVar[str] = "Griswold 2002"

    acceleration: int = 2
    """Distance of the acquired lines."""
    calibration: int = 32
    """Lines about zero frequency that the weights are fitted to, so far as they are acquired."""
    rows: int = 5
    """Kernel width along the fully sampled axis, odd."""
    lines: int = 2
    """Acquired lines that a missing one is made of, even."""
    damping: float = 1e-2
    """Tikhonov regularisation of the fit, in units of the mean energy of a source; more for noisier scans."""

    def check(self, measurement: Measurement) -> None:
        super().check(measurement)
        self._check_lines(np.asarray(measurement.operator.mask))

    def answer(self, key: Array, one: Measurement) -> Array:
        images = jnp.fft.ifft2(self.fill(one.y, one.operator.mask), norm="ortho")
        return one.operator.combine(images)

    def fill(self, kspace: Array, mask: Array, scan: Array | None = None) -> Array:
        """k-space [coil, H, W], uncentred, with the lines that are missing in it filled in.

        Weights are fitted to a fully sampled calibration `scan` [coil, h, w], zero frequency in the middle, or to the
        centre of the k-space itself.
        """
        coils, height, width = kspace.shape
        reach, middle = self.rows // 2, width // 2
        spectrum = jnp.roll(kspace, middle, 2)                                  # zero frequency at line width // 2
        acquired = jnp.roll(jnp.all(jnp.broadcast_to(mask, (height, width)) != 0, 0), middle)
        if scan is None:
            centre = self._centre(width)
            scan, known = jnp.fft.fftshift(spectrum[:, :, centre], 1), acquired[centre]
        else:
            known = jnp.ones(scan.shape[2], bool)
        around = self._around()
        if scan.shape[2] <= around[-1] - around[0] or scan.shape[1] < self.rows:
            raise InputError(f"GRAPPA: a centre of {scan.shape[2]} lines does not hold a kernel {around[-1] - around[0] + 1} lines wide")
        rows = lambda data: [jnp.roll(data, reach - row, 1) for row in range(self.rows)]
        fitted = jnp.arange(-around[0], scan.shape[2] - around[-1])
        inside = slice(reach, scan.shape[1] - reach)
        before = _lattice(acquired, self.acceleration) + jnp.arange(-self.acceleration, width, self.acceleration)

        def line(data, index):
            """Lines at an index, zero beyond the border."""
            exists = (index >= 0) & (index < width)
            return jnp.where(exists[None, None], data[:, :, jnp.clip(index, 0, width - 1)], 0)

        first = jnp.argmax(acquired) - self.acceleration                        # a kernel that reaches out of the sampled part by a line
        last = width - 1 - jnp.argmax(acquired[::-1]) + self.acceleration
        filled = spectrum
        for gap in range(1, self.acceleration):
            whole = jnp.all(jnp.stack([known[fitted + d] for d in (gap, *around)]), 0)      # all samples of the equation are acquired
            chosen = lambda data: weighted(whole.astype(data.real.dtype)[None, None], data)
            sources = jnp.stack([chosen(data[:, inside, fitted + d]) for data in rows(scan) for d in around])
            targets = chosen(scan[:, inside, fitted + gap])
            weights = _fit(sources.reshape(-1, sources.shape[2] * sources.shape[3]), targets.reshape(coils, -1), self.damping)
            sources = jnp.stack([line(data, before + d) for data in rows(spectrum) for d in around])
            lines = (weights @ sources.reshape(weights.shape[1], -1)).reshape(coils, height, -1)
            target = before + gap
            missing = (target > first) & (target < last) & (target >= 0) & (target < width) & ~acquired[jnp.clip(target, 0, width - 1)]
            filled = filled.at[:, :, jnp.where(missing, target, width)].set(lines, mode="drop")
        return jnp.roll(filled, -middle, 2)

    def _around(self):
        """The acquired lines about a gap, counted from the one before it."""
        return [self.acceleration * (i - self.lines // 2 + 1) for i in range(self.lines)]

    def _centre(self, width):
        few = min(self.calibration, width)
        return slice(width // 2 - few // 2, width // 2 - few // 2 + few)

    def _check_lines(self, mask):
        """Raise `InputError` unless there are equations enough for the weights, and the lines that these are applied to."""
        points = np.broadcast_to(mask != 0, (max(mask.shape[0], 2), mask.shape[1]))
        acquired = np.fft.fftshift(points.all(0))
        if not acquired.any() or (np.fft.fftshift(points.any(0)) & ~acquired).any():
            raise InputError("GRAPPA takes a mask of whole lines along the first axis; this one samples parts of lines: take another method")
        start, reached = int(_lattice(acquired, self.acceleration)), np.flatnonzero(acquired)
        lattice = np.arange(start, len(acquired), self.acceleration)
        needed = lattice[(lattice >= reached[0]) & (lattice <= reached[-1])]
        if not acquired[needed].all():
            raise InputError(
                f"GRAPPA takes a mask that holds every {self.acceleration}. line; this one holds {acquired[needed].sum()} of these "
                f"{len(needed)}: give its --method.acceleration, or another method")
        known, around = acquired[self._centre(len(acquired))], self._around()
        fitted = np.arange(-around[0], len(known) - around[-1])
        places = [known[fitted + gap] & np.all([known[fitted + d] for d in around], 0) for gap in range(1, self.acceleration)]
        if places and min(place.sum() for place in places) < 3:
            raise InputError(
                f"GRAPPA fits a kernel of {around[-1] - around[0] + 1} lines to the centre, and the {self.calibration} lines about zero "
                f"frequency hold {known.sum()}, too few beside one another for that: lower --method.lines, or take another method")


@dataclass(frozen=True)
class SliceGRAPPA(Direct):
    """For `Multislice` with calibration scans in its `reference`. Raises `InputError` without them.

    Where only every `acceleration`-th line of phase encoding (the first axis) is acquired, slices are separated on
    those lines, and the missing ones are then filled in by `GRAPPA` fitted to the same scans.
    """

    takes: ClassVar[Takes] = Takes(
        "k-space of Multislice with a reference", lambda one: isinstance(one.operator, Multislice) and one.operator.reference is not None)
    reference: ClassVar[str] = "Setsompop 2012; Cauley 2014"

    split: bool = True
    """Fit without leakage between slices (split-slice-GRAPPA)."""
    acceleration: int = 1
    """Distance of the acquired lines; line 0 (zero frequency) is one of them."""
    kernel: int = 5
    """Kernel width along both axes, odd, in acquired samples."""
    damping: float = 1e-4
    """Tikhonov regularisation of the fit, in units of the mean energy of a source."""

    @property
    def label(self) -> str:
        return "split-slice-GRAPPA" if self.split else "slice-GRAPPA"

    def answer(self, key: Array, one: Measurement) -> Array:
        H = one.operator
        spectra = self.separate(one.y, H)
        if self.acceleration > 1:
            turned = lambda spectrum: jnp.swapaxes(spectrum, -1, -2)            # GRAPPA's lines lie along the last axis
            grappa = GRAPPA(self.acceleration, damping=self.damping)
            mask = turned(jnp.broadcast_to(H.mask, one.y.shape[1:]))
            spectra = turned(jax.vmap(lambda slice_, scan: grappa.fill(slice_, mask, scan))(turned(spectra), turned(H.reference)))
        return H.combine(jnp.fft.ifft2(spectra * jnp.conj(H.phases(spectra)), norm="ortho"))

    def separate(self, kspace: Array, H: Multislice) -> Array:
        """The k-space [slice, coil, H, W] of each slice, shifted by CAIPI as it was acquired."""
        scans, stride, reach = H.reference, self.acceleration, self.kernel // 2
        slices, coils, rows, columns = scans.shape
        if rows <= 2 * reach * stride or columns <= 2 * reach:
            raise InputError(f"SliceGRAPPA: calibration scans of {rows} x {columns} do not hold a kernel {self.kernel} samples wide")
        inside = (slice(reach * stride, rows - reach * stride), slice(reach, columns - reach))
        sources = lambda spectrum, place: _neighbours(spectrum, self.kernel, stride)[:, *place].reshape(coils * self.kernel**2, -1)
        patches = jnp.stack([sources(scan, inside) for scan in scans])          # [slice, coil k^2, place]
        targets = scans[:, :, *inside].reshape(slices, coils, -1)

        if self.split:  # every slice by all kernels: its own is to return it, the others nothing
            every = jnp.moveaxis(patches, 0, 1).reshape(patches.shape[1], -1)
            own = jnp.eye(slices, dtype=bool)[:, None, :, None]
            wanted = jnp.where(own, jnp.moveaxis(targets, 0, 1)[None], 0)
            kernels = _fit(every, wanted.reshape(slices * coils, -1), self.damping)
        else:
            kernels = _fit(patches.sum(0), targets.reshape(slices * coils, -1), self.damping)
        acquired = sources(jnp.fft.fftshift(kspace, (1, 2)), (slice(None), slice(None)))
        separated = (kernels @ acquired).reshape(slices, *kspace.shape)
        return weighted(H.mask[None, None], jnp.fft.ifftshift(separated, (2, 3)))


def _lattice(acquired, acceleration):
    """The first of those equispaced lines that hold most of the acquired ones."""
    padded = np.pad if isinstance(acquired, np.ndarray) else jnp.pad
    return padded(acquired, (0, -len(acquired) % acceleration)).reshape(-1, acceleration).sum(0).argmax()


def _neighbours(kspace, width, stride):
    """The width^2 neighbours of each sample in all coils, `stride` rows apart, [coil width^2, H, W], periodic."""
    reach = width // 2
    shifted = [jnp.roll(kspace, ((reach - i) * stride, reach - j), (1, 2)) for i in range(width) for j in range(width)]
    return jnp.concatenate(shifted)


def _fit(sources, targets, damping):
    """Weights g with g @ sources = targets, least squares with Tikhonov regularisation."""
    gram = sources @ jnp.conj(sources.T)
    energy = jnp.trace(gram).real / gram.shape[0]
    regular = gram + (damping * energy).astype(gram.dtype) * jnp.eye(gram.shape[0], dtype=gram.dtype)
    return jnp.linalg.solve(regular.T, (targets @ jnp.conj(sources.T)).T).T
