"""Methods that were tried, what was found of each, and which one was taken."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from unsup_jax.choose.look import Noise
from unsup_jax.core import Measurement, Method
from unsup_jax.fitted import Fitted
from unsup_jax.trust import HeldOutRisk, SteinRisk

Risk = SteinRisk | HeldOutRisk


class Candidate(NamedTuple):
    """A method that was tried."""

    label: str
    method: Method
    risk: float
    """Estimated mean square error, in squares of the image's unit."""
    error: float
    """Its standard error."""
    seconds: float
    """What it took to find out."""
    found: Risk
    """All that is known of it."""

    @property
    def off(self) -> str:
        """How far it is estimated to be off the truth."""
        return f"{np.sqrt(max(self.risk, 0.0)):.3g}"


@dataclass(frozen=True)
class Choice:
    """What was found for a file."""

    noise: Noise
    candidates: tuple[Candidate, ...]
    """The best first."""
    plainest: str
    """The label of what is done where nothing better is known."""
    fitted: Fitted
    """The method that was taken, ready."""
    how: str
    """How they were ranked, in words."""
    ranked: Measurement
    """The measurement, or the window of it, that they were ranked by."""
    risk: Risk
    """That of the method that was taken."""
    unit: str = "grey levels"
    """Of the image."""
    left_out: str = ""
    """Why nothing was learnt, where that was asked for."""

    @property
    def table(self) -> str:
        """Every candidate, with its estimated error and what it gains over the plainest."""
        plain = self._plain
        rows = [("method", "error", "+-", "gain", "seconds")]
        for c in self.candidates:
            gain = 10 * np.log10(plain.risk / c.risk) if c.risk > 0 < plain.risk else np.nan
            rows.append((c.label, c.off, f"{c.error / max(2 * np.sqrt(max(c.risk, 0.0)), 1e-12):.1g}", f"{gain:.2f} dB", f"{c.seconds:.1f}"))
        widths = [max(map(len, column)) for column in zip(*rows)]
        return "\n".join("  ".join(text.ljust(w) if i == 0 else text.rjust(w) for i, (text, w) in enumerate(zip(row, widths))) for row in rows)

    @property
    def words(self) -> tuple[str, ...]:
        """What was found and taken, a line each."""
        best, *others = self.candidates
        plain = self._plain
        gain = "" if best is plain or best.risk <= 0 else f", {10 * np.log10(plain.risk / best.risk):.1f} dB better than {plain.label}, {plain.off}"
        second = next((c for c in others if c is not plain), None)
        behind = "" if second is None else f"; next is {second.label} with {second.off}"
        lines = [f"noise: {self.noise.words}", f"ranked: {len(self.candidates)} candidates {self.how}",
                 f"taken: {best.label}, estimated to be {best.off} {self.unit} off the truth{gain}{behind}"]
        return (*lines, *([f"not learnt: {self.left_out}"] if self.left_out else []))

    @property
    def _plain(self):
        return next(c for c in self.candidates if c.label == self.plainest)
