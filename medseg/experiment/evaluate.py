"""`medseg evaluate`: a run folder -> scores, pictures, a page."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from medseg.cohorts import did_you_mean
from medseg.contracts import Evaluation, Refused, Split, complaint
from medseg.experiment.methods import method_of_run

SPLITS = ("test", "val", "train")


def evaluate_run(
    run: Path, other: Path | None = None, stage: str | None = None, split: str = "test", *, draw: bool = True
) -> Evaluation:
    """Score a run: the cases of a split, all cases of the cohort ``other``, or the run as its ``stage`` left it.

    Raises Refused for an unknown split, and where ``other`` or ``stage`` is given to a method that has no such thing.
    """
    if split not in SPLITS:
        got = f"{split}{did_you_mean(split, SPLITS)}"
        raise Refused([complaint("--split", ", ".join(SPLITS), got, str(run))])
    return method_of_run(run).evaluate(run, cohort=other, stage=stage, draw=draw, split=cast(Split, split))
