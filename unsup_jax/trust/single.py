"""The trust report of one estimate as a page of its own, self-contained."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unsup_jax.evaluate import figures, report
from unsup_jax.trust import figure, page
from unsup_jax.trust.report import Trust


def write(path: Path, trust: Trust, estimate: np.ndarray, *, title: str, label: str, lines: Sequence[str], y: np.ndarray | None = None) -> None:
    """Write the report of an `estimate` by the method `label` to an HTML file, beside the measurement `y` where that is an image like it."""
    with tempfile.TemporaryDirectory() as folder:
        images, picture = Path(folder) / "images.png", Path(folder) / "trust.png"
        shown = {} if y is None or y.shape != estimate.shape else {"measured": y}
        figures.comparison(images, shown | {label: estimate}, {}, None)
        drawn = {label: picture} if figure.draw(picture, trust, estimate) else {}
        report.page(path, title=title, summary=lines, rows=[], figures={"Images, and a crop of each": images}, details={},
                    section=page.section({label: trust}, drawn, label))
