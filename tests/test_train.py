"""The drivers: replicas, resumption, kills, several processes, and what they refuse."""

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from helpers import run_fit

from unsup_jax.core import Adam, Learned, Measurement, Method
from unsup_jax.errors import InputError
from unsup_jax.inference import estimator
from unsup_jax.methods import Noise2Void
from unsup_jax.networks import DnCNN, UNet
from unsup_jax.operators import Identity
from unsup_jax.train import NonFinite, Solver, parallel, solve
from unsup_jax.train.answers import Answers
from unsup_jax.train.checkpoint import Checkpoints
from unsup_jax.train.logging import read_metrics

pytestmark = pytest.mark.usefixtures("standard_promotion", "quick_compilation")  # optax mixes types

METHOD = Noise2Void(network=DnCNN(depth=2, width=4), optimizer=Adam(learning_rate=1e-3), fraction=0.05)
OFTEN = {"checkpoint_every": 2, "log_every": 1}
WORKER = Path(__file__).with_name("worker.py")


def leaves(state):
    return [np.asarray(leaf) for leaf in jax.tree.leaves(parallel.local(state))]


def worker(directory, *arguments, devices=1, wait=True):
    """A training of METHOD in a process of its own."""
    flags = f"--xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "JAX_DISABLE_MOST_OPTIMIZATIONS": "1"}
    process = subprocess.Popen(
        [sys.executable, str(WORKER), str(directory), *map(str, arguments)], env=environment, cwd=WORKER.parent,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )
    if not wait:
        return process
    output = process.communicate(timeout=240)[0]
    assert process.returncode == 0, output
    return [value for _, value in sorted(np.load(directory / "result.npz").items())]


def norm_of_difference(a, b):
    flat = lambda arrays: np.concatenate([np.ravel(leaf) for leaf in arrays])
    return np.linalg.norm(flat(a) - flat(b)) / np.linalg.norm(flat(b))


class Stop(Exception):
    pass


def stop_after(last):
    def stop(step):
        if step == last:
            raise Stop

    return stop


def same_on_all_devices(state, count):
    """Whether each of so many devices holds the same numbers."""
    shards = [[np.asarray(s.data) for s in leaf.addressable_shards] for leaf in jax.tree.leaves(state)]
    return all(len(of_leaf) == count and all(np.array_equal(of_leaf[0], s) for s in of_leaf) for of_leaf in shards)


@contextmanager
def of_devices(count):
    """As if this machine had so many devices, and of the settings of these tests, for what they share."""
    some = jax.devices()[:count]
    with pytest.MonkeyPatch.context() as patch, jax.numpy_dtype_promotion("standard"):
        patch.setattr(jax, "devices", lambda: some)
        patch.setattr(jax, "local_devices", lambda: some)
        jax.config.update("jax_disable_most_optimizations", True)
        yield
        jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture(scope="module")
