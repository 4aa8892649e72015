"""What a run leaves to be read: its table of scores, its figures and its report, of what each method made."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from unsup_jax.core import Measurement
from unsup_jax.data.parts import in_memory
from unsup_jax.evaluate import report, viewer
from unsup_jax.evaluate.base import Analysis
from unsup_jax.evaluate.metrics import scores
from unsup_jax.files import make_folder
from unsup_jax.lazy import Lazy
from unsup_jax.train.checkpoint import write_json
from unsup_jax.trust import page
from unsup_jax.trust.report import Trust

figures, trust_figure = Lazy("unsup_jax.evaluate.figures"), Lazy("unsup_jax.trust.figure")

SHOWN = 36  # samples of the report's grid


@dataclass(frozen=True)
class Result:
    """What one method made of the test measurements, or from nothing."""

    label: str
    row: dict[str, Any]
    """Its row of the table."""
    estimates: list[np.ndarray]
    """One of each test measurement, or of the first alone where they stay on the disk; none of a method that makes images from nothing alone."""
    history: list[dict]
    """The metrics of its steps."""
    folder: Path
    """Where its own figures belong."""
    draws: np.ndarray | None = None
    """Draws [N, *S, C] of x given the first test measurement, of a method that makes some."""
    images: dict[str, np.ndarray] = field(default_factory=dict)
    """Grids of images [rows, columns, *S, C] that the method shows, by their caption."""
    samples: np.ndarray | None = None
    """Images [N, *S, C] made from nothing, of a method that makes some."""
    trust: Trust | None = None
    """What the first test measurement says of its estimate, without truth."""


def mean_scores(estimates: Iterable[np.ndarray], measurements: Sequence[Measurement]) -> dict[str, float]:
    """Each score against the truth, in the mean over those measurements that have one; nothing where there is nothing to score."""
    each = [scores(e, np.asarray(m.truth)) for e, m in zip(estimates, measurements) if m.truth is not None]
    return {name: float(np.mean([s[name] for s in each])) for name in each[0]} if each else {}


def summarise(
    results: Sequence[Result], test: Sequence[Measurement], reference: Sequence[np.ndarray], directory: Path, *, title: str,
    subject: str | None, analysis: Analysis | None, notes: Sequence[str], details: dict[str, str], say: Callable[[str], None],
    images: bool = True,
) -> None:
    """Write `scores.json`, `trust.json`, the figures and `report.html` into `directory`, and `say` the table and the summary.

    `images` says whether the measurements are images, which are shown beside their estimates where they are of one shape.
    """
    first = in_memory(test[0])
    estimated = [r for r in results if r.estimates]
    noisy = images and bool(estimated) and first.y.shape == estimated[0].estimates[0].shape
    rows = [{"method": "noisy", "sees": None, **mean_scores((np.asarray(m.y) for m in test), test)}] if noisy else []
    rows += [r.row | _analysed(analysis, r, test, reference) for r in results]
    made = _figures(results, rows, np.asarray(first.y) if noisy else None, first, directory)
    lines = _summary(rows, subject, len(test), first, notes)
    if analysis is not None:
        series = {r.label: r.estimates for r in estimated}
        if first.truth is not None:
            series["truth"] = [m.truth for m in test]
            found = analysis.scores(series["truth"], test, reference)
            if found:
                lines.append("Of the truth: " + ", ".join(f"{name} {report.cell(name, value)}" for name, value in found.items()) + ".")
        made |= analysis.figures(directory, series)
        if drawn := {r.label: r.samples for r in results if r.samples is not None}:
            made |= analysis.sample_figures(directory, drawn, reference, {r.label: r.estimates for r in estimated})
    write_json(directory / "scores.json", rows)
    judged = {r.label: r.trust for r in results if r.trust is not None}
    write_json(directory / "trust.json", {label: [asdict(finding) for finding in each.findings] for label, each in judged.items()})
    section = page.section(judged, {r.label: path for r in results if (path := _trust_figure(r)) is not None}, subject)
    say("\n" + report.text_table(rows) + "\n")
    for line in lines:
        say(line)
    for line in _trusted(judged):
        say(line)
    report.page(
        directory / "report.html", title=title, summary=lines, rows=rows, figures=made, details=details, section=section,
        linked=viewer.section({r.label: r.estimates for r in estimated}, test, noisy=noisy),
    )
    say(f"report: {directory / 'report.html'}")


def _trust_figure(result):
    if result.trust is None:
        return None
    make_folder(result.folder)
    path = result.folder / "trust.png"
    return path if trust_figure.draw(path, result.trust, result.estimates[0]) else None


def _trusted(judged):
    """A line for each estimate that not all speaks for."""
    named = {label: [f"{f.name} {f.light}" for f in each.findings if f.light != "green"] for label, each in judged.items()}
    return [f"Without truth, {label}: {', '.join(faults)}; the report says why." for label, faults in named.items() if faults]


def _analysed(analysis, result, test, reference):
    if analysis is None:
        return {}
    columns = analysis.scores(result.estimates, test, reference) if result.estimates else {}
    return columns if result.samples is None else columns | analysis.sample_scores(result.samples, reference)


def _figures(results, rows, noisy, first, directory):
    """The figures of the report by their caption."""
    made, images = {}, {} if noisy is None else {"noisy": noisy}
    images |= {r.label: r.estimates[0] for r in results if r.estimates}
    truth = None if first.truth is None else np.asarray(first.truth)
    if images:
        made["Images, a crop of each, and residuals"] = directory / "images.png"
        captions = {row["method"]: f"{row['psnr']:.2f} dB" for row in rows if "psnr" in row}
        figures.comparison(directory / "images.png", images, captions, truth)
    trained = {r.label: r.history for r in results if r.history}
    if trained:
        figures.curves(directory / "curves.png", trained)
        made["Training and validation loss"] = directory / "curves.png"
    if images and truth is not None:
        figures.ring_correlations(directory / "frc.png", images, truth)
        made["Fourier ring correlation with the truth"] = directory / "frc.png"
    drawn = {r.label: r.draws for r in results if r.draws is not None}
    for r in results:
        if r.draws is not None:
            made[f"Draws of x given y by {r.label}"] = r.folder / "diversity.png"
            figures.diversity(r.folder / "diversity.png", np.asarray(first.y), r.draws, truth)
        for caption, grid in r.images.items():
            path = r.folder / (re.sub(r"\W+", "_", caption.lower()) + ".png")
            figures.grid(path, grid)
            made[f"{r.label}: {caption}"] = path
        if r.samples is not None:
            made[f"{r.label}: samples"] = r.folder / "samples.png"
            figures.grid(r.folder / "samples.png", _squared(r.samples[:SHOWN]))
    if drawn and truth is not None:
        figures.calibrations(directory / "calibration.png", drawn, truth)
        made["Error against predicted deviation, and coverage of intervals"] = directory / "calibration.png"
    return made


def _squared(samples):
    """[N, *S, C] in rows of one length, as many as their number; those that fill no row are left out."""
    columns = max(1, int(np.sqrt(len(samples))))
    return samples[: len(samples) // columns * columns].reshape(-1, columns, *samples.shape[1:])


def _summary(rows, subject, count, first, notes):
    lines = [f"{count} test image{'s' * (count > 1)} of shape {' x '.join(map(str, first.y.shape))}."]
    by_label = {row["method"]: row for row in rows}
    mine = by_label.get(subject, {}).get("psnr")
    if mine is not None:
        others = [(label, row["psnr"]) for label, row in by_label.items() if label != subject and "psnr" in row]
        if others:
            lines.append(f"{subject}: " + ", ".join(f"{mine - value:+.2f} dB against {label}" for label, value in others) + ".")
        lines.append("PSNR and SSIM take the range of the truth; FRC ½ is the resolution, in pixels, at which the correlation with "
                     "the truth falls below one half. Methods that see nothing train on every noisy pixel; those that see "
                     "the truth train on the part of the data that is not scored.")
    elif first.truth is None:
        lines.append("There is no truth to score against: judge by what the data say of each estimate, below, by the images and the validation loss.")
    return [*lines, *notes]
