"""What every method's evaluation leaves on W&B: the table of scores and of metrics, the weights, the manifest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

from medseg.contracts import Score
from medseg.training.tracking import Tracker


def log_scores(
    tracker: Tracker, run: Path, *, manifest: Path, scores: Sequence[Score], explained: Sequence[Mapping[str, str]]
) -> None:
    """run: the run folder with weights.pt; explained: the rows of ``reporting.explained``."""
    columns = [field.name for field in fields(Score)]
    tracker.table("scores", columns, [astuple(score) for score in scores])
    tracker.table("metrics", list(explained[0]), [list(row.values()) for row in explained])
    tracker.artifact(run / "weights.pt", "weights", "model")
    tracker.artifact(manifest, "manifest", "dataset")
