"""`medseg evaluate`: a run folder -> scores, pictures, a page."""

from __future__ import annotations

from pathlib import Path

from medseg.contracts import Evaluation
from medseg.experiment.methods import method_of_run


def evaluate_run(run: Path, other: Path | None = None, stage: str | None = None, draw: bool = True) -> Evaluation:
    """Score a run: its test cases, all cases of the cohort ``other``, or the run as its ``stage`` left it.

    Raises Refused where ``other`` or ``stage`` is given to a method that has no such thing.
    """
    return method_of_run(run).evaluate(run, cohort=other, stage=stage, draw=draw)
