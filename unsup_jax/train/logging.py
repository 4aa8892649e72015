"""What a run says while it runs: a JSONL file of metrics, TensorBoard where it is installed, and one line."""

import json
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn


class Metrics:
    """Metrics by step, appended to `metrics.jsonl`; a resumed run first drops what lies after its step."""

    def __init__(self, directory: Path, *, after: int = 0, tensorboard: bool = False):
        self._path = directory / "metrics.jsonl"
        kept = [row for row in read_metrics(directory) if row["step"] <= after]
        partial = self._path.with_name(".metrics.partial")
        partial.write_text("".join(json.dumps(row) + "\n" for row in kept))
        partial.rename(self._path)
        self._file = self._path.open("a")
        self._board = None
        if tensorboard:
            from tensorboardX import SummaryWriter  # the extra `tensorboard`

            self._board = SummaryWriter(str(directory / "tensorboard"))

    def write(self, step: int, **values: float) -> None:
        """One line of metrics."""
        self._file.write(json.dumps({"step": step, **values}) + "\n")
        self._file.flush()
        if self._board is not None:
            for name, value in values.items():
                self._board.add_scalar(name, value, step)

    def close(self) -> None:
        """Release the files."""
        self._file.close()
        if self._board is not None:
            self._board.close()


def read_metrics(directory: Path) -> list[dict]:
    """The metrics of a run; a last line that a kill cut short is left out."""
    path = directory / "metrics.jsonl"
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return rows


class _Console(Console):
    def on_broken_pipe(self):
        raise  # for the command line to answer; rich's own answer is an exit code of 1


class ProgressLine:
    """Step, loss, steps per second and time left; a live line on a terminal, one every ten seconds elsewhere."""

    def __init__(self, label: str, total: int, start: int = 0, *, quiet: bool = False, unit: str = "steps"):
        self._label, self._total, self._quiet, self._unit = label, total, quiet, unit
        self._console = _Console(file=sys.stdout)
        self.begin(start)
        self._live = None
        if self._console.is_terminal and not quiet:
            self._live = Progress(
                TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed:.0f}/{task.total:.0f}"),
                TextColumn("{task.fields[text]}"), TimeRemainingColumn(compact=True), console=self._console,
            )
            self._task = self._live.add_task(label, total=total, completed=start, text="")
            self._live.start()

    def say(self, text: str) -> None:
        """A line of its own."""
        if not self._quiet:
            self._console.print(text, highlight=False, markup=False, soft_wrap=True)

    def begin(self, step: int) -> None:
        """Start the clock after a step: what came before was compilation."""
        self._start = step
        self._began = self._spoke = time.monotonic()

    def update(self, step: int, metrics: dict[str, float] | None = None) -> None:
        """Report a step and the first three of its metrics."""
        now = time.monotonic()
        rate = (step - self._start) / max(now - self._began, 1e-9)
        values = [f"{name} {value:.4g}" for name, value in (metrics or {}).items()][:3]
        text = ", ".join([*values, f"{rate:.1f} {self._unit}/s"])
        if self._live is not None:
            self._live.update(self._task, completed=step, text=text)
        elif now - self._spoke > 10 or step == self._total:
            self._spoke = now
            left = (self._total - step) / max(rate, 1e-9)
            self.say(f"{self._label}: {self._unit[:-1]} {step}/{self._total}, {text}, {left:.0f} s left")

    def close(self) -> None:
        """End the live line."""
        if self._live is not None:
            self._live.stop()
