"""What every method's evaluation leaves on W&B: the table of scores, the weights, the manifest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

from medseg.contracts import Score
from medseg.training.tracking import Tracker


def log_scores(tracker: Tracker, run: Path, manifest: Path, scores: Sequence[Score]) -> None:
    """run: the run folder with weights.pt."""
    columns = [field.name for field in fields(Score)]
    tracker.table("scores", columns, [astuple(score) for score in scores])
    tracker.artifact(run / "weights.pt", "weights", "model")
    tracker.artifact(manifest, "manifest", "dataset")
