"""Wall time and process CPU time of repeated calls."""

import time
from collections.abc import Callable

import jax
import numpy as np


def timed(call: Callable[[], object], repeats: int) -> dict[str, float]:
    """Median wall and CPU milliseconds of `call`, after one call that is not counted."""
    jax.block_until_ready(call())
    wall, cpu = [], []
    for _ in range(repeats):
        before = time.perf_counter(), time.process_time()
        jax.block_until_ready(call())
        wall.append(time.perf_counter() - before[0])
        cpu.append(time.process_time() - before[1])
    return {"wall_ms": float(np.median(wall)) * 1e3, "cpu_ms": float(np.median(cpu)) * 1e3}


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
