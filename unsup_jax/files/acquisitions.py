"""The acquisitions of an ISMRMRD file, and the images that they are of.

The headers of the table are read as one array, and its samples when they are asked for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.files.scan import Geometry

NOISE, REVERSED = 19, 22
_NOT_IMAGE = (NOISE, 23, 24, 26, 27, 28, 29, 30, 31)
"""Flags of noise scans, navigators, phase correction, feedback, dummies, surface coil correction and phase stabilisation."""

TO_RAS = np.array([-1.0, -1.0, 1.0])
"""ISMRMRD, as DICOM, counts towards left, back and head."""


class Acquisitions:
    """A part of the acquisitions of a file.

    `heads` are their headers as the format names the fields: one structured array, which is small.
    """

    def __init__(self, path: Path, heads: np.ndarray, places: np.ndarray):
        self.path, self.heads, self._places = path, heads, places

    @classmethod
    def of(cls, path: Path) -> "Acquisitions":
        """All acquisitions of a file."""
        import h5py

        with h5py.File(path, "r") as file:
            heads = file["dataset/data"].fields("head")[...].ravel()
        return cls(path, heads, np.arange(len(heads)))

    def __len__(self) -> int:
        return len(self.heads)

    def __getitem__(self, chosen: np.ndarray) -> "Acquisitions":
        """Those of an index or of a mask."""
        return Acquisitions(self.path, self.heads[chosen], self._places[chosen])

    def flagged(self, *flags: int) -> np.ndarray:
        """Whether any of the flags is set, of each."""
        return (self.heads["flags"] & np.bitwise_or.reduce(np.array([1 << flag - 1 for flag in flags], np.uint64))) != 0

    def of_image(self) -> "Acquisitions":
        """Lines of images, and such for calibration."""
        return self[~self.flagged(*_NOT_IMAGE)]

    def of_noise(self) -> "Acquisitions":
        """The noise scan."""
        return self[self.flagged(NOISE)]

    def counter(self, name: str) -> np.ndarray:
        """One of the encoding counters of each."""
        return self.heads["idx"][name].astype(int)

    def one(self, what: str, found: np.ndarray) -> np.generic:
        """The single value of an array, or `InputError`."""
        values = np.unique(found)
        if len(values) > 1:
            raise InputError(f"{self.path}: {len(values)} values of {what}; accepted is one")
        return values[0]

    def samples(self) -> Iterator[np.ndarray]:
        """[coil, sample] of each, without the discarded ones at its ends."""
        for head, data in zip(self.heads, self._read("data")):
            lines = data.view(np.complex64).reshape(head["active_channels"], head["number_of_samples"])
            yield lines[:, head["discard_pre"]:head["number_of_samples"] - head["discard_post"]]

    def trajectory(self) -> Iterator[np.ndarray]:
        """[sample, dimension] of each, of the samples that `samples` gives; of no dimension where the file holds none."""
        for head, points in zip(self.heads, self._read("traj")):
            points = points.reshape(head["number_of_samples"], head["trajectory_dimensions"])
            yield points[head["discard_pre"]:head["number_of_samples"] - head["discard_post"]]

    def _read(self, field):
        """A field of each: neighbours in the file are read at once, some at a time."""
        import h5py

        with h5py.File(self.path, "r") as file:
            table, start = file["dataset/data"].fields(field), 0
            while start < len(self._places):
                stop = start + 1
                while stop < min(len(self._places), start + 64) and self._places[stop] == self._places[stop - 1] + 1:
                    stop += 1
                yield from np.ravel(table[self._places[start]:self._places[stop - 1] + 1])
                start = stop


@dataclass(frozen=True)
class Images:
    """The acquisitions of an image each: those of every slice of every volume."""

    lines: Acquisitions
    volumes: int
    slices: np.ndarray
    """The indices of the slices, in the order of the file's counter."""
    which: np.ndarray
    """Of each acquisition the number of its image, volumes outermost."""

    def geometry(self, size: np.ndarray) -> tuple[np.ndarray, Geometry]:
        """(order of the slices, their geometry) for voxels of a `size` [3] along read-out, phase and slice."""
        heads = [self.lines.heads[np.argmax(self.which == s)] for s in range(len(self.slices))]
        directions = [np.array([head[f"{name}_dir"] for name in ("slice", "read", "phase")], float) for head in heads]
        return _geometry(np.array([head["position"] for head in heads], float), directions, size)


def _geometry(places, directions, size):
    """(order of the slices, their geometry); in the order given where the places are even in it, else along the slice direction."""
    size = size[[2, 0, 1], None]                                # slice, row along the readout, column along the phase
    if not all(d.any(1).all() for d in directions):             # no orientation: voxels along the axes, about zero
        return np.arange(len(places)), Geometry(np.eye(3)[[2, 1, 0]] * size, np.zeros(3))
    normal = directions[0][0]
    for order in (np.arange(len(places)), np.argsort(places @ normal, kind="stable")):
        gaps = np.diff(places[order], axis=0)
        if len(gaps) == 0 or (np.abs(gaps - gaps[0]).max() < 1e-2 and np.linalg.norm(gaps[0]) > 1e-3):
            break
    parallel = all(np.abs(d - directions[0]).max() < 1e-3 for d in directions)
    even = len(gaps) == 0 or bool(np.abs(gaps - gaps[0]).max() < 1e-2 and np.linalg.norm(gaps[0]) > 1e-3)
    steps = directions[0] * size
    if len(gaps) and even:
        steps[0] = gaps[0]
    return order, Geometry(steps * TO_RAS, places[order[0]] * TO_RAS, even and parallel)
