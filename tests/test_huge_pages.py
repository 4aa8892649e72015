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
