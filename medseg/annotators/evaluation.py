"""`medseg evaluate` for a run of method one: scores, confusion matrices, pictures, a page."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from pathlib import Path

from medseg.annotators.areas import Areas, areas_of_case
from medseg.annotators.calibration import CALIBRATION, Counts, counts_of_case, summed, write_calibration
from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.records import read_record
from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.matrices import reliabilities
from medseg.annotators.pictures.believed import draw_calibration
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.pictures.relied import draw_reliability, draw_reliance
from medseg.annotators.pictures.slices import panel_of, write_panel
from medseg.annotators.predictor import Predictor, write_prediction
from medseg.annotators.reliance import fusion_of_run, reliance_scores, rely_on_native, write_reliance_maps
from medseg.annotators.scores import Tally, score_case, score_run, tally_case
from medseg.annotators.tracking import track_annotators
from medseg.cohorts import apply, find_cohort, fingerprint, load_cohort, read_splits
from medseg.config import refuse_other_data
from medseg.contracts import Cohort, Refused, Score, Split, Volume, complaint
from medseg.evaluation import METRICS, write_confusion, write_scores
from medseg.images import suffix_of, whole_or_as_before
from medseg.reporting import draw_curves, format_summary, write_page

PICTURES = {
    "run.png": "Cases and confusion matrices",
    "reliance.png": "How far the labels' truth relied on whom",
    "reliability.png": "How reliable each annotator is learned to be, and where",
    "calibration.png": "Whether probabilities can be believed",
}
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
    notes: list[str]
    """Annotators whose predicted labels are empty although they draw, and what is expected of them."""
    out: Path
    """Where the files are."""
    trained_on: tuple[str, ...] = ()
    """Cases that are scored although the run was trained on them, or its weights were chosen by them."""

    def __str__(self) -> str:
        alarms = [f"alarm: {line}" for line in self.alarms] + [f"note: {line}" for line in self.notes]
        if self.trained_on:
            shown = ", ".join(self.trained_on[:3]) + (", ..." if len(self.trained_on) > 3 else "")
            alarms.insert(0, f"warning: {len(self.trained_on)} cases were seen in training: no test ({shown})")
        return "\n".join([format_summary(self.scores), *alarms, f"page: {self.out}/report/index.html"])


def evaluate_annotators(
    run: Path, other: Path | None = None, draw: bool = True, split: Split = "test"
) -> AnnotatorEvaluation:
    """Score the cases of a split of the run's own cohort, or all cases of another one, on their native grid.

    Writes predictions/, confusion.csv, scores.csv and report/ into the run folder (for another cohort into
    ``<run>/cohorts/<name of the cohort>/``, for another split than the test set into ``<run>/<split>/``), each in place
    of an older one when all is there. draw: make the pictures and the page too.
    Raises Refused where there is no such case, or where the classes differ.
    """
    predictor = Predictor.load(run)
    cohort = _known_cohort(run, predictor, other)
    fusion = fusion_of_run(run, cohort if other is None else None)
    cohort = _scored(run, cohort, None if other is not None else split)
    signature = predictor.signature
    out = run / "cohorts" / cohort.name if other is not None else run if split == "test" else run / split
    shown = [run / "config.yaml", run / "metrics.jsonl"]  # the page of another cohort shows them too
    with whole_or_as_before(out, shown) as folder:
        (folder / "report" / "panels").mkdir(parents=True)
        found = _score_cases(predictor, cohort, fusion, folder)
        scores, tally = found.scores + score_run(found.tally, signature.annotators), found.tally
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
        one_matrix = RECIPES[predictor.config.recipe].confusion == "global"
        notes = found.areas.notes(signature.annotators, one_matrix=one_matrix)
        write_calibration(folder / "report" / CALIBRATION, found.calibration)
        if draw:
            draw_run(folder)
            draw_calibration(folder)
            draw_reliance(folder)
            draw_reliability(folder)
            draw_curves(folder)
            write_page(folder, METRICS, pictures=PICTURES)
    track_annotators(run, out, config=predictor.config, signature=signature, scores=scores, confusion=confusion)
    seen = _seen_in_training(run, predictor, cohort)
    return AnnotatorEvaluation(scores=scores, alarms=alarms, notes=notes, out=out, trained_on=seen)


@dataclass(frozen=True, kw_only=True)
class _Found:
    """What the cases told, all together."""

    scores: list[Score]
    """A row per case, annotator, class and metric."""
    tally: Tally
    """Joint counts."""
    areas: Areas
    """What each annotator drew, and what is expected of him."""
    calibration: Counts
    """Stated probabilities and observed shares."""


def _score_cases(predictor: Predictor, cohort: Cohort, fusion: Fusion | None, out: Path) -> _Found:
    """Predict and score case by case; write the maps, and the panels of the first few."""
    signature = predictor.signature
    names = signature.class_names
    scores: list[Score] = []
    tallies: list[Tally] = []
    areas: list[Areas] = []
    calibrations: list[Counts] = []
    for number, case in enumerate(cohort.cases):
        record = read_record(case, cohort, signature.annotators, predictor.config.data.truth)
        image = Volume(array=record.image, affine=record.affine, spacing_mm=record.spacing_mm)
        prediction = predictor(case.name, image)
        scores += score_case(prediction, record.labels, record.truth, classes=names, annotators=signature.annotators)
        write_prediction(prediction, signature, out / "predictions", suffix_of(case.images[0]))
        reliance = None if fusion is None else rely_on_native(fusion, record, predictor.config.data.grid)
        if reliance is not None:
            recovered = prediction.truth_probs.argmax(axis=0)
            scores += reliance_scores(record, reliance, recovered, annotators=signature.annotators)
            write_reliance_maps(record, reliance, signature.annotators, out / "predictions" / "reliance")
        fused = None if reliance is None else reliance.fused
        tallies.append(tally_case(prediction, record.labels, record.truth, fused))
        areas.append(areas_of_case(prediction, record.labels))
        calibrations.append(counts_of_case(prediction, record.labels, record.truth))
        if number < PANELS:
            panel = panel_of(
                record,
                prediction,
                annotators=signature.annotators,
                classes=names,
                evidence=None if reliance is None else reliance.evidence,
                reliability=reliabilities(predictor, image, prediction),
            )
            write_panel(out / "report" / "panels", panel)
    return _Found(
        scores=scores,
        tally=functools.reduce(operator.add, tallies),
        areas=functools.reduce(operator.add, areas),
        calibration=summed(calibrations),
    )


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


def _scored(run: Path, cohort: Cohort, split: Split | None) -> Cohort:
    """The cohort with nothing but the cases to be scored: those of a split, or all."""
    cases = cohort.cases if split is None else cohort.split(split)
    if not cases:
        held = [name for name in ("test", "val", "train") if any(case.split == name for case in cohort.cases)]
        got = f"none; there are cases of {' and '.join(held)}: --split {held[0]}" if held else "none"
        raise Refused([complaint(f"{split or 'test'} split", "at least one case", got, str(run))])
    return replace(cohort, cases=cases)


def _seen_in_training(run: Path, predictor: Predictor, cohort: Cohort) -> tuple[str, ...]:
    """Cases of which the run's own cohort has the image in its train or val split; none where that cohort is gone."""
    try:
        own = load_cohort(find_cohort(predictor.config.data.cohort))
        assigned = read_splits(run / "splits.json").splits
    except Refused:
        return ()
    seen = {case.images[0].resolve() for case in own.cases if assigned.get(case.name) in ("train", "val")}
    return tuple(case.name for case in cohort.cases if case.images[0].resolve() in seen)
