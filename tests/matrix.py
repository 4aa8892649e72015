"""The wheel in clean environments, of each Python and JAX that it is for, by a quick part of the tests: `make matrix`.

    python tests/matrix.py [--python 3.11 3.12 3.13] [--jax 0.10 0.11 0.12] [--folder build/matrix]

Of each combination the wheel is installed into a virtual environment of its own, which holds nothing else than what it asks for and pytest,
and tested without the checkout. Interpreters that are not on this machine, and combinations that JAX was not released for, are told. Ends
with code 1 where a test fails, or where no combination could be tested.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
QUICK = ("test_core.py", "test_noise.py", "test_version.py")
WITH = ("helpers.py", "conftest.py")
IMPORTS = "import unsup_jax, unsup_jax.fitted, unsup_jax.apply, unsup_jax_experiments._commands; print(unsup_jax.__version__, unsup_jax.__file__)"


def interpreter(version):
    """A Python of that version, by name, of pyenv or by uv; None where there is none."""
    kept = sorted(Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv").glob(f"versions/{version}.*/bin/python"))
    asked = [[f"python{version}", "-c", "import sys; print(sys.executable)"], *([str(path), "-c", "import sys; print(sys.executable)"] for path in kept),
             ["uv", "python", "find", version]]
    for words in asked:
        try:
            return subprocess.run(words, capture_output=True, text=True, check=True, cwd=Path.home()).stdout.strip()
        except (OSError, subprocess.CalledProcessError):
            continue
    return None


def built(folder):
    """The wheel of this checkout, built in an environment of its own."""
    shutil.rmtree(folder / "wheel", ignore_errors=True)
    subprocess.run([sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder / "wheel", ROOT], check=True)
    return next((folder / "wheel").glob("*.whl"))


def tried(python, jax, wheel, folder):
    """What became of one combination, in words; "passed ..." where it is well."""
    place = folder / f"python{python[0]}-jax{jax}"
    shutil.rmtree(place, ignore_errors=True)
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")} | {"JAX_PLATFORMS": "cpu"}
    subprocess.run([python[1], "-m", "venv", place], check=True)
    own = place / "bin" / "python"
    done = subprocess.run([own, "-m", "pip", "install", "--quiet", f"{wheel}", f"jax=={jax}.*", "pytest", "setuptools"], env=clean, capture_output=True, text=True)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1]
        return f"absent: JAX {jax} was not released for it" if "No matching distribution found for jax" in reason else f"not installed: {reason}"
    tests = place / "checkout" / "tests"
    tests.mkdir(parents=True)
    for name in (*QUICK, *WITH):
        shutil.copy(ROOT / "tests" / name, tests)
    for name in ("setup.py", "CHANGELOG.md", "CITATION.cff", ".zenodo.json"):
        shutil.copy(ROOT / name, tests.parent)
    (tests.parent / "unsup_jax").mkdir()                             # beside the tests, not on their path
    shutil.copy(ROOT / "unsup_jax" / "__init__.py", tests.parent / "unsup_jax")
    (tests / "pytest.ini").write_text('[pytest]\npythonpath = .\nmarkers = slow\n    tutorial\naddopts = -m "not slow" --strict-markers -p no:cacheprovider\n')
    done = subprocess.run([own, "-c", IMPORTS], cwd=tests, env=clean, capture_output=True, text=True)
    if done.returncode or str(place) not in done.stdout:
        return f"failed to import: {(done.stderr or done.stdout).strip().splitlines()[-1]}"
    done = subprocess.run([own, "-m", "pytest", "-q", *QUICK], cwd=tests, env=clean, capture_output=True, text=True)
    said = done.stdout.strip().splitlines()
    return f"passed: {said[-1]}" if done.returncode == 0 else "failed:\n" + "\n".join(said[-30:])


def main():
    """Try every combination."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", nargs="*", default=["3.11", "3.12", "3.13"])
    parser.add_argument("--jax", nargs="*", default=["0.10", "0.11", "0.12"])
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "matrix")
    given = parser.parse_args()
    folder = given.folder.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    wheel, rows = built(folder), []
    for python in given.python:
        found = interpreter(python)
        for jax in given.jax if found else ("any",):
            rows.append(tried((python, found), jax, wheel, folder) if found else "absent: no such interpreter here")
            print(f"Python {python}, JAX {jax}: {rows[-1]}", flush=True)
    sys.exit(any(row.startswith(("failed", "not installed")) for row in rows) or not any(row.startswith("passed") for row in rows))


if __name__ == "__main__":
    main()
