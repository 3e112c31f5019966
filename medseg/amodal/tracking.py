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


def track_amodal(run: Path, config: AmodalConfig, scores: Sequence[Score]) -> None:
    """Log an evaluation of the test cases into the W&B run of the training. Without W&B, nothing happens."""
    if config.tracking.wandb == "off":  # then the cohort of the training need not be there
        return
    values = config.model_dump(mode="json")
    with Tracker(run, config.tracking, config=values, group=config.experiment) as tracker:
        for path in sorted((run / "report").glob("*.png")):
            tracker.picture_file(f"test/report/{path.stem}", path)
        log_scores(
            tracker,
            "test",
            scores=scores,
            means=overall_means(scores),
            explained=explained_of(scores, METRICS),
            files=[run / "scores.csv", run / "rivals.csv", run / "report" / "index.html"],
            manifest=find_cohort(config.data.cohort) / "manifest.csv",
        )
