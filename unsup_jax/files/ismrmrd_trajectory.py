"""ISMRMRD scans on no grid, such as spokes and spirals: their acquisitions hold their trajectory."""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.acquisitions import Images
from unsup_jax.files.ismrmrd_header import Header
from unsup_jax.files.scan import Scan, Slices, Trajectory, middle, slices_along

_SPANS = 0.02   # of the matrix, by which a trajectory may leave it


def scan(path: Path, header: Header, images: Images) -> Scan:
    """The samples of every image, one shot after another, in the order of the step of their phase and then as they were acquired.

    k is taken in cycles a pixel of the encoded matrix where its largest component is about 1/2, and in cycles a field of view where that
    is about half the matrix; its components are those along read-out and phase. A third one of a scan of one partition is the density
    compensation, as Gadgetron has it, unless it is zero. Stacks of one trajectory for all partitions become slices across these.
    Raises `InputError` on lines without a trajectory, one that leaves the plane or the matrix, or covers little of it.
    """
    lines, (x, y, z) = images.lines, header.encoded.matrix
    dimensions = int(lines.one("trajectory dimensions", lines.heads["trajectory_dimensions"]))
    if dimensions not in (2, 3):
        raise InputError(f"{path}: {header.trajectory} k-space with {dimensions} trajectory dimensions; accepted are 2, or 3 with the density compensation")
    order = np.lexsort([np.arange(len(lines)), lines.counter("kspace_encode_step_1"), lines.counter("kspace_encode_step_2")])
    shots = [order[images.which[order] == i] for i in range(images.volumes * len(images.slices))]
    points = [np.concatenate(list(lines[chosen].trajectory())) for chosen in shots]
    unit = _unit(path, points, (x, y))
    weights = _weights(path, points, z) if dimensions == 3 else None
    coordinates = [p[:, :2] / unit for p in points]

    def image(i):
        return np.concatenate(list(lines[shots[i]].samples()), 1)

    shared = dict(
        encoded=header.encoded, reconstructed=header.reconstructed, coil_names=header.coil_names, header=header.text, volumes=images.volumes)
    if z > 1:
        return _stack(path, header, images, coordinates, image, shared)
    slices, geometry = images.geometry(header.encoded.voxel_size_mm())
    order = (np.arange(images.volumes)[:, None] * len(slices) + slices).ravel()
    kspace = Slices(path, len(order), (int(lines.heads["active_channels"][0]), *points[0].shape[:1]), lambda i: image(order[i]))
    places = Trajectory([coordinates[i] for i in order], (x, y), None if weights is None else [weights[i] for i in order])
    return Scan(path, kspace, header.wanted()[:2], **shared, geometry=geometry, trajectory=places)


def _unit(path, points, matrix):
    """What k is divided by to be in cycles a pixel."""
    largest = np.max([np.abs(p[:, :2]).max(0) for p in points], 0)
    said = f"{path}: a trajectory to {largest[0]:.4g} and {largest[1]:.4g} for a matrix of {matrix[0]} x {matrix[1]}"
    for unit in (np.ones(2), np.array(matrix, float)):
        part = 2 * largest / unit
        if part.max() <= 1 + _SPANS and part.max() > 0.5:
            if part.min() < 0.8 * part.max():
                break
            return unit
    raise InputError(
        f"{said}; accepted are cycles a pixel, to about 0.5, or cycles a field of view, to about half the matrix, alike along both axes")


def _weights(path, points, partitions):
    third = [p[:, 2] for p in points]
    if not any(w.any() for w in third):
        return None
    if partitions > 1 or min(w.min() for w in third) < 0:
        raise InputError(f"{path}: a trajectory that leaves the plane; accepted are plane ones, with partitions encoded on a grid")
    return third


def _stack(path, header, images, coordinates, image, shared):
    """Slices across the partitions of stacked trajectories."""
    lines, z = images.lines, header.encoded.matrix[2]
    steps = lines.counter("kspace_encode_step_2") - header.centres[1] + z // 2
    if len(images.slices) > 1 or sorted(set(steps)) != list(range(z)):
        raise InputError(f"{path}: {len(images.slices)} slabs of {len(set(steps))} partitions for a matrix of {z}; accepted is one slab of all partitions")
    if any(len(k) % z or np.abs(np.diff(k.reshape(z, -1, 2), axis=0)).max() > 1e-4 for k in coordinates):
        raise InputError(f"{path}: partitions of several trajectories; accepted are stacks of one trajectory")
    span = middle(z, header.wanted()[2])
    count = span.stop - span.start
    planes = lambda samples: slices_along(samples.reshape(len(samples), z, -1), 1, header.wanted()[2])
    volume = lru_cache(maxsize=1)(lambda v: planes(image(v)))
    _, geometry = images.geometry(header.encoded.voxel_size_mm())
    geometry = replace(geometry, centre=geometry.centre - count // 2 * geometry.steps[0])
    plane = [k[:len(k) // z] for k in coordinates]
    kspace = Slices(path, images.volumes * count, (int(lines.heads["active_channels"][0]), len(plane[0])), lambda i: volume(i // count)[i % count])
    places = Trajectory([k for k in plane for _ in range(count)], header.encoded.matrix[:2])
    return Scan(path, kspace, header.wanted()[:2], **shared, geometry=geometry, trajectory=places)
