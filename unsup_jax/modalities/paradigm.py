r"""What is done to the subject of an fMRI run, and how its blood answers.

    s(t) = (h * u)(t),   h(t) = g(t; 6) - g(t; 16) / 6,   g(t; a) = t^(a-1) e^-t / Gamma(a)

u is 1 while the task is on: blocks of `block_s`, rest first. h is the canonical haemodynamic response (Friston et al.,
NeuroImage 7, 30 (1998)), t in seconds, scaled to unit sum. In retinotopic mapping a wedge turns once a `cycle_s`, and a place in
the visual cortex answers with the phase of its polar angle (Engel et al., Cereb. Cortex 7, 181 (1997)).
"""

from dataclasses import dataclass

import numpy as np

from unsup_jax.errors import InputError
from unsup_jax.lazy import Lazy

stats = Lazy("scipy.stats")


@dataclass(frozen=True)
class Paradigm:
    """Times of a run; raises `InputError` on less than one cycle of retinotopy, or times that are not positive."""

    frames: int = 96
    """Volumes of the run."""
    repetition_s: float = 1.0
    """Time between volumes."""
    block_s: float = 12.0
    """Length of a block of task, and of one of rest."""
    cycle_s: float = 16.0
    """Time of one turn of the retinotopic wedge."""

    def __post_init__(self):
        if not (self.repetition_s > 0 and self.block_s > 0 and self.cycle_s > 0) or self.cycles < 1 - 1e-9:
            raise InputError(
                f"Paradigm needs positive times and a run of one cycle or more, not {self.frames} volumes of {self.repetition_s} s, "
                f"blocks of {self.block_s} s and cycles of {self.cycle_s} s")

    @property
    def cycles(self) -> float:
        """Turns of the wedge in the run, which need not be whole ones."""
        return self.frames * self.repetition_s / self.cycle_s

    @property
    def times(self) -> np.ndarray:
        """Seconds of each volume, [frames]."""
        return self.repetition_s * np.arange(self.frames)

    def task(self) -> np.ndarray:
        """The response s(t) to the task at each volume, [frames], 1 at the plateau of a long block."""
        return response(lambda t: (t % (2 * self.block_s) >= self.block_s).astype(float), self.times)

    def wedge(self, angle: np.ndarray) -> np.ndarray:
        """The response at each volume to the wedge, of places with polar `angle` [...] in radians: [frames, ...]."""
        turn = 2 * np.pi * self.times / self.cycle_s
        return np.cos(turn.reshape(-1, *(1,) * np.ndim(angle)) - angle)


def response(stimulus, times: np.ndarray, *, step_s: float = 0.1) -> np.ndarray:
    """(h * u)(t) at the `times` in seconds, of the stimulus u(t >= 0), a function of an array of seconds."""
    lag = np.arange(0, 32, step_s)
    h = stats.gamma.pdf(lag, 6) - stats.gamma.pdf(lag, 16) / 6
    fine = np.arange(0, times[-1] + step_s, step_s)
    return np.interp(times, fine, np.convolve(stimulus(fine), h / h.sum())[: len(fine)])
