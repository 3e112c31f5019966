"""`medseg evaluate` for a run of method one: scores, confusion matrices, pictures, a page."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from pathlib import Path

from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.records import read_record
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.pictures.relied import draw_reliance
from medseg.annotators.pictures.slices import panel_of, write_panel
from medseg.annotators.predictor import Predictor, write_prediction
from medseg.annotators.reliance import fusion_of_run, reliance_scores, rely_on_native, write_reliance_maps
from medseg.annotators.scores import Tally, score_case, score_run, tally_case
from medseg.annotators.tracking import track_annotators
from medseg.cohorts import apply, find_cohort, fingerprint, load_cohort, read_splits
from medseg.config import refuse_other_data
from medseg.contracts import Cohort, Refused, Score, Volume, complaint
from medseg.evaluation import METRICS, write_confusion, write_scores
from medseg.images import suffix_of
from medseg.reporting import draw_curves, format_summary, write_page

PICTURES = {"run.png": "Cases and confusion matrices", "reliance.png": "How far the labels' truth relied on whom"}
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
    ``<run>/<name of the cohort>/``). draw: make the pictures and the page too.
    Raises Refused where there is no test case, or where the classes differ.
    """
    predictor = Predictor.load(run)
    cohort = _known_cohort(run, predictor, other)
    fusion = fusion_of_run(run, cohort if other is None else None)
    cohort = _scored(run, cohort, other)
    signature = predictor.signature
    names = signature.class_names
    out = run if other is None else run / cohort.name
    (out / "report" / "panels").mkdir(parents=True, exist_ok=True)
    scores, tally = _score_cases(predictor, cohort, fusion, out)
    scores += score_run(tally, signature.annotators)
    confusion = mean_confusion(tally.estimated)
    empirical = None if tally.empirical is None else mean_confusion(tally.empirical)
    write_confusion(out / "confusion.csv", confusion, empirical, annotators=signature.annotators, classes=names)
    write_scores(out / "scores.csv", scores)
    alarms = tally.alarms(signature.annotators, names)
    (out / "report" / "alarms.txt").write_text("".join(line + "\n" for line in alarms))
    if out != run:  # the page of another cohort shows the run's config and curves
        for name in ("config.yaml", "metrics.jsonl"):
            (out / name).write_bytes((run / name).read_bytes())
    if draw:
        draw_run(out)
        draw_reliance(out)
        draw_curves(out)
        write_page(out, METRICS, pictures=PICTURES)
    track_annotators(run, out, config=predictor.config, signature=signature, scores=scores, confusion=confusion)
    return AnnotatorEvaluation(scores=scores, alarms=alarms, out=out)


def _score_cases(predictor: Predictor, cohort: Cohort, fusion: Fusion | None, out: Path) -> tuple[list[Score], Tally]:
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
        reliance = None if fusion is None else rely_on_native(fusion, record, predictor.config.data.grid)
        if reliance is not None:
            scores += reliance_scores(record, reliance, signature.annotators)
            write_reliance_maps(record, reliance, signature.annotators, out / "predictions" / "reliance")
        if number < PANELS:
            evidence = None if reliance is None else reliance.evidence
            panel = panel_of(record, prediction, annotators=signature.annotators, classes=names, evidence=evidence)
            write_panel(out / "report" / "panels", panel)
    return scores, functools.reduce(operator.add, tallies)


def _known_cohort(run: Path, predictor: Predictor, other: Path | None) -> Cohort:
    """The run's own cohort in its split, or another one."""
    name = predictor.config.data.cohort if other is None else str(other)
    cohort = load_cohort(find_cohort(name))
    if cohort.classes != predictor.signature.classes:
        expected = ", ".join(f"{label.name}={label.value}" for label in predictor.signature.classes)
        got = ", ".join(f"{label.name}={label.value}" for label in cohort.classes)
        raise Refused([complaint("classes", expected, got, cohort.name)])
    if other is not None:
        return cohort
    refuse_other_data(run, fingerprint(cohort))
    return apply(cohort, read_splits(run / "splits.json"))


def _scored(run: Path, cohort: Cohort, other: Path | None) -> Cohort:
    """The cohort with nothing but the cases to be scored."""
    cases = cohort.split("test") if other is None else cohort.cases
    if not cases:
        raise Refused([complaint("test split", "at least one case", "none", str(run))])
    return replace(cohort, cases=cases)
