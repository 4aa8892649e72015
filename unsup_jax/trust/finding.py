"""A finding: what was looked at, a light, and why, in plain words."""

from dataclasses import dataclass
from typing import Literal

Light = Literal["green", "amber", "red"]
"""Nothing found; look at it; do not rely on the estimate before this is understood."""


@dataclass(frozen=True)
class Finding:
    """What one statistic says."""

    name: str
    """What was looked at."""
    light: Light
    """How much it matters."""
    words: str
    """What was found and what follows of it."""
    p: float | None = None
    """How often chance alone does as much; None of a finding that is no test."""
