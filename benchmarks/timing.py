"""Wall time and process CPU time of repeated calls, and memory."""

import ctypes
import math
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jax
import numpy as np

from benchmarks import peers
from unsup_jax.core import Measurement, Method
from unsup_jax.train import parallel


def timed_in_turns(calls: dict[str, Callable[[], object]], repeats: int, *, together: int = 3) -> dict[str, dict[str, float]]:
    """Median wall and CPU milliseconds of calls on a machine whose speed changes: each in its turn, `together` times in a row.

    The first call of a turn is not counted, since another's threads may still be spinning. One of more than two seconds
    is called twice in all.
    """
    taken = {who: [] for who in calls}
    for turn in range(-(-repeats // together)):
        for who, call in calls.items():
            if turn and taken[who][0][0] > 2:
                continue
            began = time.perf_counter()
            jax.block_until_ready(call())
            for _ in range(together if time.perf_counter() - began < 2 else 1):
                before = time.perf_counter(), time.process_time()
                jax.block_until_ready(call())
                taken[who].append((time.perf_counter() - before[0], time.process_time() - before[1]))
    medians = {who: np.median(times, 0) * 1e3 for who, times in taken.items()}
    return {who: {"wall_ms": float(wall), "cpu_ms": float(cpu)} for who, (wall, cpu) in medians.items()}


def training_step(method: Method, batch: Measurement) -> tuple[Callable, dict[str, float], Any]:
    """The update of a batch as `fit` plans and maps it, the figures of its compilation, and the state it begins with."""
    method = method.planned(1, parallel.samples_at_once(math.prod(batch.y.shape[1:])))
    replicas = parallel.Replicas.of(len(batch.y))
    state = replicas.place(jax.jit(method.init)(jax.random.key(0), batch))
    arguments = jax.random.key(1), state, replicas.shard(batch)
    update, figures = compiled(replicas.map(method.update), *arguments)
    return lambda: update(*arguments), figures, parallel.local(state)


def rows_of(
    case: str, ours: Callable, figures: dict, repeats: int, peer: Callable[[], tuple[Callable, str]] | None = None, who: str = "torch",
) -> Iterator[dict]:
    """The row of our call, with the figures of its compilation, and that of the same by a peer, PyTorch or `who`, where one is given.

    `peer()` makes (its call, in words how far its results are from ours).
    """
    calls, note = {"ours": ours}, None
    if peer is not None:
        try:
            calls[who], agreement = peer()
            memory = peak_memory(calls[who])
        except ImportError as error:
            note = peers.not_installed(error)
    times = timed_in_turns(calls, repeats)
    yield {"case": case, "who": "ours", **times["ours"], **figures}
    if who in times:
        wall, cpu = (times[who][unit] / times["ours"][unit] for unit in ("wall_ms", "cpu_ms"))
        yield {"case": case, "who": who, **times[who], "memory_mb": memory,
               "note": f"{wall:.2f}x our wall time, {cpu:.2f}x CPU, {agreement}"}
    elif note is not None:
        yield {"case": case, "who": who, "note": note}


def compiled(function: Callable, *arguments) -> tuple[Callable, dict[str, float]]:
    """The compiled function of a jitted or mapped one, with its compile time and the memory of its buffers."""
    lowered = function.lower(*arguments)
    began = time.perf_counter()
    program = lowered.compile()
    figures = {"compile_s": time.perf_counter() - began}
    analysis = program.memory_analysis()
    if analysis is not None:
        total = analysis.temp_size_in_bytes + analysis.argument_size_in_bytes + analysis.output_size_in_bytes
        figures["memory_mb"] = total / 2**20
    return program, figures


def peak_memory(call: Callable[[], object]) -> float | None:
    """Megabytes that the process grew by at the most during `call`; None off Linux. For peers, whose buffers are not known."""
    try:
        ctypes.CDLL("libc.so.6").malloc_trim(0)                # else the call finds pages that others left
        resident = _resident("VmRSS")
        Path("/proc/self/clear_refs").write_text("5")  # begins the record anew
        call()
        return _resident("VmHWM") - resident
    except OSError:
        return None


def _resident(what):
    return int(re.search(rf"{what}:\s*(\d+) kB", Path("/proc/self/status").read_text())[1]) / 2**10
