"""A program starts again with huge pages: once, as it was called, and only where nobody has chosen otherwise."""

import os
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif("CS_GNU_LIBC_VERSION" not in getattr(os, "confstr_names", ()), reason="not the GNU C library")

PROGRAM = """
import os, sys
print("start", flush=True)
from unsup_jax import huge_pages
huge_pages.restart()
print(os.environ["GLIBC_TUNABLES"], sys.argv[1:], sys.flags.optimize, "jax" in sys.modules)
"""


def said(tmp_path, **environment):
    (tmp_path / "program.py").write_text(PROGRAM)
    kept = {k: v for k, v in os.environ.items() if k != "GLIBC_TUNABLES"}
    command = [sys.executable, "-O", tmp_path / "program.py", "a b", "--c"]
    return subprocess.run(command, env=kept | environment, check=True, capture_output=True, text=True).stdout.splitlines()


def test_restarts_once_with_the_same_words(tmp_path):
    assert said(tmp_path) == ["start", "start", "glibc.malloc.hugetlb=1 ['a b', '--c'] 1 False"]


@pytest.mark.parametrize("chosen", ["", "glibc.malloc.hugetlb=0"])
def test_leaves_what_was_chosen(tmp_path, chosen):
    assert said(tmp_path, GLIBC_TUNABLES=chosen) == ["start", f"{chosen} ['a b', '--c'] 1 False"]


def test_a_callback_to_the_host_ends_on_a_single_core():
    """It holds a thread of XLA's, and its argument's copy takes another one; where that was not there, estimates of noise waited for ever."""
    program = """
import os
os.sched_setaffinity(0, list(os.sched_getaffinity(0))[:1])
from unsup_jax.train import parallel
parallel.configure()
import jax, jax.numpy as jnp
from unsup_jax.methods.classical.callback import numbers_on_host
y = jax.random.normal(jax.random.key(0), (32768, 1))
mean = jax.jit(lambda y, k: numbers_on_host(lambda y: y.mean(), jnp.fft.ifft(jnp.fft.fft(y, axis=0), axis=0).real, 1) + k)
power = jax.jit(lambda y: jnp.linalg.norm(jnp.sort(y * 2, axis=0)))
for k in range(20):
    y = y + 0 * power(y)
    found = mean(y, k)
print(len(jax.devices()), found)
"""
    env = {k: v for k, v in os.environ.items() if k not in ("NPROC", "XLA_FLAGS", "JAX_NUM_CPU_DEVICES")} | {"JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, env=env)
    assert done.returncode == 0 and done.stdout.startswith("1 [18.99"), done.stderr[-500:]
