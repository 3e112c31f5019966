"""What an evaluation of method one shows on W&B: overlays, confusion heat maps, pictures, and the table of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature
from medseg.annotators.config import RunConfig
from medseg.cohorts import find_cohort
from medseg.contracts import Score
from medseg.evaluation import METRICS
from medseg.reporting import explained_of
from medseg.training import Tracker, log_scores


def track_annotators(
    run: Path,
    out: Path,
    *,
    config: RunConfig,
    signature: Signature,
    scores: Sequence[Score],
    confusion: NDArray[np.float64],
) -> None:
    """Log all of an evaluation that a reader of the dashboard needs, as one W&B run of the experiment's group.

    out: where the evaluation was written; confusion: (A,O,T) estimated. Without W&B, nothing happens.
    """
    classes = signature.class_names
    if config.tracking.wandb == "off":  # then the cohort of the training need not be there
        return
    values = config.model_dump(mode="json")
    with Tracker(out, config.tracking, config=values, group=config.experiment, job_type="evaluate") as tracker:
        for path in sorted((out / "report" / "panels").glob("*.npz")):
            _overlay(tracker, path, classes)
        for name, matrix in zip(signature.annotators, confusion, strict=True):
            tracker.heatmap(f"confusion/{name}", matrix, classes)
        for path in sorted((out / "report").glob("*.png")):
            tracker.picture_file(f"report/{path.stem}", path)
        manifest = find_cohort(config.data.cohort) / "manifest.csv"
        log_scores(tracker, run, manifest=manifest, scores=scores, explained=explained_of(scores, METRICS))


def _overlay(tracker: Tracker, path: Path, classes: Sequence[str]) -> None:
    """One case: the image under the recovered truth and under every annotator's labels."""
    with np.load(path) as panel:
        masks = {"recovered truth": panel["truth_labels"]}
        for name, labels in zip(panel["annotators"], panel["labels"], strict=True):
            if (labels >= 0).any():
                masks[str(name)] = np.maximum(labels, 0)
        tracker.pictures(f"cases/{path.stem}", panel["image"], masks, classes)
