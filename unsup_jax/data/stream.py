"""The stream of batches that feeds the trainer: seeded, prefetched, sharded by process, checkpointable.

Batch k is a function of the seed and k alone: on P processes each reads every P-th share of it, in order,
so that the same batches are trained on however many there are, and a resumed run reads on where it broke.
"""

from collections.abc import Callable, Collection, Iterator, Sequence

import jax
import numpy as np

from unsup_jax.core import Measurement, Operator
from unsup_jax.core.measurement import MAY_SEE
from unsup_jax.data.parts import crop, in_memory
from unsup_jax.errors import InputError
from unsup_jax.files import Image
from unsup_jax.lazy import Lazy
from unsup_jax.operators import Identity

grain = Lazy("grain")


def _local(operator: Operator) -> bool:
    return operator.local


def widths(patch: int | tuple[int, ...], shapes: list[tuple[int, ...]]) -> tuple[int, ...]:
    """Pixels of a patch along each axis of images of `shapes` [*S, C]: one number serves all, but a volume's depth at most whole."""
    if isinstance(patch, tuple):
        return patch
    rank = len(shapes[0]) - 1
    depth = min(shape[0] for shape in shapes)
    return (min(patch, depth), patch, patch) if rank == 3 else (patch,) * rank


def streams(
    train: list[Measurement], watched: list[Measurement], *, batch: int, patch: int | tuple[int, ...] | None, augment: bool, seed: int,
    sees: Collection[str], unpaired: list[np.ndarray] | None = None, parts: Callable[[Operator], bool] = _local,
) -> tuple["Stream", "Stream"]:
    """The stream of a training and that of its validation; where what is watched is too narrow a strip for a patch, it is of the training's."""
    patch = None if patch is None else widths(patch, [m.y.shape for m in train])
    if patch is not None and any(n < width for m in watched for n, width in zip(m.y.shape, patch)):
        watched = train
    settings = {"batch": batch, "patch": patch, "sees": sees, "unpaired": unpaired, "parts": parts}
    return Stream(train, augment=augment, seed=seed, **settings), Stream(watched, augment=False, seed=seed + 1, **settings)


