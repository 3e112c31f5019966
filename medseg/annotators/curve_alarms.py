"""What looks wrong with a training by its curves: too few steps, matrices that stood still."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from medseg.annotators.alarms import NEVER_LEFT
from medseg.annotators.mathematics.stages import SELECTOR, STYLES
from medseg.annotators.mathematics.students import STUDENT
from medseg.config import written_by_training

STILL_FALLING, WITHOUT_GAP = 0.1, 0.05
"""A run that has converged does not fall by more than this part in the second half of the last stage that moves its
truth, or of that of its styles, on validation cases; by less where they are no worse than training cases, of which
nothing is then learned by heart. The last quarter does not tell: the learning rate that goes to 0 makes every curve end
flat."""
FEWEST_LOOKS = 4
"""At validation cases: a curve of fewer has no halves."""
LENGTHS = {STUDENT: "unlabelled.steps", STYLES: "training.steps.styles"}
"""Of a stage the key that says how long it is, else training.steps."""
BEGINNING = math.exp(-6)
"""C[o,t] / C[t,t] of the matrices at their beginning (``mathematics.heads.identity_logits``)."""


def doubts_of_training(run: Path, num_classes: int, disputed: bool) -> list[str]:
    """Sentences on the curves of a run, as metrics.jsonl has them; none where it is not there.

    disputed: whether there is a voxel that annotators label differently; where not, the identity is what they are.
    Raises Refused for a metrics.jsonl that is no such file.
    """
    path = run / "metrics.jsonl"
    if not path.is_file():
        return []
    with written_by_training(path):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        rows = [row for row in rows if row.get("stage") != SELECTOR] or rows
        truth = [row for row in rows if row.get("stage") != STYLES]
        stages = [_last_stage(truth)] if truth == rows else [_last_stage(truth), _last_stage(rows)]
        found = [line for stage in stages for line in _convergence_alarm(stage)]
        return [*found, *(_trace_alarm(stages[-1], num_classes) if disputed else ())]


def _last_stage(rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [row for row in rows if row.get("stage") == rows[-1].get("stage")]


def _convergence_alarm(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """rows: of one stage."""
    criterion = next((key for row in rows for key in row if key.startswith("best/")), "").removeprefix("best/")
    val, train = f"val/{criterion}", f"train/{criterion}"
    known = [row for row in rows if row.get(val) is not None and row.get(train) is not None]
    if len(known) < FEWEST_LOOKS:
        return []
    before = min(row[val] for row in known[: len(known) // 2])
    best = min(known, key=lambda row: row[val])
    most = WITHOUT_GAP if best[val] <= best[train] else STILL_FALLING
    if not before - best[val] > most * before:
        return []
    steps = LENGTHS.get(str(best.get("stage")), "training.steps")
    return [
        f"not converged: {criterion} on validation cases still fell in the second half of the training, from "
        f"{before:.3g} to {best[val]:.3g} (training cases: {best[train]:.3g}); train again with more {steps}"
    ]


def _trace_alarm(rows: Sequence[Mapping[str, Any]], num_classes: int) -> list[str]:
    """The mean over validation voxels of C[t,t], against twice the distance from 1 that it begins with."""
    last, beginning = next((row.get("val/trace") for row in reversed(rows)), None), BEGINNING * (num_classes - 1)
    if last is None or 1 - last > 2 * beginning / (1 + beginning):
        return []
    return [NEVER_LEFT.format(f"their diagonal is {last:.4f} on average")]
