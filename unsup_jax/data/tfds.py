"""Images as records of a TFDS data set: stored as array_record, in the order they come, and read without TensorFlow.

`prepare` makes such a data set, one image in memory at a time; `--data.path` reads it by its folder, or one of TFDS by its name.
Wheels of array_record exist for Linux and macOS on arm64; elsewhere, keep the images as plain files.
"""

import itertools
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from unsup_jax.errors import InputError
from unsup_jax.files import IN_MEMORY, Image, Windowed, make_folder

MANY = 1024
"""Images of one data set that are read at once, if all of them fit into memory; of more, each is read where it is wanted."""
_SHARD = 2**28  # bytes of a file of records, about
_SHAPES = "shapes.json"


class Record(Windowed):
    """One record of a data set as an image [*S, C] in float32, or a window of it, less an offset.

    `numpy.asarray` reads it, which is `InputError` where pixels are not finite. A window is read with the whole record.
    """

    __slots__ = ("_source", "_place", "_offset")

    def __init__(self, source: Sequence, place: int, shape: tuple[int, ...], offset: float = 0.0):
        self._source, self._place, self._offset, self.shape = source, place, offset, shape
        self._corner = (0,) * (len(shape) - 1)

    def __array__(self, dtype=None, copy=None) -> np.ndarray:
        image = self._source[self._place]["image"][self.window]
        image = (image.astype(np.float64) - self._offset if self._offset else image).astype(np.float32)
        if bad := image.size - int(np.count_nonzero(np.isfinite(image))):
            raise InputError(f"record {self._place}: {bad} pixels are NaN or infinite; replace them first")
        return image.astype(dtype or np.float32, copy=False)


def prepare(images: Iterable[np.ndarray], directory: str | Path) -> Path:
    """Store images [*S, C] of one rank, in their order and in the type of the first one, as the data set `directory`; returns that folder.

    They are taken one after another, and the folder appears when all are stored. Raises `InputError` on no image, on images of different
    rank, on a type that the first one's cannot hold, and where the folder is there already.
    """
    directory = Path(directory)
    if directory.exists() and any(directory.iterdir()):
        raise InputError(f"{directory} is there already; remove it, or name another folder")
    images = iter(images)
    first = next(images, None)
    if first is None:
        raise InputError(f"{directory}: a data set holds images, and none was given")
    partial = directory.with_name(f".{directory.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    make_folder(partial)
    try:
        shapes = _write(itertools.chain([np.asarray(first)], images), partial)
        (partial / _SHAPES).write_text(json.dumps([[sum(1 for _ in alike), shape] for shape, alike in itertools.groupby(shapes)]))
        if directory.exists():
            directory.rmdir()
        partial.rename(directory)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return directory


def _write(images, folder):
    """The records, and what TFDS says of them; the shapes of the images."""
    first = next(images)
    dtype = np.dtype(first.dtype)
    shapes, waiting, size = [], [], 0
    writer = tfds.core.SequentialWriter(
        tfds.core.DatasetInfo(
            builder=tfds.core.DatasetIdentity(name="images", version=tfds.core.Version("1.0.0"), data_dir=str(folder), module_name=""),
            description="Measured images, channels last.",
            features=tfds.features.FeaturesDict({"image": tfds.features.Tensor(shape=(None,) * first.ndim, dtype=dtype, encoding="bytes")}),
        ),
        max_examples_per_shard=max(1, _SHARD // max(1, first.nbytes)), file_format="array_record",
    )
    writer.initialize_splits(["train"])
    for image in itertools.chain([first], images):
        image = np.asarray(image)
        if image.ndim != first.ndim:
            raise InputError(f"a data set holds images of one rank, not of {sorted({first.ndim, image.ndim})}")
        if not np.can_cast(image.dtype, dtype):
            raise InputError(f"a data set holds images of one type: image {len(shapes)} is of {image.dtype}, the first one of {dtype}")
        shapes.append(image.shape)
        waiting.append({"image": image.astype(dtype, copy=False)})
        size += image.nbytes
        if size > 2**22 or len(waiting) == 1000:                    # each call writes the metadata too
            writer.add_examples({"train": waiting})
            waiting, size = [], 0
    writer.add_examples({"train": waiting})
    writer.close_all()
    return shapes


def read_tfds(name: str, offset: float = 0.0) -> Sequence[Image]:
    """The feature `image`, less `offset`, of the split `train` of a TFDS data set, by its name or its folder.

    Records that are many, or in float32 more than fit into memory, stay on the disk. The shapes of a data set that `prepare` made are kept
    beside it; of one that was made elsewhere, each record is read once for its shape unless all have the same.
    """
    try:
        is_folder = (Path(name) / "dataset_info.json").exists()
        builder = tfds.builder_from_directory(name) if is_folder else tfds.builder(name)
        source = builder.as_data_source(split="train")
        shapes = _shapes(Path(builder.data_path), builder.info.features["image"].shape, source)
    except Exception as error:  # TFDS raises a kind of its own for each cause
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise InputError(f"{name}: neither a file nor a prepared TFDS data set with a feature 'image' ({reason})") from error
    records = [Record(source, place, shape, offset) for place, shape in enumerate(shapes)]
    many = len(records) > MANY or sum(map(np.prod, shapes)) > IN_MEMORY
    return records if many else [np.asarray(record) for record in records]


def _shapes(folder, shape, source):
    """The shape of each record."""
    if (folder / _SHAPES).exists():
        return [tuple(shape) for count, shape in json.loads((folder / _SHAPES).read_text()) for _ in range(count)]
    if None not in shape:
        return [tuple(shape)] * len(source)
    return [record["image"].shape for record in source]
