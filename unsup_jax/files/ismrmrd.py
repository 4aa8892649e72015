"""The ISMRM raw data format (.h5 or .mrd with the group "dataset"): scans on a grid; `ismrmrd_trajectory` reads others.

Every repetition, contrast, phase and set makes images of its own; averages, and lines that were acquired several times, are
averaged, and lines for calibration kept; navigators and the like are left out. Slices are in the order of their index, or of their
place where only that is even. A noise scan gives the covariance of an image sample: with dwell times t and the receiver's bandwidth b,

    E[w w*] = E[n n*] t_noise / (t_image b)

(https://ismrmrd.readthedocs.io; Kellman and McVeigh, Magn. Reson. Med. 54, 1439 (2005)).
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files import ismrmrd_trajectory
from unsup_jax.files.acquisitions import REVERSED, TO_RAS, Acquisitions, Images
from unsup_jax.files.ismrmrd_header import Header
from unsup_jax.files.scan import Geometry, Scan, Slices, middle, slices_along, without_oversampling

_LOOPS = ("repetition", "contrast", "phase", "set")


def read(path: Path) -> Scan:
    """Every image of a file, read slice by slice; on a grid without the oversampling of the read-out, zero where nothing was acquired.

    Three-dimensional scans become slices across the read-out, or across the partitions where those are whole and it is not.
    Raises `InputError` on reversed lines (which need a correction of their phase first), on more than one encoding, on several
    slabs, and on volumes that lack a slice.
    """
    found, header = Acquisitions.of(path), Header.parse(path, _text(path))
    images = _images(path, found.of_image())
    scan = _on_grid(path, header, images) if header.trajectory == "cartesian" else ismrmrd_trajectory.scan(path, header, images)
    return scan if (noise := found.of_noise()).heads.size == 0 else _with_noise(scan, noise, images.lines, header)


def _text(path):
    import h5py

    with h5py.File(path, "r") as file:
        return file["dataset/xml"][()].ravel()[0] if file["dataset/xml"].shape else file["dataset/xml"][()]


def _images(path, lines):
    reverse = int(lines.flagged(REVERSED).sum())
    if reverse or not len(lines):
        raise InputError(f"{path}: {len(lines)} lines of an image, {reverse} reversed; accepted are lines in one direction")
    lines.one("encoding", lines.heads["encoding_space_ref"])
    lines.one("number of coils", lines.heads["active_channels"])
    volumes, volume = np.unique(np.stack([lines.counter(loop) for loop in _LOOPS], 1), axis=0, return_inverse=True)
    slices, which = np.unique(lines.counter("slice"), return_inverse=True)
    which = volume.ravel() * len(slices) + which
    if len(missing := np.setdiff1d(np.arange(len(volumes) * len(slices)), which)):
        loops = ", ".join(f"{loop} {n}" for loop, n in zip(_LOOPS, volumes[missing[0] // len(slices)]))
        raise InputError(f"{path}: no line of slice {slices[missing[0] % len(slices)]} of {loops}; accepted are volumes of all slices")
    return Images(lines, len(volumes), slices, which)


def _with_noise(scan, noise, lines, header):
    coils = lines.one("number of coils", lines.heads["active_channels"])
    count = int(noise.heads["number_of_samples"].sum())
    if (noise.heads["active_channels"] != coils).any() or count <= coils:
        raise InputError(f"{scan.path}: a noise scan of {count} samples for {coils} coils; accepted are more samples than coils, of all of these")
    covariance = sum((n.astype(np.complex128) @ n.conj().T for n in noise.samples()), np.zeros((coils, coils), complex)) / count
    dwell = [a.one("dwell time", a.heads["sample_time_us"]) for a in (noise, lines)]
    return replace(scan, noise=covariance * (dwell[0] / dwell[1] if all(dwell) else 1) / header.noise_bandwidth)


def _on_grid(path, header, images):
    """Of lines that lie on the encoded matrix."""
    x, y, z = header.encoded.matrix
    heads, lines = images.lines.heads, images.lines
    first = x // 2 - heads["center_sample"].astype(int) + heads["discard_pre"]
    count = heads["number_of_samples"].astype(int) - heads["discard_pre"] - heads["discard_post"]
    steps = np.stack([lines.counter(f"kspace_encode_step_{i}") for i in (1, 2)])
    column, partition = steps - np.reshape(header.centres, (2, 1)) + np.array([[y // 2], [z // 2]])
    outside = (first < 0) | (first + count > x) | (column < 0) | (column >= y) | (partition < 0) | (partition >= z)
    if outside.any():
        at = outside.argmax()
        raise InputError(f"{path}: line ({steps[0, at]}, {steps[1, at]}) of {count[at]} samples is outside of its {x} x {y} x {z} matrix")
    times = np.zeros((images.volumes * len(images.slices), y, z), np.float32)
    np.add.at(times, (images.which, column, partition), 1)
    coils, whole = int(heads["active_channels"][0]), bool((count == x).all())

    def image(i):
        """k-space [coil, x, y, z] of an image."""
        kspace, acquired = np.zeros((coils, x, y, z), np.complex64), np.zeros((x, y, z), np.float32)
        chosen = images.which == i
        for samples, *at in zip(lines[chosen].samples(), first[chosen], column[chosen], partition[chosen]):
            place = slice(at[0], at[0] + samples.shape[1]), *at[1:]
            kspace[:, *place] += samples
            acquired[place] += 1
        if acquired.max() > 1:
            kspace /= np.maximum(acquired, 1)
        return kspace

    shared = dict(
        encoded=header.encoded, reconstructed=header.reconstructed, coil_names=header.coil_names, header=header.text, volumes=images.volumes)
    if z > 1:
        return _slab(path, header, images, image, times, whole, shared)
    order, geometry = images.geometry(header.encoded.voxel_size_mm())
    order = (np.arange(images.volumes)[:, None] * len(order) + order).ravel()
    wanted = header.wanted()[:2]
    rows = wanted[0] if whole else x
    kspace = Slices(path, len(order), (coils, rows, y), lambda i: without_oversampling(image(order[i])[..., 0], rows))
    return Scan(path, kspace, wanted, **shared, geometry=geometry, averages=_averages(times[order].swapaxes(1, 2)))


def _slab(path, header, images, image, times, whole, shared):
    """The slices of a slab of partitions, and of each volume of it, of which one is held at a time."""
    x, y, z = header.encoded.matrix
    if len(images.slices) > 1:
        raise InputError(f"{path}: {len(images.slices)} slabs of {z} partitions; accepted is one slab, or slices")
    sampled = times > 0
    if not whole and (sampled != sampled.any(2, keepdims=True)).any():
        raise InputError(f"{path}: three-dimensional k-space whose readout and partitions are sampled in part; accepted is one of them whole")
    axis, wanted = (1 if whole else 3), header.wanted()
    volume = lru_cache(maxsize=1)(lambda v: slices_along(image(v), axis, wanted[axis - 1]))
    size, coils = header.encoded.voxel_size_mm()[[2, 0, 1], None], int(images.lines.heads["active_channels"][0])
    head = images.lines.heads[0]
    directions = np.array([head[f"{name}_dir"] for name in ("slice", "read", "phase")], float)
    across, along, phase = directions * size * TO_RAS if directions.any() else np.eye(3)[[2, 0, 1]] * size
    count = middle((x, y, z)[axis - 1], wanted[axis - 1])
    count = count.stop - count.start
    if whole:
        shape, steps, matrix = (coils, y, z), np.stack([along, phase, across]), wanted[1:]
        times = np.repeat(times, count, 0)
    else:
        shape, steps, matrix = (coils, x, y), np.stack([across, along, phase]), wanted[:2]
        inverse = np.mean(1 / np.maximum(times, 1), 2)          # the noise of a slice is that of its partitions together
        times = np.repeat((sampled.any(2) / inverse)[:, None], count, 0)
    kspace = Slices(path, images.volumes * count, shape, lambda i: volume(i // count)[i % count])
    geometry = Geometry(steps, head["position"] * TO_RAS - count // 2 * steps[0])
    return Scan(path, kspace, matrix, **shared, geometry=geometry, averages=_averages(times))


def _averages(times):
    """Of each slice; None where all that was sampled was so once."""
    return None if times.max() == 1 else times
