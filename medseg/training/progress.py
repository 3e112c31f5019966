"""The line that tells how a training goes: a bar in a terminal, a line per epoch in a log file."""

from __future__ import annotations

import math

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from medseg.contracts import Stage


class ProgressLine:
    """Stage, epoch, the criterion in training and validation, and the best of the latter; not ``shown``, nothing."""

    def __init__(self, shown: bool, console: Console | None = None) -> None:
        self.console = console or Console()
        self.shown = shown
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        alive = shown and self.console.is_terminal
        self._bar = Progress(*columns, console=self.console, disable=not alive, transient=True)
        self._task: TaskID | None = None

    def __enter__(self) -> ProgressLine:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def stage(self, name: str, step: int, steps: int) -> None:
        """A stage begins, or goes on, at this step of all its steps."""
        if self._task is not None:
            self._bar.remove_task(self._task)
        self._task = self._bar.add_task(name, completed=step, total=steps)

    def step(self) -> None:
        """One step is done."""
        if self._task is not None:
            self._bar.advance(self._task)

    def epoch(self, stage: Stage, epoch: int, *, train: float, val: float, best: float) -> None:
        """So many epochs of the stage are done; the stage's criterion in the last one."""
        values = f"train {stage.criterion} {train:.4f}  val {stage.criterion} {val:.4f}  best {best:.4f}"
        text = f"{stage.name} {epoch}/{math.ceil(stage.epochs)}  {values}"
        if self._task is not None:
            self._bar.update(self._task, description=text)
        if self.shown and not self.console.is_terminal:
            self.console.print(text, highlight=False, soft_wrap=True)
