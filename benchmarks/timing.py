"""Wall time and process CPU time of repeated calls, and memory."""

import ctypes
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import jax
import numpy as np


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


def rows_of(case: str, ours: Callable, figures: dict, repeats: int, torch: Callable | None = None, agreement: str = "") -> Iterator[dict]:
    """The row of our training step, with the figures of its compilation, and where given that of PyTorch's."""
    calls = {"ours": ours}
    if torch:
        calls["torch"], memory = torch, peak_memory(torch)
    ours, *theirs = timed_in_turns(calls, repeats).values()
    yield {"case": case, "who": "ours", **ours, **figures}
    for theirs in theirs:
        note = f"{theirs['wall_ms'] / ours['wall_ms']:.2f}x our wall time, {theirs['cpu_ms'] / ours['cpu_ms']:.2f}x CPU, {agreement}"
        yield {"case": case, "who": "torch", **theirs, "memory_mb": memory, "note": note}


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
