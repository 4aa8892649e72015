"""Figures of the site, from runs: python docs/gallery.py RUN ...

Of each run's folder, the first of its figures is kept as `docs/gallery/EXPERIMENT.webp`, and what it is of in `docs/gallery/runs.json`.
"""

import json
import re
import shlex
import sys
from pathlib import Path

from PIL import Image

GALLERY = Path(__file__).resolve().parent / "gallery"
FIGURES = ("volumes.png", "series.png", "sections.png", "phases.png", "images.png", "*/samples.png")
"""Of a run, in the order of preference."""
WIDTH = 1200
"""Pixels, at most."""


def main(runs: list[str]) -> None:
    """Take the figures of runs; `SystemExit` on a folder that is none."""
    GALLERY.mkdir(exist_ok=True)
    index = GALLERY / "runs.json"
    known = json.loads(index.read_text()) if index.exists() else {}
    for run in map(Path, runs):
        if not (run / "config.json").exists():
            raise SystemExit(f"{run}: no run here (no config.json)")
        configuration = json.loads((run / "config.json").read_text())
        figure = next((file for name in FIGURES for file in sorted(run.glob(name))), None)
        if figure is None:
            raise SystemExit(f"{run}: has none of {', '.join(FIGURES)}")
        name, of = configuration["experiment"], configuration["made"]
        image = Image.open(figure).convert("RGB")
        if image.width > WIDTH:
            image = image.resize((WIDTH, round(image.height * WIDTH / image.width)), Image.Resampling.LANCZOS)
        image.save(GALLERY / f"{name}.webp", quality=72, method=6)
        known[name] = {"command": command(of["command"]), "date": of["date"][:10], "version": of["version"]}
    index.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def command(text: str) -> str:
    """A run's command as another would give it: the program by its name, without its output, and own files by what they are."""
    words = shlex.split(text)
    words = words[next(i for i, word in enumerate(words) if word in ("run", "compare")):]
    if "--out" in words:
        place = words.index("--out")
        del words[place : place + 2]
    return "unsup-jax " + " ".join("RUN" if before == "--prior" else "FILE" if re.match(r"[/~.]", word) else word for before, word in zip(["", *words], words))


if __name__ == "__main__":
    main(sys.argv[1:])
