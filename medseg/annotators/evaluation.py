"""`medseg evaluate` for a run of method one: scores, confusion matrices, pictures, a page."""

from __future__ import annotations

import functools
import operator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature
from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.loading.source import Record, read_record
from medseg.annotators.nouns import Prediction
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.predictor import Predictor, write_prediction
from medseg.annotators.scores import Tally, score_case, score_run, tally_case
from medseg.annotators.tracking import track_annotators
from medseg.cohorts.cohort import find_cohort, load_cohort
from medseg.cohorts.splits import apply, read_splits
from medseg.contracts import Cohort, Refused, Score, Volume, complaint
from medseg.evaluation.calibration import voxel_entropy
from medseg.evaluation.metrics import METRICS
from medseg.evaluation.table import write_confusion, write_scores
from medseg.images.files import suffix_of
from medseg.reporting.page import write_page
from medseg.reporting.plots import draw_curves
from medseg.reporting.summary import format_summary

PICTURES = {"run.png": "Cases and confusion matrices"}
"""What lies in report/, in the order of the page."""

PANELS = 4
"""So many cases are drawn on the page of a run."""


@dataclass(frozen=True)
class AnnotatorEvaluation:
    """What `medseg evaluate` found: the scores, the alarms, and where the files are."""

    scores: list[Score]
    alarms: list[str]
    out: Path

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
    cohort = _test_cohort(run, predictor, other)
    signature = predictor.signature
    names = signature.class_names
    out = run if other is None else run / cohort.name
    (out / "report" / "panels").mkdir(parents=True, exist_ok=True)
    scores, tally = _score_cases(predictor, cohort, out)
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
        draw_curves(out)
        write_page(out, METRICS, pictures=PICTURES)
    track_annotators(run, out, predictor.config, signature, scores, confusion)
    return AnnotatorEvaluation(scores, alarms, out)


def _score_cases(predictor: Predictor, cohort: Cohort, out: Path) -> tuple[list[Score], Tally]:
    """Predict and score case by case; write the maps, and the panels of the first few."""
    signature = predictor.signature
    names = signature.class_names
    scores: list[Score] = []
    tallies: list[Tally] = []
    for number, case in enumerate(cohort.cases):
        record = read_record(case, cohort, signature.annotators)
        prediction = predictor(
            case.name, Volume(array=record.image, affine=record.affine, spacing_mm=record.spacing_mm)
        )
        scores += score_case(prediction, record.labels, record.truth, classes=names, annotators=signature.annotators)
        tallies.append(tally_case(prediction, record.labels, record.truth))
        write_prediction(prediction, signature, out / "predictions", suffix_of(case.images[0]))
        if number < PANELS:
            path = out / "report" / "panels" / f"{case.name}.npz"
            np.savez_compressed(path, allow_pickle=False, **panel_of(record, prediction, signature))
    return scores, functools.reduce(operator.add, tallies)


def panel_of(record: Record, prediction: Prediction, signature: Signature) -> dict[str, NDArray[np.generic]]:
    """The arrays that the pictures of one case need: of a volume, the slice with the most foreground.

    image (H,W) or (H,W,3) in 0..1, labels and annotator_labels (A,H,W), truth_labels, entropy and, where known,
    known_truth (H,W); annotators, classes: names; aspect: height over width of a voxel.
    """
    spacing = prediction.spacing_mm or (1.0,) * (record.image.ndim - 1)
    flat = (slice(None),) * 2
    if record.image.ndim == 4:
        foreground = (record.labels > 0).any(0) | (prediction.truth_probs.argmax(0) > 0)
        flat = (*flat, int(foreground.sum((0, 1)).argmax()))
    image = record.image[(slice(None), *flat)]
    low, high = np.percentile(image, [0.5, 99.5])
    shown = np.clip((image - low) / max(high - low, 1e-6), 0, 1)
    panel = {
        "image": np.moveaxis(shown, 0, -1) if len(shown) == 3 else shown[0],
        "labels": record.labels[(slice(None), *flat)],
        "truth_labels": prediction.truth_probs.argmax(0)[flat],
        "annotator_labels": prediction.annotator_probs.argmax(1)[(slice(None), *flat)],
        "entropy": voxel_entropy(prediction.truth_probs)[flat],
        "annotators": np.array(signature.annotators),
        "classes": np.array(signature.class_names),
        "aspect": np.array(spacing[0] / spacing[1]),
    }
    if record.truth is not None:
        panel["known_truth"] = record.truth[flat]
    return panel


def _test_cohort(run: Path, predictor: Predictor, other: Path | None) -> Cohort:
    """The cohort with nothing but the cases to be scored."""
    name = predictor.config.data.cohort if other is None else str(other)
    cohort = load_cohort(find_cohort(name))
    if cohort.classes != predictor.signature.classes:
        expected = ", ".join(f"{label.name}={label.value}" for label in predictor.signature.classes)
        got = ", ".join(f"{label.name}={label.value}" for label in cohort.classes)
        raise Refused([complaint("classes", expected, got, cohort.name)])
    if other is None:
        cohort = apply(cohort, read_splits(run / "splits.json"))
        cases = cohort.split("test")
    else:
        cases = cohort.cases
    if not cases:
        raise Refused([complaint("test split", "at least one case", "none", str(run))])
    return replace(cohort, cases=cases)
