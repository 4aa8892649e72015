"""TFDS data sets, stored as array_record and read without TensorFlow.

`prepare` turns any list of images into a TFDS data set that `--data.path` reads by its name or its folder.
Wheels of array_record exist for Linux and macOS on arm64; elsewhere, keep the images as plain files.
"""

from pathlib import Path

import numpy as np
import tensorflow_datasets as tfds

from unsup_jax.errors import InputError


class Images(tfds.core.GeneratorBasedBuilder):
    """Images [*S, C] of one rank and any size, in float32."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, images: list[np.ndarray] | None = None, rank: int = 3, **settings):
        self._images, self._rank = images, rank
        super().__init__(**settings)

    def _info(self):
        return tfds.core.DatasetInfo(
            builder=self,
            description="Measured images, channels last.",
            features=tfds.features.FeaturesDict({
                "image": tfds.features.Tensor(shape=(None,) * self._rank, dtype=np.float32, encoding="bytes"),
            }),
        )

    def _split_generators(self, dl_manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        for i, image in enumerate(self._images):
            yield i, {"image": np.asarray(image, np.float32)}


def prepare(images: list[np.ndarray], directory: str | Path) -> Path:
    """Store images [*S, C] of one rank as a TFDS data set below `directory`; returns the folder to read it by.

    Raises `InputError` on no image, or on images of different rank.
    """
    ranks = {np.ndim(image) for image in images}
    if len(ranks) != 1:
        raise InputError(f"a data set holds images of one rank, not of {sorted(ranks)}")
    builder = Images(images=images, rank=ranks.pop(), data_dir=str(directory), file_format="array_record")
    builder.download_and_prepare(download_config=tfds.download.DownloadConfig(
        compute_stats=tfds.download.ComputeStatsMode.SKIP
    ))
    return Path(builder.data_path)


def read_tfds(name: str) -> list[np.ndarray]:
    """The feature `image` of the split `train` of a prepared TFDS data set, by its name or its folder."""
    try:
        is_folder = (Path(name) / "dataset_info.json").exists()
        builder = tfds.builder_from_directory(name) if is_folder else tfds.builder(name)
        source = builder.as_data_source(split="train")
        return [np.asarray(record["image"], np.float32) for record in source]
    except Exception as error:  # TFDS raises a kind of its own for each cause
        reason = str(error).strip().splitlines()[0][:200]
        raise InputError(f"{name}: neither a file nor a prepared TFDS data set with a feature 'image' ({reason})") from error
