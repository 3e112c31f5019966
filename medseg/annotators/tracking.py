"""What an evaluation of method one shows on W&B: scores to sort by, overlays, confusion heat maps, pictures, tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature
from medseg.annotators.config import RunConfig
from medseg.annotators.pictures.panels import read_panel
from medseg.contracts import UNLABELLED, MaskPicture, Score
from medseg.evaluation import METRICS
from medseg.reporting import explained_of, overall_means
from medseg.training import Tracker, log_scores


def track_annotators(
    run: Path,
    out: Path,
    place: str,
    *,
    config: RunConfig,
    signature: Signature,
    scores: Sequence[Score],
    confusion: NDArray[np.float64],
    manifest: Path,
) -> None:
    """Log all of an evaluation that a reader of the dashboard needs, into the W&B run of the training.

    out: where the evaluation was written; place: the split or the other cohort; confusion: (A,O,T) estimated;
    manifest: of the cohort that was scored. Without W&B, nothing happens.
    """
    if config.tracking.wandb == "off":
        return
    values, classes = config.model_dump(mode="json"), signature.class_names
    report = out / "report"
    with Tracker(run, config.tracking, config=values, group=config.experiment) as tracker:
        tracker.pictures(lambda: _overlays(report / "panels", place))
        for name, matrix in zip(signature.annotators, confusion, strict=True):
            tracker.heatmap(f"{place}/confusion/{name}", matrix, classes)
        for path in sorted(report.glob("*.png")):
            tracker.picture_file(f"{place}/report/{path.stem}", path)
        log_scores(
            tracker,
            place,
            scores=scores,
            means=overall_means(scores),
            explained=explained_of(scores, METRICS),
            files=[out / "scores.csv", out / "confusion.csv", report / "index.html"],
            manifest=manifest,
        )


def _overlays(panels: Path, place: str) -> Iterator[MaskPicture]:
    """Cases under the recovered and the known truth, every annotator's labels, and those predicted for each."""
    for path in sorted(panels.glob("*.npz")):
        panel = read_panel(path)
        masks = {"recovered truth": panel.truth_labels}
        if panel.known_truth is not None:
            masks["known truth"] = panel.known_truth
        drawn = zip(panel.annotators, panel.labels, panel.annotator_labels, strict=True)
        for name, labels, predicted in drawn:
            masks[f"{name} predicted"] = predicted
            if (labels != UNLABELLED).any():
                masks[name] = labels
        yield MaskPicture(name=f"{place}/cases/{panel.case}", image=panel.image, masks=masks, class_names=panel.classes)
