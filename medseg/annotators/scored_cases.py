"""The cases of a split, one by one: predicted, scored, drawn."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass
from pathlib import Path

from medseg.annotators.areas import Areas, areas_of_case
from medseg.annotators.calibration import Counts, counts_of_case, summed
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.records import read_record
from medseg.annotators.pictures.album import pictures_of
from medseg.annotators.pictures.slices import panel_of, write_panel
from medseg.annotators.predicting.matrices import reliabilities
from medseg.annotators.predicting.predicted_maps import write_prediction
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.reliance import reliance_scores, rely_on_native, write_reliance_maps
from medseg.annotators.scores import Tally, score_case, tally_case
from medseg.contracts import Case, Cohort, Score, Volume, watched
from medseg.images import suffix_of
from medseg.reporting import CasePictures

PANELS = 4
"""So many cases are drawn on the page of a run."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """What one case told, or all together."""

    scores: list[Score]
    """A row per case, annotator, class and metric."""
    tally: Tally
    """Joint counts."""
    areas: Areas
    """What each annotator drew, and what is expected of him."""
    calibration: Counts
    """Stated probabilities and observed shares."""


def score_cases(
    predictor: Predictor,
    cohort: Cohort,
    fusion: Fusion | None,
    out: Path,
    *,
    pictures: dict[str, CasePictures] | None,
) -> Found:
    """Predict and score case by case; write the maps, and the panels of the first few. Fills ``pictures``.

    No more than one case is held in memory, and of those before it what ``Found`` says, with ``pictures`` as files are.
    """
    watch = watched(cohort.cases, "scoring", len(cohort.cases))
    of_cases = [
        _score_case(predictor, cohort, case, fusion, out=out, panel=number < PANELS, pictures=pictures)
        for number, case in enumerate(watch)
    ]
    return Found(
        scores=[score for found in of_cases for score in found.scores],
        tally=functools.reduce(operator.add, (found.tally for found in of_cases)),
        areas=functools.reduce(operator.add, (found.areas for found in of_cases)),
        calibration=summed([found.calibration for found in of_cases]),
    )


def _score_case(
    predictor: Predictor,
    cohort: Cohort,
    case: Case,
    fusion: Fusion | None,
    *,
    out: Path,
    panel: bool,
    pictures: dict[str, CasePictures] | None,
) -> Found:
    """What one case tells; its arrays end with this call."""
    signature, data = predictor.signature, predictor.config.data
    annotators, names = signature.annotators, signature.class_names
    record = read_record(case, cohort, annotators, data.truth)
    image = Volume(array=record.image, affine=record.affine, spacing_mm=record.spacing_mm)
    prediction = predictor(case.name, image, scratch=out)
    scores = score_case(prediction, record.labels, record.truth, classes=names, annotators=annotators)
    write_prediction(prediction, signature, out / "predictions", suffix_of(case.images[0]))
    reliance = None if fusion is None else rely_on_native(fusion, record, data.grid)
    if reliance is not None:
        recovered = prediction.truth_probs.argmax(axis=0)
        scores += reliance_scores(record, reliance, recovered, annotators=annotators)
        write_reliance_maps(record, reliance, annotators, out / "predictions" / "reliance")
    if panel:
        drawn = panel_of(
            record,
            prediction,
            annotators=annotators,
            classes=names,
            evidence=None if reliance is None else reliance.evidence,
            reliability=reliabilities(predictor, image, prediction),
        )
        write_panel(out / "report" / "panels", drawn)
    if pictures is not None:
        pictures[case.name] = pictures_of(record, prediction, annotators=annotators, classes=names)
    return Found(
        scores=scores,
        tally=tally_case(prediction, record.labels, record.truth, None if reliance is None else reliance.fused),
        areas=areas_of_case(prediction, record.labels),
        calibration=counts_of_case(prediction, record.labels, record.truth),
    )
