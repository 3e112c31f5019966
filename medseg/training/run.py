"""What stays the same over the stages of one run, and the folder that it is kept in."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lightning_fabric import Fabric

from medseg.contracts import Batch, Draw, MaskPicture, Refused, complaint
from medseg.training import checkpoint
from medseg.training.batches import Source
from medseg.training.processes import StopSignal, on_first_process
from medseg.training.progress import ProgressLine
from medseg.training.settings import LoopConfig
from medseg.training.state import StageState
from medseg.training.tracking import Tracker

PICTURED = 10
"""So often, roughly, validation is shown in a stage."""


@dataclass(frozen=True, kw_only=True)
class Run:
    """What stays the same over the stages of one run."""

    fabric: Fabric
    """The processes and their devices."""
    source: Source
    """The batches."""
    folder: Path
    """Of the run, which all processes must see."""
    config: LoopConfig
    """The numbers of the loop."""
    seed: int
    """Of all that is drawn in a step."""
    tracker: Tracker
    """Where the metrics go."""
    line: ProgressLine
    """What is shown of them."""
    stop: StopSignal
    """Whether the run was told to stop."""
    made_with: dict[str, str]
    """What a checkpoint must have been made with to be resumed."""
    case_names: Sequence[str]
    """By ``Batch.case_index``; may be empty."""
    draw: Draw | None = None
    """What is shown of validation."""

    def show(self, state: StageState, batch: Batch) -> None:
        """Pictures of the first validation batch, some PICTURED times in a stage, by the first process alone."""
        ended, every = state.position.epoch + 1, max(1, round(state.stage.epochs / PICTURED))
        if self.draw is None or not self.tracker.on or not self.fabric.is_global_zero or ended % every:
            return
        draw = self.draw

        def drawn() -> list[MaskPicture]:
            return [replace(one, name=f"validation/{one.name}") for one in draw(state.shown, batch)]

        self.tracker.pictures(drawn, step=state.position.global_step)

    def save_last(self, state: StageState) -> None:
        """Write ``<stage>/last.ckpt``, from which the run can be resumed; every process must ask."""
        content = state.content(self.fabric, self.made_with)
        on_first_process(self.fabric, lambda: checkpoint.save_last(self.folder / state.stage.name, content))

    def save_best(self, state: StageState) -> None:
        """Write ``<stage>/best.ckpt``: the weights that are validated."""
        path = self.folder / state.stage.name / checkpoint.BEST
        on_first_process(self.fabric, lambda: checkpoint.save_weights(path, state.shown))

    def take_best(self, state: StageState) -> None:
        """Give the model the best weights of its stage, which are those of the average where there is one.

        Raises Refused where no epoch had a finite criterion.
        """
        if state.position.best == math.inf:
            what = f"val/{state.stage.criterion}"
            raise Refused([complaint(what, "a finite number in some epoch", "none", state.stage.name)])
        try:
            weights = checkpoint.load(self.folder / state.stage.name / checkpoint.BEST)
        except checkpoint.BrokenFileError as broken:
            warnings.warn(f"broken checkpoint ({broken}): going on with the last weights of the stage", stacklevel=2)
            weights = state.shown.state_dict()
        state.model.load_state_dict(weights)