def alone():
    """The parameters of four steps on one device."""
    with of_devices(1):
        return leaves(run_fit(METHOD, steps=4).trained.params)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder, state) of six unbroken steps on four devices, with a checkpoint every second one."""
    folder = tmp_path_factory.mktemp("whole")
    with of_devices(4):
        return folder, leaves(run_fit(METHOD, steps=6, directory=folder, **OFTEN))


def test_four_devices_agree_with_one_and_replicas_are_equal(tmp_path, alone):
    state = run_fit(METHOD, steps=4, directory=tmp_path / "four")
    assert same_on_all_devices(state, 4)
    assert norm_of_difference(leaves(state.trained.params), alone) <= 1e-6


@pytest.mark.parametrize("devices", [3, 8])
def test_devices_that_the_batch_does_not_divide_among_agree_with_one(tmp_path, alone, devices):
    """A batch of 4 on two of three devices, and on four of eight, which a process of its own has."""
    if devices == 8:
        found = worker(tmp_path, 4, devices=8)
    else:
        with of_devices(devices):
            found = leaves(run_fit(METHOD, steps=4, directory=tmp_path).trained.params)
    assert norm_of_difference(found, alone) <= 1e-6


@pytest.mark.parametrize("batch, devices, processes, used", [
    (4, 1, 1, 1), (4, 3, 1, 2), (4, 6, 1, 4), (4, 8, 1, 4), (4, 16, 1, 4), (16, 6, 1, 4), (12, 8, 1, 6), (7, 6, 1, 1), (1, 8, 1, 1),
    (4, 3, 2, 4), (12, 8, 2, 12), (6, 4, 3, 6), (3, 8, 2, 3), (4, 2, 3, 2),
])
def test_as_many_devices_as_divide_the_batch(monkeypatch, batch, devices, processes, used):
    """The same number of each process; all of one process where the processes cannot share the batch evenly."""
    every = [SimpleNamespace(process_index=p, id=d) for p in range(processes) for d in range(devices)]
    monkeypatch.setattr(jax, "devices", lambda: every)
    monkeypatch.setattr(jax, "local_devices", lambda: every[-devices:])
    monkeypatch.setattr(parallel, "process", lambda: (processes - 1, processes))
    found = parallel.Replicas.of(batch)
    assert len(found.devices) == used and batch % used == 0
    index, sharing = found.process
    expected = range(processes) if sharing == processes else [processes - 1]
    assert index == sharing - 1 and [sum(d.process_index == p for d in found.devices) for p in expected] == [used // sharing] * sharing


@pytest.mark.parametrize("count, together", [(1, 1), (3, 3), (4, 4), (5, 3), (9, 3)])
def test_items_are_spread_over_as_few_devices_as_need_no_more_turns(count, together):
    """Of four devices; in order, each once, read turn by turn, nothing computed for an item that is not there."""
    read = []

    def items():
        for k in range(count):
            read.append(k)
            yield Measurement(np.full(3, k, np.float32), Identity(), pair=np.zeros((3, 2)))

    spread = parallel.spread(lambda key, state, one: (state[1] * one.y, jax.random.key_data(key)))
    results = spread(jax.random.key(3), (None, np.float32(2), None), items(), count)
    (first, key), seconds = next(results)
    assert len(read) == together and seconds > 0 and key.tolist() == [0, 3]
    np.testing.assert_array_equal([first, *(y for (y, _), _ in results)], 2 * np.arange(count)[:, None] * np.ones(3))
    assert read == list(range(count))


def test_resumed_on_other_device_counts(tmp_path, whole):
    """Two steps on four devices, two on one, two on four: within rounding of six on four."""
    for count, last in ((4, 3), (1, 5)):
        with of_devices(count), pytest.raises(Stop):
            run_fit(METHOD, steps=6, directory=tmp_path, on_step=stop_after(last), **OFTEN)
    back = leaves(run_fit(METHOD, steps=6, directory=tmp_path, **OFTEN))
    assert norm_of_difference(back, whole[1]) <= 1e-6


def test_resume_is_bit_equal_and_metrics_have_no_gap(tmp_path, whole):
    folder, unbroken = whole
    with pytest.raises(Stop):
        run_fit(METHOD, steps=6, directory=tmp_path, on_step=stop_after(5), **OFTEN)
    resumed = leaves(run_fit(METHOD, steps=6, directory=tmp_path, **OFTEN))
    for a, b in zip(unbroken, resumed):
        np.testing.assert_array_equal(a, b)
    without_time = lambda rows: [{k: v for k, v in row.items() if k != "seconds"} for row in rows]
    assert without_time(read_metrics(folder)) == without_time(read_metrics(tmp_path))


@pytest.mark.parametrize("count, game", [
    pytest.param(1, (), marks=pytest.mark.slow), pytest.param(10, (), marks=pytest.mark.slow), pytest.param(2, ("--game",), marks=pytest.mark.slow),
], ids=["1", "10", "game"])
def test_kills_at_random_moments(tmp_path, count, game):
    """kill -9 at random moments, a resume after each: the bits of the unbroken run, of both players in a game."""
    arguments = (20 + 20 * count, "--checkpoint-every", 5, *game)
    unbroken = worker(tmp_path / "whole", *arguments)
    generator = np.random.default_rng(0)
    kills = 0
    for _ in range(count):
        process = worker(tmp_path / "run", *arguments, wait=False)
        for line in process.stdout:  # from the first step on, a random moment of the steps and saves
            if line.startswith("step"):
                break
        time.sleep(generator.uniform(0.05, 0.6))
        if process.poll() is None:
            process.send_signal(signal.SIGKILL)
            kills += 1
        process.wait()
    assert kills >= 0.6 * count
    for a, b in zip(worker(tmp_path / "run", *arguments), unbroken):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("batch", [4, pytest.param(3, marks=pytest.mark.slow)])
def test_two_processes_train_one_model(tmp_path, batch, alone):
    """Through jax.distributed on loopback: one checkpoint, and the parameters of a single process.

    Of three devices each, two serve a batch of 4; a batch of 3 is no even number, and each process trains on all of it.
    """
    import socket

    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        port = probe.getsockname()[1]
    arguments = (4, "--batch", batch)
    both = [worker(tmp_path / "two", *arguments, "--coordinator", f"localhost:{port}", "--process", i, devices=3, wait=False) for i in (0, 1)]
    for process in both:
        output = process.communicate(timeout=240)[0]
        assert process.returncode == 0, output
    two = [value for _, value in sorted(np.load(tmp_path / "two" / "result.npz").items())]
    assert len(list((tmp_path / "two" / "checkpoints").glob("[0-9]*"))) >= 1
    restored = run_fit(METHOD, steps=4, batch=batch, directory=tmp_path / "two")  # complete already: only restores
    for a, b in zip(leaves(restored.trained.params), two):
        np.testing.assert_array_equal(a, b)
    assert norm_of_difference(two, alone if batch == 4 else worker(tmp_path / "one", *arguments)) <= 1e-6


def test_a_half_deleted_checkpoint_is_passed_over(tmp_path, whole):
    with pytest.raises(Stop):
        run_fit(METHOD, steps=6, directory=tmp_path, on_step=stop_after(5), **OFTEN)
    steps = sorted((tmp_path / "checkpoints").glob("[0-9]*"), key=lambda p: int(p.name))
    (steps[-1] / "_CHECKPOINT_METADATA").unlink()
    for a, b in zip(whole[1], leaves(run_fit(METHOD, steps=6, directory=tmp_path, **OFTEN))):
        np.testing.assert_array_equal(a, b)


def test_the_best_checkpoint_outlives_newer_ones(tmp_path):
    checkpoints = Checkpoints(tmp_path / "c", keep=2, watched="validation_loss")
    for step, loss in enumerate([5.0, 1.0, 4.0, 3.0, 6.0, 2.0], 1):
        state = {"a": jnp.full(3, float(step))}
        checkpoints.save(step, state, {"k": step}, {}, {"validation_loss": loss})
    checkpoints.wait()
    assert checkpoints.steps() == [2, 5, 6] and checkpoints.best() == 2
    step, state, place = checkpoints.restore(state, 2)
    assert float(state["a"][0]) == 2 and place == {"k": 2}
    checkpoints.close()


def test_a_full_disk_is_one_line_and_keeps_the_checkpoints_before(tmp_path, caplog, monkeypatch):
    """A file may grow to 100 kB, as if no more were free, when the second of two steps of 4 MB is saved."""
    printed = []
    monkeypatch.setattr(sys, "unraisablehook", printed.append)
    more = {f"b{i}": np.random.default_rng(i).standard_normal(50_000) for i in range(40)}   # whose writing is abandoned
    checkpoints, state = Checkpoints(tmp_path, keep=2), {"a": jax.random.normal(jax.random.key(0), (1_000_000,)), **more}
    checkpoints.save(1, state, {}, {}, {})
    checkpoints.wait()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(InputError, match="a checkpoint cannot be written .File too large.; those before it are whole"):
            checkpoints.save(2, state, {}, {}, {})
            checkpoints.wait()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    step, found, _ = Checkpoints(tmp_path, keep=2).restore(state)
    assert step == 1 and not [record for record in caplog.records if record.levelname == "ERROR"] and not printed
    np.testing.assert_array_equal(found["a"], state["a"])


@dataclass(frozen=True)
class Explodes(Learned):
    """Its loss is NaN at its third step."""

    network: object = UNet(depth=1, width=2)
    optimizer: Adam = Adam(decay=False)

    def loss(self, key, params, one):
        return jnp.mean(self.estimate(key, params, one) ** 2), {}

    def update(self, key, state, batch):
        state, metrics = super().update(key, state, batch)
        third = jax.tree.leaves(state.trained.memory)[0] == 3
        return state, {**metrics, "loss": jnp.where(third, jnp.nan, metrics["loss"])}


def test_a_loss_that_is_not_finite_stops_and_keeps_the_last_good_checkpoint(tmp_path):
    with pytest.raises(NonFinite, match="not finite at step 3; the last good checkpoint is of step 2"):
        run_fit(Explodes(), steps=8, directory=tmp_path, checkpoint_every=2)


@dataclass(frozen=True)
class Halve(Method):
    """x <- x / 2, with a held-out value that is least at the third step."""

    scope = "measurement"
    steps = 6

    def init(self, key, example):
        return example.y

    def update(self, key, state, batch):
        value = jnp.abs(jnp.mean(state) / 2 - jnp.mean(batch.y) / 8)
        return state / 2, {"held_out": value}

    def reconstruct(self, key, state, measurement):
        return state


def test_solve_keeps_the_best_by_the_held_out_metric():
    m = Measurement(jnp.full((4, 4, 1), 8.0), Identity())
    state, trace = solve(Halve(), jax.random.key(0), m)
    assert trace["held_out"].shape == (6,) and float(state.mean()) == 1.0
    both = jax.vmap(lambda y: solve(Halve(), jax.random.key(0), m.replace(y=y))[0])(jnp.stack([m.y, 2 * m.y]))
    assert both.mean((1, 2, 3)).tolist() == [1.0, 2.0]


def test_a_solution_in_pieces_and_after_a_kill_is_the_whole_one(tmp_path):
    """Two measurements side by side, and what goes on from a save midway, against the scan of all steps."""
    both = [Measurement(np.full((4, 4, 1), value, np.float32), Identity()) for value in (8.0, 16.0)]
    expected = [solve(Halve(), jax.random.key(0), jax.tree.map(jnp.asarray, m)) for m in both]
    saves, reports, answers = [], [], Answers(tmp_path)
    at, seconds = Solver(Halve(), jax.random.key(0))(both, save=saves.append, report=lambda *told: reports.append(told))
    for (solving, trace), (state, whole) in zip(at, expected):
        np.testing.assert_array_equal(solving.answer, state)
        np.testing.assert_array_equal(trace["held_out"], whole["held_out"])
    assert len(saves) > 1 and reports[-1] == (6, {"held_out": float(expected[0][1]["held_out"][-1])}) and seconds > 0
    answers.save(2, saves[0])
    again, _ = Solver(Halve(), jax.random.key(0))(both, saved=lambda like: answers.saved(2, like), save=saves.append)
    assert int(saves[0][0][0].steps) == 1 and len(saves) > 2
    jax.tree.map(np.testing.assert_array_equal, again, at)
    assert answers.saved(0, at) is at                               # it is of other measurements


def test_what_was_answered_is_not_solved_again(tmp_path):
    """A second estimator on the same folder gives the kept answers, and solves what is missing."""
    measurements = [Measurement(np.full((4, 4, 1), value, np.float32), Identity()) for value in (8.0, 16.0)]
    told = []
    settings = {"answers": Answers(tmp_path), "report": lambda *step: told.append(step)}
    first = list(estimator(Halve(), None, jax.random.key(0), **settings)(measurements))
    count = len(told)
    again = list(estimator(Halve(), None, jax.random.key(0), **settings)(measurements))
    assert count > 0 and len(told) == count
    for (a, seconds, losses), (b, *others) in zip(first, again):
        np.testing.assert_array_equal(a, b)
        assert others[0] == seconds and others[1]["validation_loss"].tolist() == losses["validation_loss"].tolist()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["answer-0.npz", "answer-1.npz"]


@dataclass(frozen=True)
class Unwatched(Learned):
    """Logs two metrics, and reports one at a validation that is no loss."""

    network: object = UNet(depth=1, width=2)

    def loss(self, key, params, one):
        return jnp.mean(self.estimate(key, params, one) ** 2), {"size": jnp.mean(one.y)}

    def validate(self, key, state, batch):
        return {"distance": jnp.mean(batch.y)}


def test_every_metric_is_kept_and_the_latest_state_where_none_chooses(tmp_path):
    state = run_fit(Unwatched(), steps=4, directory=tmp_path, checkpoint_every=2, log_every=2, use="best")
    rows = read_metrics(tmp_path)
    assert {"loss", "size"} <= rows[0].keys() and [row["step"] for row in rows if "validation_distance" in row] == [2, 4]
    assert int(parallel.local(state).trained.steps) == 4


def test_solve_without_a_held_out_metric_returns_the_last_state():
    class Plain(Halve):
        def update(self, key, state, batch):
            return state / 2, {}

    state, _ = solve(Plain(), jax.random.key(0), Measurement(jnp.full((4, 4, 1), 64.0), Identity()))
    assert float(state.mean()) == 1.0
