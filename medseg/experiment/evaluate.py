"""`medseg evaluate`: a run folder of either method -> scores, pictures, a page."""

from __future__ import annotations

from pathlib import Path

from medseg.config import AmodalConfig
from medseg.contracts import Refused, complaint
from medseg.experiment.assembly import read_config
from medseg.experiment.evaluate_amodal import AmodalEvaluation, evaluate_amodal
from medseg.experiment.evaluate_annotators import AnnotatorEvaluation, evaluate_annotators


def evaluate_run(
    run: Path, other: Path | None = None, stage: str | None = None, draw: bool = True
) -> AnnotatorEvaluation | AmodalEvaluation:
    """`medseg evaluate` for a run of either method.

    Raises Refused where ``other`` or ``stage`` is given to the method that has no such thing.
    """
    if isinstance(read_config(run), AmodalConfig):
        if other is not None:
            raise Refused([complaint("--cohort", "none for a run that completes masks", other, str(run))])
        return evaluate_amodal(run, stage, draw)
    if stage is not None:
        raise Refused([complaint("--stage", "none for a run with annotators", stage, str(run))])
    return evaluate_annotators(run, other, draw)
