"""The stream of batches that feeds the trainer: seeded, prefetched, sharded by process, checkpointable.

Batch k is a function of the seed and k alone: on P processes each reads every P-th share of it, in order,
so that the same batches are trained on however many there are, and a resumed run reads on where it broke.
"""

from collections.abc import Iterator

import grain
import jax
import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.dataset import crop
from unsup_jax.errors import InputError


class Stream:
    """Batches of `batch` patches (or whole images) of measurements.

    Raises `InputError` where an image is smaller than the patch, where patches are asked of an operator
    that is not local, and where whole images differ in shape.
    """

    def __init__(self, measurements: list[Measurement], *, batch: int, patch: int | None, augment: bool, seed: int):
        shapes = [m.y.shape for m in measurements]
        if patch is None and len(set(shapes)) > 1:
            raise InputError(f"whole images of different shapes {sorted(set(shapes))} make no batch; give --data.patch")
        if patch is not None:
            if not all(m.operator.local for m in measurements):
                kind = type(measurements[0].operator).__name__
                raise InputError(f"{kind} mixes pixels, so that a patch is no measurement; give --data.patch None")
            smallest = min(min(shape[:-1]) for shape in shapes)
            if smallest < patch:
                raise InputError(f"an image part of {smallest} pixels is smaller than the patch of {patch}; give --data.patch {smallest // 4 * 4} or less")
        self._measurements = measurements
        self._patch, self._augment = patch, augment and patch is not None
        self._batch, self._seed = batch, seed

    def example(self, count: int = 64) -> Measurement:
        """A batch of `count` samples, the same on every process."""
        data = self._samples().batch(count, batch_fn=_collate)
        return data[0]

    def batches(self, processes: int = 1, process: int = 0) -> "grain.DatasetIterator":
        """This process's share of each batch, without end; `get_state` and `set_state` make it resumable."""
        shares = self._samples().batch(self._batch // processes, batch_fn=_collate)[process::processes]
        return iter(shares.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)))

    def fixed(self, count: int, processes: int = 1, process: int = 0) -> Iterator[Measurement]:
        """This process's share of the first `count` batches."""
        shares = self._samples().batch(self._batch // processes, batch_fn=_collate)
        return (shares[k * processes + process] for k in range(count))

    def _samples(self):
        order = grain.MapDataset.range(len(self._measurements)).seed(self._seed).shuffle().repeat(None)
        return order.random_map(self._draw)

    def _draw(self, index: int, generator: np.random.Generator) -> Measurement:
        one = self._measurements[index]
        if self._patch is None:
            return one
        frame = one.y.shape[:-1]
        corner = [int(generator.integers(n - self._patch + 1)) for n in frame]
        one = crop(one, tuple(slice(c, c + self._patch) for c in corner))
        return dihedral(one, generator) if self._augment else one


def dihedral(one: Measurement, generator: np.random.Generator) -> Measurement:
    """A random reflection and permutation of the two last spatial axes, and a reflection of the first of three."""
    rank = one.y.ndim - 1
    frame = one.y.shape[:-1]
    swap, *flips = generator.integers(2, size=rank + 1)

    def turn(leaf):
        if np.ndim(leaf) != rank + 1 or leaf.shape[:-1] != frame:
            return leaf
        leaf = np.swapaxes(leaf, rank - 2, rank - 1) if swap else leaf
        return np.flip(leaf, [axis for axis in range(rank) if flips[axis]])

    return jax.tree.map(turn, one)


def _collate(samples: list[Measurement]) -> Measurement:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *samples)
