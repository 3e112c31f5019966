"""The line that tells how a training goes: a bar on a terminal, a line per epoch in a log file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextlib import ExitStack

from medseg.contracts import Bar, Display, Stage, progress_shown


class ProgressLine:
    """Stage, epoch, the criterion in training and validation and the best of the latter, the stage's overlap in
    validation, the seconds of the epoch, and the time that is left of this and all later stages.

    Not ``shown``, nothing is said. display: that of the command by default.
    """

    def __init__(self, shown: bool, display: Display | None = None) -> None:
        self._shown, self._given = shown, display
        self._open, self._of_stage = ExitStack(), ExitStack()
        self._display: Display | None = None
        self._bar: Bar | None = None
        self._later = 0

    def __enter__(self) -> ProgressLine:
        self._display = self._open.enter_context(progress_shown(self._shown, self._given))
        return self

    def __exit__(self, *_: object) -> None:
        self._of_stage.close()
        self._open.close()

    def stage(self, name: str, step: int, steps: int, later: int = 0) -> None:
        """A stage begins, or goes on, at this step of all its steps; so many steps have those after it."""
        self._of_stage.close()
        self._later = later
        if self._display is not None:
            self._bar = self._of_stage.enter_context(self._display.bar(name, steps, step, quiet=True))

    def step(self) -> None:
        """One step is done."""
        if self._bar is not None:
            self._bar.step()

    def epoch(self, stage: Stage, epoch: int, rows: Mapping[str, float]) -> None:
        """So many epochs of the stage are done; rows: as in metrics.jsonl, of the last one."""
        if self._display is None or self._bar is None:
            return
        names = (f"train/{stage.criterion}", f"val/{stage.criterion}", f"best/{stage.criterion}")
        names = (*names, f"val/{stage.overlap}") if stage.overlap else names
        values = "  ".join(f"{name.replace('/', ' ')} {rows[name]:.4f}" for name in names)
        text = f"{stage.name} {epoch}/{math.ceil(stage.epochs)}  {values}"
        self._bar.describe(text)
        self._display.say(f"{text}  {rows['seconds']:.1f} s, {self._bar.time_left(self._later)} left")
