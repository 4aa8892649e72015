"""Tables in text, and one self-contained HTML page a run."""

import base64
import html
import math
from collections.abc import Sequence
from pathlib import Path

from unsup_jax.evaluate import viewer
from unsup_jax.trust.page import STYLE

Row = dict[str, object]

COLUMNS = {
    "method": "method", "sees": "sees", "psnr": "PSNR (dB)", "ssim": "SSIM", "psnr_affine": "affine PSNR (dB)",
    "nmse": "NMSE", "frc": "FRC ½ (px)", "train_seconds": "training (s)", "seconds": "inference (s)",
}
_DIGITS = {"psnr": 2, "ssim": 3, "psnr_affine": 2, "nmse": 5, "frc": 2, "train_seconds": 1, "seconds": 2}


def cell(name: str, value: object) -> str:
    """A value as the tables show it; an absent one is a dash."""
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:.{_DIGITS.get(name, 3)}f}" if math.isfinite(value) else "∞" if value > 0 else str(value)
    return str(value)


def columns_of(rows: Sequence[Row]) -> dict[str, str]:
    """The columns that the rows have, with their headings: the known ones, then those that are their own heading."""
    named = {name for row in rows for name in row}
    others = [name for row in rows for name in row if name not in COLUMNS]
    return {name: title for name, title in COLUMNS.items() if name in named} | {name: name for name in others}


def text_table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    columns = columns_of(rows)
    lines = [[*columns.values()]]
    lines += [[cell(name, row.get(name)) for name in columns] for row in rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    align = [str.ljust if name in ("method", "sees") else str.rjust for name in columns]
    text = ["  ".join(a(c, w) for a, c, w in zip(align, line, widths)).rstrip() for line in lines]
    return "\n".join([text[0], "-" * max(map(len, text)), *text[1:]])


def page(
    path: Path, *, title: str, summary: Sequence[str], rows: Sequence[Row], figures: dict[str, Path], details: dict[str, str], section: str = "",
    linked: str = "",
) -> None:
    """Write the report: summary, table, `linked` viewer and figures embedded, a `section` of HTML, and details folded away."""
    columns = columns_of(rows)
    best = {
        name: (min if name in ("nmse", "frc") else max)(values)
        for name in ("psnr", "ssim", "psnr_affine", "nmse", "frc")
        if (values := [row[name] for row in rows if isinstance(row.get(name), float)])
    }
    head = "".join(f"<th>{html.escape(title)}</th>" for title in columns.values())
    body = "".join(
        "<tr>" + "".join(
            f"<td{' class=best' if name in best and row.get(name) == best[name] else ''}>{html.escape(cell(name, row.get(name)))}</td>"
            for name in columns
        ) + "</tr>" for row in rows
    )
    pictures = "".join(
        f"<figure><img alt='{html.escape(caption)}' src='data:image/png;base64,{base64.b64encode(file.read_bytes()).decode()}'>"
        f"<figcaption>{html.escape(caption)}</figcaption></figure>" for caption, file in figures.items()
    )
    folded = "".join(
        f"<details><summary>{html.escape(name)}</summary><pre>{html.escape(text)}</pre></details>" for name, text in details.items()
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>" if rows else ""
    paragraphs = "".join(f"<p>{html.escape(line)}</p>" for line in summary)
    path.write_text(f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{html.escape(title)}</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1600px; padding: 0 1rem; color: #222; }}
table {{ border-collapse: collapse; margin: 1rem 0; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .8rem; border-bottom: 1px solid #ddd; text-align: right; }}
th:first-child, td:first-child, th:nth-child(2), td:nth-child(2) {{ text-align: left; }}
td.best {{ font-weight: 700; }} img {{ max-width: 100%; }} figure {{ margin: 1.5rem 0; }}
figcaption {{ color: #666; font-size: .9em; }} pre {{ background: #f6f6f6; padding: 1rem; overflow-x: auto; }}
{STYLE}{viewer.style()}</style></head><body><h1>{html.escape(title)}</h1>{paragraphs}
{table}
{linked}{pictures}{section}{folded}</body></html>
""")
