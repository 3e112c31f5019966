"""`medseg evaluate` for a run of method one: scores, confusion matrices, pictures, a page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from medseg.annotators.alarms import style_alarm
from medseg.annotators.assembly import Signature
from medseg.annotators.calibration import CALIBRATION, write_calibration
from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.curve_alarms import doubts_of_training
from medseg.annotators.mathematics.stages import RECIPES
from medseg.annotators.pictures.album import COLUMNS, legend
from medseg.annotators.pictures.believed import draw_calibration
from medseg.annotators.pictures.page import draw_run
from medseg.annotators.pictures.relied import draw_reliability, draw_reliance
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.reliance import fusion_of_run
from medseg.annotators.report import READ, WORST, write_report
from medseg.annotators.scored_cases import score_cases
from medseg.annotators.scores import score_run
from medseg.annotators.tracking import track_annotators
from medseg.cohorts import (
    apply,
    find_cohort,
    fingerprint,
    load_cohort,
    marked,
    read_splits,
    seen_by_split,
    seen_in_training,
    warnings_of,
)
from medseg.config import refuse_other_data
from medseg.contracts import Cohort, Refused, Score, Split, complaint
from medseg.evaluation import write_confusion, write_scores
from medseg.images import whole_or_as_before
from medseg.reporting import CasePictures, draw_curves, format_summary, score_frame, worst_first, write_album


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
    warnings: tuple[str, ...] = ()
    """What a reader of the scores must know."""

    def __str__(self) -> str:
        alarms = [f"alarm: {line}" for line in self.alarms] + [f"note: {line}" for line in self.notes]
        return "\n".join([format_summary(self.scores), *self.warnings, *alarms, f"page: {self.out}/report/index.html"])


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
    seen = _seen(run, predictor, cohort, own=other is None)
    signature, warnings = predictor.signature, warnings_of(seen)
    out = run / "cohorts" / cohort.name if other is not None else run if split == "test" else run / split
    shown = [run / name for name in READ]  # the page of another cohort shows them too
    with whole_or_as_before(out, shown) as folder:
        (folder / "report" / "panels").mkdir(parents=True)
        pictures: dict[str, CasePictures] | None = {} if draw else None
        found = score_cases(predictor, cohort, fusion, folder, pictures=pictures)
        scores, tally = marked([*found.scores, *score_run(found.tally, signature.annotators)], seen), found.tally
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
        alarms += style_alarm(scores, confusion)
        alarms += doubts_of_training(folder, len(signature.classes), disputed=False)
        (folder / "report" / "alarms.txt").write_text("".join(f"{line}\n" for line in (*warnings, *alarms)))
        one_matrix = RECIPES[predictor.config.recipe].confusion == "global"
        notes = found.areas.notes(signature.annotators, one_matrix=one_matrix)
        write_calibration(folder / "report" / CALIBRATION, found.calibration)
        if pictures is not None:
            draw_run(folder)
            draw_calibration(folder)
            draw_reliance(folder)
            draw_reliability(folder)
            draw_curves(folder)
            lines = legend(signature.annotators, signature.class_names, tally.empirical is not None)
            order = worst_first(score_frame(scores), WORST)
            write_album(folder / "report", pictures, order, columns=COLUMNS, legend=lines)
            write_report(folder)
    track_annotators(
        run,
        out,
        split if other is None else cohort.name,
        config=predictor.config,
        signature=signature,
        scores=scores,
        confusion=confusion,
        manifest=cohort.root / "manifest.csv",
    )
    return AnnotatorEvaluation(scores=scores, alarms=alarms, notes=notes, out=out, warnings=warnings)


def _known_cohort(run: Path, predictor: Predictor, other: Path | None) -> Cohort:
    """The run's own cohort in its split, or another one."""
    name = predictor.config.data.cohort if other is None else str(other)
    cohort = load_cohort(find_cohort(name))
    if complaints := _unlike(cohort, predictor.signature):
        raise Refused(complaints)
    if other is not None:
        return cohort
    refuse_other_data(run, fingerprint(cohort))
    return apply(cohort, read_splits(run / "splits.json"))


def _unlike(cohort: Cohort, signature: Signature) -> list[str]:
    """What keeps a network from being scored on a cohort."""
    classes, own = (
        ", ".join(f"{label.name}={label.value}" for label in of) for of in (signature.classes, cohort.classes)
    )
    asked = (
        ("classes", classes, own),
        ("channels", signature.channels, len(cohort.channels)),
        ("spatial_dims", signature.spatial_dims, cohort.spatial_dims),
    )
    return [complaint(what, known, got, cohort.name) for what, known, got in asked if known != got]


def _scored(run: Path, cohort: Cohort, split: Split | None) -> Cohort:
    """The cohort with nothing but the cases to be scored: those of a split, or all, that have a mask."""
    labelled = [case for case in cohort.cases if case.labelled]
    cases = tuple(case for case in labelled if split in (None, case.split))
    if not cases:
        held = [name for name in ("test", "val", "train") if any(case.split == name for case in labelled)]
        got = f"none; there are cases of {' and '.join(held)}: --split {held[0]}" if held else "none"
        raise Refused([complaint(f"{split or 'test'} split", "at least one case with labels", got, str(run))])
    return replace(cohort, cases=cases)


def _seen(run: Path, predictor: Predictor, cohort: Cohort, *, own: bool) -> dict[str, str]:
    """Case -> whether the run has seen it in training. own: the cohort is the run's."""
    if own:
        return seen_by_split(cohort)
    return seen_in_training(run / "splits.json", predictor.config.data.cohort, cohort)
