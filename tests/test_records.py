"""Prepared data sets: records in their order and type, read where they are drawn, and complete or not there."""

import os
import subprocess
import sys
import weakref
from pathlib import Path

import numpy as np
import pytest

from unsup_jax import provenance
from unsup_jax.data import Data, Stream, streams, tfds
from unsup_jax.data.dataset import read
from unsup_jax.data.parts import crop
from unsup_jax.data.tfds import Record, prepare, read_tfds
from unsup_jax.errors import InputError
from unsup_jax.modalities import Camera

WORKER = Path(__file__).with_name("worker.py")
RNG = np.random.default_rng(0)
IMAGES = [RNG.poisson(300, (20, 24 + 2 * (k > 4), 1)).astype(np.uint16) for k in range(8)]


class Counting:
    """A source that notes which records were read of it."""

    def __init__(self, source):
        self.source, self.read = source, []

    def __getitem__(self, place):
        self.read.append(place)
        return self.source[place]


@pytest.fixture
def on_disk(monkeypatch):
    monkeypatch.setattr(tfds, "MANY", 3)


def test_records_keep_their_order_and_type_and_shards(tmp_path, monkeypatch):
    monkeypatch.setattr(tfds, "_SHARD", 3 * IMAGES[0].nbytes)
    folder = prepare(iter(IMAGES), tmp_path / "set")
    assert len(list(folder.glob("images-train.array_record-*"))) == 3
    assert '"uint16"' in (folder / "features.json").read_text()
    (found,) = read(str(folder), None, 2)
    for image, record in zip(IMAGES, found, strict=True):
        assert record.dtype == np.float32
        np.testing.assert_array_equal(image, record)


def test_few_images_are_in_memory_at_a_time(tmp_path):
    alive, most = set(), 0

    def images():
        nonlocal most
        for k in range(20):
            image = np.full((1024, 1024, 1), k, np.uint8)
            alive.add(k)
            weakref.finalize(image, alive.discard, k)
            most = max(most, len(alive))
            yield image
            del image

    assert len(read_tfds(str(prepare(images(), tmp_path / "set")))) == 20
    assert most <= 7                                                # which is 4 MB, and those in hand


def test_windows_of_records(tmp_path, on_disk):
    found = read_tfds(str(prepare(IMAGES, tmp_path / "set")), offset=100.0)
    assert all(isinstance(one, Record) for one in found)
    window, again = np.s_[2:18, 5:20], np.s_[:, 3:7]
    np.testing.assert_array_equal(np.asarray(found[6][window][again]), IMAGES[6][window][again].astype(np.float32) - 100)


def test_a_stream_reads_the_records_that_it_draws(tmp_path, on_disk):
    data = Data(path=str(prepare(IMAGES, tmp_path / "set")), validation=0.25)
    train = data.arrange(data.measure(Camera(), 0), (), 0).train
    source = Counting(train[0].y._source)
    for one in train:
        one.y._source = source
    lazily = Stream(train, batch=2, patch=16, augment=True, seed=3)
    held = Stream([one.replace(y=np.asarray(one.y)) for one in train], batch=2, patch=16, augment=True, seed=3)
    source.read.clear()
    for a, b in zip(lazily.fixed(3), held.fixed(3)):
        np.testing.assert_array_equal(a.y, b.y)
    assert sorted(source.read) == list(range(6))                    # one epoch of the six that are trained on, each read once
    assert crop(train[0], np.s_[4:, :]).y.shape == (16, 24, 1) and len(source.read) == 6


def test_two_processes_read_disjoint_shards(tmp_path):
    """As SLURM starts them, on loopback; together they read each batch that one process reads."""
    folder = prepare((np.full((8, 8, 1), k, np.uint16) for k in range(tfds.MANY + 1)), tmp_path / "set")
    job = str(os.getpid() % 4000 + 4096)                            # of which JAX makes the port
    slurm = {"SLURM_JOB_ID": job, "SLURM_STEP_NODELIST": "localhost", "SLURM_NTASKS": "2", "SLURM_STEP_NUM_TASKS": "2", "SLURM_LOCALID": "0",
             "CUDA_VISIBLE_DEVICES": ""}

    def worker(process):
        environment = {**os.environ, **slurm, "SLURM_PROCID": str(process)}
        command = [sys.executable, str(WORKER), str(tmp_path), "6", "--batch", "8", "--records", str(folder), "--coordinator", "auto"]
        return subprocess.Popen(command, env=environment, cwd=WORKER.parent, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def batches(process):
        output = process.communicate(timeout=120)[0]
        assert process.returncode == 0, output
        return [set(map(int, line.split()[1:])) for line in output.splitlines() if line.startswith("read")]

    both = [worker(0), worker(1)]
    first, second = map(batches, both)
    assert len(first) == len(second) == 6 and all(len(a) == len(b) == 4 and not a & b for a, b in zip(first, second))
    alone = Stream(Data(path=str(folder)).measure(Camera(), 0)[0], batch=8, patch=8, augment=False, seed=0)
    assert [a | b for a, b in zip(first, second)] == [{int(place) for place in batch.index} for batch in alone.fixed(6)]


def test_nothing_but_what_is_shown_is_read_before_a_training(tmp_path, monkeypatch):
    """However many records there are: what is arranged, checked, fingerprinted and streamed goes by their shapes."""
    folder, read = prepare((np.full((16, 16, 1), k, np.uint16) for k in range(3000)), tmp_path / "set"), []
    array = Record.__array__
    monkeypatch.setattr(Record, "__array__", lambda self, dtype=None, copy=None: read.append(self._place) or array(self, dtype))
    data = Data(path=str(folder))
    measured = data.measure(Camera(), 0)
    lists = data.arrange(measured, (), 0)
    train, _ = streams(lists.train, lists.validation, batch=4, patch=16, augment=True, seed=0, sees=())
    provenance.of_data(data, Camera(), measured[0])
    assert len(measured[0]) == 3000 and len(lists.train) == 2700 and len(lists.test) == 1 and read == []
    assert next(iter(train.fixed(1))).y.shape == (4, 16, 16, 1) and len(read) == 4


def test_records_of_another_maker_are_asked_for_their_shapes(tmp_path):
    folder = prepare(IMAGES, tmp_path / "set")
    (folder / "shapes.json").unlink()
    assert [image.shape for image in read_tfds(str(folder))] == [image.shape for image in IMAGES]


@pytest.mark.parametrize("images,said", [
    ([], "none was given"), ([np.zeros((4, 4, 1)), np.zeros((4, 4))], "one rank"),
    ([np.zeros((4, 4, 1), np.uint8), np.zeros((4, 4, 1), np.float32)], "one type: image 1 is of float32")])
def test_nothing_is_left_of_a_set_that_was_not_completed(tmp_path, images, said):
    with pytest.raises(InputError, match=said):
        prepare(images, tmp_path / "set")
    assert not list(tmp_path.iterdir())


def test_pixels_that_are_not_finite_are_found_where_they_are_read(tmp_path, on_disk):
    bad = [np.full((4, 4, 1), np.nan, np.float32) if k == 2 else np.ones((4, 4, 1), np.float32) for k in range(5)]
    found = read_tfds(str(prepare(bad, tmp_path / "set")))
    with pytest.raises(InputError, match="record 2: 16 pixels are NaN"):
        np.asarray(found[2])


def test_a_set_is_not_written_over(tmp_path):
    prepare(IMAGES, tmp_path / "set")
    with pytest.raises(InputError, match="is there already"):
        prepare(IMAGES, tmp_path / "set")
