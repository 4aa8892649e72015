"""Wall time and process CPU time of repeated calls."""

import time
from collections.abc import Callable

import jax
import numpy as np


def timed(call: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median wall and CPU milliseconds of `call`, after one call that is not counted."""
    return timed_in_turns({"": call}, repeats, together=repeats)[""]


def timed_in_turns(calls: dict[str, Callable[[], object]], repeats: int, *, together: int = 3) -> dict[str, dict[str, float]]:
    """The same of several calls on a machine whose speed changes: each in its turn, `together` times in a row.

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
