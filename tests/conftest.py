"""Tests run on four virtual devices, with strict numerics and a persistent compilation cache."""

import gc
import itertools
import os
from pathlib import Path

os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["UNSUP_JAX_WEIGHTS"] = ""  # plug-and-play is the same whatever is installed
os.environ["XLA_FLAGS"] = os.environ.get("XLA_FLAGS", "") + " --xla_force_host_platform_device_count=4"

import jax  # noqa: E402
import pytest  # noqa: E402

from unsup_jax.train import parallel  # noqa: E402

parallel.configure()
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


MAPS, ENDED = Path("/proc/self/maps"), itertools.count(1)


def pytest_runtest_teardown():
    """Programs are let go before they map as many pieces of memory as Linux lets a process have, 65530, where XLA would crash."""
    if next(ENDED) % 20 == 0 and MAPS.exists() and MAPS.read_bytes().count(b"\n") > 30_000:
        jax.clear_caches()
        gc.collect()


@pytest.fixture
def shared_data() -> Path:
    """Real data that do not ship with the project; a test that asks for them skips where they are absent."""
    if not SHARED.is_dir():
        pytest.skip(f"real data are not at {SHARED}")
    return SHARED


@pytest.fixture
def quick_compilation():
    """XLA's passes left out, which halves the time of tests that compile much and compute little."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def all_passes(quick_compilation):
    """XLA's passes again, for a test that computes much in a module of those that compile much."""
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def standard_promotion():
    """JAX's usual promotion of types, for code that goes through a library which mixes them."""
    with jax.numpy_dtype_promotion("standard"):
        yield


@pytest.fixture
def double():
    """float64 arithmetic for the length of a test."""
    jax.config.update("jax_enable_x64", True)
    yield
    jax.config.update("jax_enable_x64", False)
