"""What an evaluation shows on W&B: overlays, confusion heat maps, the table of scores, manifest and weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.config import AmodalConfig, Config, RunConfig
from medseg.contracts import Score
from medseg.experiment.assembly import find_cohort
from medseg.experiment.assembly_annotators import Signature
from medseg.training.checkpoint import BEST
from medseg.training.tracking import Tracker


def track_annotators(
    run: Path,
    out: Path,
    config: RunConfig,
    signature: Signature,
    scores: Sequence[Score],
    confusion: NDArray[np.float64],
) -> None:
    """Log all of an evaluation that a reader of the dashboard needs, as one W&B run of the experiment's group.

    out: where the evaluation was written; confusion: (A,O,T) estimated. Without W&B, nothing happens.
    """
    classes = signature.class_names
    values = config.model_dump(mode="json")
    with Tracker(out, config.tracking, config=values, group=config.experiment, job_type="evaluate") as tracker:
        for path in sorted((out / "report" / "panels").glob("*.npz")):
            _overlay(tracker, path, classes)
        for name, matrix in zip(signature.annotators, confusion, strict=True):
            tracker.heatmap(f"confusion/{name}", matrix, classes)
        for path in sorted((out / "report").glob("*.png")):
            tracker.picture_file(f"report/{path.stem}", path)
        _shared(tracker, run, config, scores)


def _overlay(tracker: Tracker, path: Path, classes: Sequence[str]) -> None:
    """One case: the image under the recovered truth and under every rater's labels."""
    with np.load(path) as panel:
        masks = {"recovered truth": panel["truth_labels"]}
        for name, labels in zip(panel["annotators"], panel["labels"], strict=True):
            if (labels >= 0).any():
                masks[str(name)] = np.maximum(labels, 0)
        tracker.pictures(f"cases/{path.stem}", panel["image"], masks, classes)


def track_amodal(run: Path, config: AmodalConfig, scores: Sequence[Score]) -> None:
    """The same of a run of method two: pictures and weights of every stage, the table of scores, the manifest."""
    values = config.model_dump(mode="json")
    with Tracker(run, config.tracking, config=values, group=config.experiment, job_type="evaluate") as tracker:
        for path in sorted((run / "report").glob("*.png")):
            tracker.picture_file(f"report/{path.stem}", path)
        for path in sorted(run.glob(f"*/{BEST}")):
            tracker.artifact(path, f"weights-{path.parent.name}", "model")
        _shared(tracker, run, config, scores)


def _shared(tracker: Tracker, run: Path, config: Config, scores: Sequence[Score]) -> None:
    columns = [field.name for field in fields(Score)]
    tracker.table("scores", columns, [astuple(score) for score in scores])
    tracker.artifact(run / "weights.pt", "weights", "model")
    tracker.artifact(find_cohort(config.data.cohort) / "manifest.csv", "manifest", "dataset")
