"""The trust reports of a run as a section of its page: one table of all methods, and the lights of each with their reasons."""

import base64
import html
from collections.abc import Mapping
from pathlib import Path

from unsup_jax.trust.report import Trust

STYLE = """
.light { display: inline-block; min-width: 3.6em; padding: 0 .5em; border-radius: .8em; text-align: center; font-size: .85em; color: #fff; }
.green { background: #0b7a55; } .amber { background: #f0b429; color: #222; } .red { background: #b3261e; }
ul.findings { list-style: none; padding-left: 0; } ul.findings li { margin: .35rem 0; }
"""
"""CSS of the section; each light has its word too, for those who tell no colours apart."""


def section(reports: Mapping[str, Trust], figures: Mapping[str, Path], subject: str | None) -> str:
    """HTML of the reports by the label of their method; that of the `subject`, or the only one, is open."""
    if not reports:
        return ""
    return (
        "<h2>Can it be trusted?</h2><p>What the first test measurement says of each estimate, without truth. Green: nothing was found; amber: look "
        "at it; red: do not rely on the estimate before this is understood. In the map of what the data do not support, yellow and red lie "
        f"where most of the fine structure comes of the noise.</p>{_table(reports)}"
        + "".join(_block(label, report, figures.get(label), label == subject or len(reports) == 1) for label, report in reports.items())
    )


def _block(label, report, figure, is_open):
    findings = "".join(f"<li>{_light(f.light)} <b>{html.escape(f.name)}</b>: {html.escape(f.words)}</li>" for f in report.findings)
    return (f"<details{' open' if is_open else ''}><summary>{_light(report.light)} {html.escape(label)}</summary><ul class=findings>{findings}</ul>"
            f"{_picture(label, figure)}<p>Estimates made for this: {report.estimations}.</p></details>")


def _table(reports):
    heads = ("method", "light", "blind risk", "at held-out data", "χ² of the residual", "whiteness p", "comes of the noise", "halves agree to (px)")
    rows = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in _cells(label, report)) + "</tr>" for label, report in reports.items())
    return f"<table><thead><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr></thead><tbody>{rows}</tbody></table>"


def _cells(label, report):
    absent = "–"
    yield html.escape(label)
    yield _light(report.light)
    for risk in (report.risk, report.held_out):
        yield absent if risk is None else f"{risk.value:.3g} ± {risk.error:.2g}"
    yield absent if report.chi_square is None else f"{report.chi_square:.2f}"
    yield absent if report.whiteness is None else f"{report.whiteness.p:.2g}"
    yield absent if report.renoised is None else f"{report.renoised.part:.0%}"
    yield absent if report.halves is None else f"{report.halves.resolution():.1f}"


def _light(light):
    return f"<span class='light {light}'>{light}</span>"


def _picture(label, path):
    if path is None:
        return ""
    data = base64.b64encode(path.read_bytes()).decode()
    return f"<figure><img alt='trust report of {html.escape(label)}' src='data:image/png;base64,{data}'></figure>"
