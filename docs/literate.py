"""Pages of Markdown whose blocks run, one after another, in one folder and one namespace.

Blocks of `python` are executed; of blocks of `sh`, the lines that begin with `unsup-jax` go through the command line's own `main`.
    python docs/literate.py docs/tutorials/*.md      runs pages in full, and keeps beside each the pictures that it shows
"""

import contextlib
import os
import re
import shlex
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def blocks(text: str) -> Iterator[tuple[str, str]]:
    """(language, code) of each fenced block."""
    return iter(re.findall(r"^```(\w+)\n(.*?)^```$", text, re.S | re.M))


def pictures(text: str) -> list[str]:
    """Names of the pictures that a page shows from its own folder."""
    return re.findall(r"!\[[^\]]*\]\(([\w-]+\.png)\)", text)


def perform(text: str, *, steps: int | None = None) -> None:
    """Run a page in the working folder; with `steps`, no training is longer than that, which tells that it runs and not what it finds."""
    if steps is not None:
        text = re.sub(r"(\bsteps[= ])(\d+)", lambda found: f"{found[1]}{min(int(found[2]), steps)}", text)
    scope = {"__name__": "page"}
    for language, code in blocks(text):
        if language == "python":
            exec(compile(code, "page", "exec", dont_inherit=True), scope)
        elif language == "sh":
            for line in code.replace("\\\n", " ").splitlines():
                if line.startswith("unsup-jax "):
                    command(shlex.split(line, comments=True)[1:])


def command(arguments: list[str]) -> None:
    """A command of the program's command line, which must succeed."""
    from experiments.__main__ import main

    if main(arguments):
        raise RuntimeError(f"unsup-jax {shlex.join(arguments)}: failed")


def main(pages: list[str]) -> None:
    """Run pages, and put the pictures that they show beside them."""
    import matplotlib

    matplotlib.use("Agg")
    for page in map(Path, pages):
        text = page.read_text()
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            perform(text)
            made = {name: Path(name).read_bytes() for name in pictures(text)}
        for name, content in made.items():
            page.with_name(name).write_bytes(content)
        print(f"{page}: {len(made)} pictures")


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    os.environ.setdefault("JAX_NUM_CPU_DEVICES", "1")  # commands leave the devices of this process as they are
    os.environ.setdefault("NPROC", "3")                # a callback needs a thread beside that of the computation
    main([str(Path(page).resolve()) for page in sys.argv[1:]])
