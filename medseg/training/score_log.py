"""What the verbs tell W&B of every method: the data and the weights of a training, the scores of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any

from medseg.contracts import Score
from medseg.training.checkpoint import BEST, LAST
from medseg.training.tracking import Tracker


def log_training(
    tracker: Tracker, run: Path, stages: Sequence[str], *, manifest: Path, metadata: Mapping[str, Any]
) -> None:
    """The manifest as what was used; the weights as what was made of it.

    The final weights are the version ``best`` of the artifact ``<run>-weights``, the last checkpoint, from which a run
    is resumed, is its version ``last``; those of the stages before are ``<run>-<stage>``. metadata: of all of them.
    """
    log_dataset(tracker, manifest)
    for stage in stages[:-1]:
        tracker.makes(stage, "model", [run / stage / BEST], aliases=["best"], metadata={**metadata, "stage": stage})
    last = {**metadata, "stage": stages[-1]}
    tracker.makes("weights", "model", [run / stages[-1] / LAST], aliases=["last"], metadata=last)
    tracker.makes("weights", "model", [run / "weights.pt"], aliases=["best"], metadata=last)


def log_dataset(tracker: Tracker, manifest: Path) -> None:
    """The manifest of a cohort, under the cohort's name."""
    tracker.uses(f"dataset-{manifest.parent.name}", "dataset", [manifest])


def log_scores(
    tracker: Tracker,
    place: str,
    *,
    scores: Sequence[Score],
    means: Mapping[str, float],
    explained: Sequence[Mapping[str, str]],
    files: Sequence[Path],
    manifest: Path,
) -> None:
    """place: the split, or the other cohort, that was scored, before every name. means: metric -> its mean, of which
    each becomes ``<place>/<metric>`` of the run. explained: the rows of ``reporting.explained``. files: of the
    evaluation, kept as artifact; manifest: of the cohort that was scored."""
    columns = [field.name for field in fields(Score)]
    tracker.summary({f"{place}/{metric}": value for metric, value in means.items()})
    tracker.table(f"{place}/scores", columns, [astuple(score) for score in scores])
    tracker.table("metrics", list(explained[0]), [list(row.values()) for row in explained])
    log_dataset(tracker, manifest)
    tracker.makes(place, "evaluation", [path for path in files if path.is_file()], metadata=means)