class Stream:
    """Batches of `batch` patches (or whole images) of measurements; those without an index take their place in the list.

    Whole measurements by operators that mix pixels may differ in shape; each batch is then of one. Raises `InputError` where
    an image is smaller than the patch, where patches are asked of an operator whose `parts` are no measurements, where whole images that
    patches could be drawn of differ in shape, and where images differ in their channels.

    Images on the disk are read where they are cropped. What is not in `sees` is dropped before samples are stacked. Each
    sample has one of the `unpaired` images beside it where there are some, drawn, cropped and turned by itself.
    """

    def __init__(
        self, measurements: list[Measurement], *, batch: int, patch: int | tuple[int, ...] | None, augment: bool, seed: int,
        sees: Collection[str] = MAY_SEE, unpaired: Sequence[Image] | None = None, parts: Callable[[Operator], bool] = _local,
    ):
        shapes = [m.y.shape for m in measurements]
        if patch is None and len(set(shapes)) > 1 and all(m.operator.local for m in measurements):
            raise InputError(f"whole images of different shapes {sorted(set(shapes))} make no batch; give --data.patch")
        if patch is not None:
            if not all(parts(m.operator) for m in measurements):
                kind = type(measurements[0].operator).__name__
                raise InputError(f"{kind} mixes pixels, so that a patch is no measurement; give --data.patch None")
            if len(channels := sorted({shape[-1] for shape in shapes})) > 1:
                raise InputError(f"images of {' and of '.join(map(str, channels))} channels make no batch; give images of one kind")
            patch = widths(patch, shapes)
            smallest = [min(sizes) for sizes in zip(*shapes)][:-1]
            if any(n < width for n, width in zip(smallest, patch)):
                fits = [width if width <= n else n if n < 8 else n // 4 * 4 for n, width in zip(smallest, patch)]
                advice = f"{min(fits) if len(fits) == 2 else ' '.join(map(str, fits))} or less" if min(fits[-2:]) >= 8 else "None for whole images"
                part, wanted = (" x ".join(map(str, sizes)) for sizes in (smallest, patch))
                raise InputError(f"an image part of {part} pixels is smaller than the patch of {wanted}; give --data.patch {advice}")
        measurements = [m if m.index is not None else m.replace(index=np.int32(i)) for i, m in enumerate(measurements)]
        if unpaired is not None:
            _check_unpaired(unpaired, shapes[0], patch)
        self._sees, self._unpaired = sees, unpaired
        self._groups = [measurements]
        if patch is None:  # a batch is of one shape
            self._groups = [[m for m in measurements if m.y.shape == shape] for shape in dict.fromkeys(shapes)]
        self._patch, self._augment = patch, augment and patch is not None
        self._batch, self._seed = batch, seed

    def example(self, count: int = 64) -> Measurement:
        """A batch of `count` samples, the same on every process."""
        return self._batches(count)[0]

    def batches(self, processes: int = 1, process: int = 0) -> "grain.DatasetIterator":
        """This process's share of each batch, without end; `get_state` and `set_state` make it resumable."""
        if processes > 1 and len(self._groups) > 1:
            raise InputError("several processes share batches of one shape; give data of one shape, or train in one process")
        shares = self._batches(self._batch // processes)[process::processes]
        return iter(shares.to_iter_dataset(grain.ReadOptions(num_threads=1, prefetch_buffer_size=8)))

    def fixed(self, count: int, processes: int = 1, process: int = 0) -> Iterator[Measurement]:
        """This process's share of the first `count` batches."""
        shares = self._batches(self._batch // processes)
        return (shares[k * processes + process] for k in range(count))

    def _batches(self, count):
        """Batches of `count` samples, those of each shape as often as there are measurements of it."""
        batches = [self._samples(group).batch(count, batch_fn=_collate) for group in self._groups]
        return batches[0] if len(batches) == 1 else grain.MapDataset.mix(batches, weights=[len(group) for group in self._groups])

    def _samples(self, measurements):
        order = grain.MapDataset.range(len(measurements)).seed(self._seed).shuffle().repeat(2**31)  # without end, grain cannot count batches of one
        return order.random_map(lambda index, generator: self._draw(measurements[index], generator))

    def _draw(self, one: Measurement, generator: np.random.Generator) -> Measurement:
        one = self._cropped(one.only(self._sees), generator)
        if self._unpaired is None:
            return one
        other = Measurement(self._unpaired[generator.integers(len(self._unpaired))], Identity())
        return one.replace(unpaired=self._cropped(other, generator).y)

    def _cropped(self, one, generator):
        if self._patch is None:
            return in_memory(one)
        frame = one.y.shape[:-1]
        corner = [int(generator.integers(n - width + 1)) for n, width in zip(frame, self._patch)]
        one = in_memory(crop(one, tuple(slice(c, c + width) for c, width in zip(corner, self._patch))))
        return dihedral(one, generator) if self._augment and one.operator.local else one     # the turned x has a turned blur


def _check_unpaired(images, shape, patch):
    if len(images) == 0:
        raise InputError("there are no unpaired images; give --data.unpaired")
    if patch is None and len(found := {image.shape for image in images}) > 1:
        raise InputError(f"whole unpaired images of different shapes {sorted(found)} make no batch; give --data.patch")
    for image in images:
        if patch is not None and image.shape[-1] != shape[-1]:
            raise InputError(f"an unpaired image has {image.shape[-1]} channels, those of the measurements have {shape[-1]}")
        if patch is not None and (image.ndim != len(shape) or any(n < width for n, width in zip(image.shape, patch))):
            size, wanted = (" x ".join(map(str, sizes)) for sizes in (image.shape[:-1], patch))
            raise InputError(f"an unpaired image of {size} pixels is smaller than the patch of {wanted}")


def dihedral(one: Measurement, generator: np.random.Generator) -> Measurement:
    """A random reflection and, where they are of one length, permutation of the two last spatial axes, and a reflection of the first of three."""
    rank = one.y.ndim - 1
    frame = one.y.shape[:-1]
    swap, *flips = generator.integers(2, size=rank + 1)

    def turn(leaf):
        if np.ndim(leaf) != rank + 1 or leaf.shape[:-1] != frame:
            return leaf
        leaf = np.swapaxes(leaf, rank - 2, rank - 1) if swap and frame[-1] == frame[-2] else leaf
        return np.flip(leaf, [axis for axis in range(rank) if flips[axis]])

    return jax.tree.map(turn, one)


def _collate(samples: list[Measurement]) -> Measurement:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *samples)
