"""`medseg evaluate` for a run of method one: scores, confusion matrices, pictures, a page."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from pathlib import Path

from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.loading.records import read_record
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.pictures.slices import panel_of, write_panel
from medseg.annotators.predictor import Predictor, write_prediction
from medseg.annotators.scores import Tally, score_case, score_run, tally_case
from medseg.annotators.tracking import track_annotators
from medseg.cohorts import apply, find_cohort, fingerprint, load_cohort, read_splits
from medseg.config import refuse_other_data
from medseg.contracts import Cohort, Refused, Score, Volume, complaint
from medseg.evaluation import METRICS, write_confusion, write_scores
from medseg.images import suffix_of, whole_or_as_before
from medseg.reporting import draw_curves, format_summary, write_page

PICTURES = {"run.png": "Cases and confusion matrices"}
"""What lies in report/, in the order of the page."""

PANELS = 4
"""So many cases are drawn on the page of a run."""


@dataclass(frozen=True, kw_only=True)
class AnnotatorEvaluation:
    """What `medseg evaluate` found."""

    scores: list[Score]
    """The rows of scores.csv."""
    alarms: list[str]
    """What looks wrong with the recovered truth."""
    out: Path
    """Where the files are."""

    def __str__(self) -> str:
        alarms = [f"alarm: {line}" for line in self.alarms]
        return "\n".join([format_summary(self.scores), *alarms, f"page: {self.out}/report/index.html"])


def evaluate_annotators(run: Path, other: Path | None = None, draw: bool = True) -> AnnotatorEvaluation:
    """Score the test cases of the run's own split, or all cases of another cohort, on their native grid.

    Writes predictions/, confusion.csv, scores.csv and report/ into the run folder (for another cohort into
    ``<run>/cohorts/<name of the cohort>/``), each in place of an older one when all is there. draw: make the pictures
    and the page too.
    Raises Refused where there is no test case, or where the classes differ.
    """
    predictor = Predictor.load(run)
    cohort = _test_cohort(run, predictor, other)
    signature = predictor.signature
    out = run if other is None else run / "cohorts" / cohort.name
    shown = [run / "config.yaml", run / "metrics.jsonl"]  # the page of another cohort shows them too
    with whole_or_as_before(out, shown) as folder:
        (folder / "report" / "panels").mkdir(parents=True)
        scores, tally = _score_cases(predictor, cohort, folder)
        scores += score_run(tally, signature.annotators)
        confusion = mean_confusion(tally.estimated)
        empirical = None if tally.empirical is None else mean_confusion(tally.empirical)
        write_confusion(
            folder / "confusion.csv",
            confusion,
            empirical,
            annotators=signature.annotators,
            classes=signature.class_names,
        )
        write_scores(folder / "scores.csv", scores)
        alarms = tally.alarms(signature.annotators, signature.class_names)
        (folder / "report" / "alarms.txt").write_text("".join(line + "\n" for line in alarms))
        if draw:
            draw_run(folder)
            draw_curves(folder)
            write_page(folder, METRICS, pictures=PICTURES)
    track_annotators(run, out, config=predictor.config, signature=signature, scores=scores, confusion=confusion)
    return AnnotatorEvaluation(scores=scores, alarms=alarms, out=out)


def _score_cases(predictor: Predictor, cohort: Cohort, out: Path) -> tuple[list[Score], Tally]:
    """Predict and score case by case; write the maps, and the panels of the first few."""
    signature = predictor.signature
    names = signature.class_names
    scores: list[Score] = []
    tallies: list[Tally] = []
    for number, case in enumerate(cohort.cases):
        record = read_record(case, cohort, signature.annotators, predictor.config.data.truth)
        prediction = predictor(
            case.name, Volume(array=record.image, affine=record.affine, spacing_mm=record.spacing_mm)
        )
        scores += score_case(prediction, record.labels, record.truth, classes=names, annotators=signature.annotators)
        tallies.append(tally_case(prediction, record.labels, record.truth))
        write_prediction(prediction, signature, out / "predictions", suffix_of(case.images[0]))
        if number < PANELS:
            panel = panel_of(record, prediction, annotators=signature.annotators, classes=names)
            write_panel(out / "report" / "panels", panel)
    return scores, functools.reduce(operator.add, tallies)


def _test_cohort(run: Path, predictor: Predictor, other: Path | None) -> Cohort:
    """The cohort with nothing but the cases to be scored."""
    name = predictor.config.data.cohort if other is None else str(other)
    cohort = load_cohort(find_cohort(name))
    if cohort.classes != predictor.signature.classes:
        expected = ", ".join(f"{label.name}={label.value}" for label in predictor.signature.classes)
        got = ", ".join(f"{label.name}={label.value}" for label in cohort.classes)
        raise Refused([complaint("classes", expected, got, cohort.name)])
    if other is None:
        refuse_other_data(run, fingerprint(cohort))
        cohort = apply(cohort, read_splits(run / "splits.json"))
        cases = cohort.split("test")
    else:
        cases = cohort.cases
    if not cases:
        raise Refused([complaint("test split", "at least one case", "none", str(run))])
    return replace(cohort, cases=cases)
