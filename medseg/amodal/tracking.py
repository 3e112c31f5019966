"""What an evaluation of method two shows on W&B: scores to sort by, pictures, tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medseg.amodal.config import AmodalConfig
from medseg.cohorts import find_cohort
from medseg.contracts import Score
from medseg.evaluation import METRICS
from medseg.reporting import explained_of, overall_means
from medseg.training import Tracker, log_scores


def track_amodal(run: Path, out: Path, name: str, *, config: AmodalConfig, scores: Sequence[Score]) -> None:
    """Log an evaluation into the W&B run of the training; names begin with ``name``, files lie in ``out``.

    Without W&B, nothing happens.
    """
    if config.tracking.wandb == "off":  # then the cohort of the training need not be there
        return
    values = config.model_dump(mode="json")
    with Tracker(run, config.tracking, config=values, group=config.experiment) as tracker:
        for path in sorted((out / "report").glob("*.png")):
            tracker.picture_file(f"{name}/report/{path.stem}", path)
        log_scores(
            tracker,
            name,
            scores=scores,
            means=overall_means(scores),
            explained=explained_of(scores, METRICS),
            files=[out / "scores.csv", out / "rivals.csv", out / "report" / "index.html"],
            manifest=find_cohort(config.data.cohort) / "manifest.csv",
        )
