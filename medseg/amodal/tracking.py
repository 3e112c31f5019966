"""What an evaluation of method two shows on W&B: pictures, the weights of every stage, the table of scores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from medseg.amodal.config import AmodalConfig
from medseg.cohorts import find_cohort
from medseg.contracts import Score
from medseg.evaluation import METRICS
from medseg.reporting import explained_of
from medseg.training import BEST, Tracker, log_scores


def track_amodal(run: Path, config: AmodalConfig, scores: Sequence[Score]) -> None:
    """Log an evaluation as one W&B run of the experiment's group. Without W&B, nothing happens."""
    if config.tracking.wandb == "off":  # then the cohort of the training need not be there
        return
    values = config.model_dump(mode="json")
    with Tracker(run, config.tracking, config=values, group=config.experiment, job_type="evaluate") as tracker:
        for path in sorted((run / "report").glob("*.png")):
            tracker.picture_file(f"report/{path.stem}", path)
        for path in sorted(run.glob(f"*/{BEST}")):
            tracker.artifact(path, f"weights-{path.parent.name}", "model")
        manifest = find_cohort(config.data.cohort) / "manifest.csv"
        log_scores(tracker, run, manifest=manifest, scores=scores, explained=explained_of(scores, METRICS))
