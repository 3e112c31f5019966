"""A cohort -> the consensus of every case: class values, probabilities, entropy, weights.csv."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np

from medseg.annotators.drawn import around_drawn
from medseg.annotators.fusing.by_labels import by_fusion, by_soft_mean, by_staple, by_vote
from medseg.annotators.fusing.by_model import by_model
from medseg.annotators.fusing.results import RESULTS, WEIGHTS, Fuse, FusedCohort, write_cases
from medseg.annotators.fusion import Fusion
from medseg.annotators.fusion_file import FUSION
from medseg.annotators.loading.records import Record, look_at_case, read_record
from medseg.annotators.predicting.given_images import image_complaints
from medseg.annotators.predicting.matrices import matrix_complaints
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.reliance import fusion_of_run
from medseg.annotators.truths import doubts_of, fit_truth
from medseg.cohorts import did_you_mean, load_cohort, read_all
from medseg.contracts import Cohort, ObjectCohort, Refused, complaint
from medseg.evaluation import present
from medseg.images import place_complaints, whole_or_none

Way = Literal["fused", "vote", "soft", "staple", "model"]
"""fused: ``annotators.truths``, fitted on all cases; vote, soft, staple: each case by itself; model: a trained run."""


def fuse_cohort(folder: Path, out: Path, *, way: str = "fused", run: Path | None = None) -> FusedCohort:
    """Fuse the labels of a cohort's persistent annotators (where it has none: of its crowd), case by case.

    consensus/<case> in the kind of file of the masks, with their values; probabilities/<class>/<case> and
    entropy/<case>, float maps (pictures: TIFF; entropy nan where nobody labelled); weights.csv, a row per case and
    annotator. All on the case's own grid, labels as they were drawn. run: of ``model`` alone.
    Raises Refused, before anything is written, for another way, a run that does not fit, files that cannot be read,
    and where a file would be overwritten. Where writing fails, nothing is left.
    """
    cohort = load_cohort(folder)
    complaints = [*_asked_wrongly(cohort, way, run), *place_complaints(out, cohort.root)]
    taken = [name for name in RESULTS if (out / name).exists()]
    if taken and not complaints:
        kind = "file" if taken[0] == WEIGHTS else "folder"
        complaints.append(complaint("output folder", "no consensus yet", f"a {kind} {taken[0]}", str(out)))
    if complaints:
        raise Refused(complaints)
    predictor = None if run is None else _predictor(run, cohort)
    annotators = (cohort.annotators or cohort.crowd) if predictor is None else predictor.signature.annotators
    labelled = [case for case in cohort.cases if set(case.annotations) & set(annotators)]
    if not labelled:
        raise Refused([complaint("labels", f"some of {', '.join(annotators)}", "none", cohort.name)])
    fuse = _of_run(run, predictor) if run and predictor else None
    crops = read_all(labelled, lambda case: around_drawn(read_record(case, cohort, annotators).labels))
    looks = [partial(look_at_case, case, cohort, annotators) for case in labelled]
    truth = fit_truth(crops, len(cohort.classes), looks) if way == "fused" else None
    fuse = fuse or _by_labels(way, truth, [label.name for label in cohort.classes])
    with whole_or_none(out, RESULTS):
        found = write_cases(cohort, labelled, fuse, annotators=annotators, out=out)
    return replace(found, said=tuple(doubts_of(truth))) if truth else found


def _asked_wrongly(cohort: Cohort, way: str, run: Path | None) -> list[str]:
    found, ways = [], get_args(Way)
    if way not in ways:
        found.append(complaint("--method", ", ".join(ways), f"{way}{did_you_mean(way, ways)}", cohort.name))
    elif (way == "model") != (run is not None):
        expected = "a run folder with --method model, none with the others"
        found.append(complaint("--run", expected, "none" if run is None else f"{run} with {way}", cohort.name))
    if isinstance(cohort, ObjectCohort):
        found.append(complaint("cohort", "annotated images", "label maps", cohort.name))
    return found


def _predictor(run: Path, cohort: Cohort) -> Predictor:
    """Raises Refused for a run without matrices, of other classes, and of annotators whom the cohort does not have."""
    predictor = Predictor.load(run)
    signature, grid = predictor.signature, predictor.config.data.grid
    known, found = (*cohort.annotators, *cohort.crowd), matrix_complaints(predictor, "--method model", run)
    if signature.classes != cohort.classes:
        both = signature.classes, cohort.classes
        expected, got = (", ".join(f"{label.name}={label.value}" for label in classes) for classes in both)
        found.append(complaint("classes", expected, got, cohort.name))
    if not set(signature.annotators) & set(known):
        expected = f"some of the run's: {', '.join(signature.annotators)}"
        found.append(complaint("annotators", expected, ", ".join(known) or "none", cohort.name))
    found += [line for case in cohort.cases for line in image_complaints(case.name, case.images, signature, grid)]
    if found:
        raise Refused(found)
    return predictor


def _of_run(run: Path, predictor: Predictor) -> Fuse:
    """Raises Refused for a run of recipe ``fused`` whose fusion.json is gone."""
    fusion = fusion_of_run(run, None) if predictor.config.recipe == "fused" else None
    if predictor.config.recipe == "fused" and fusion is None:
        raise Refused([complaint("run folder", f"{FUSION} of a run of recipe fused", "none", str(run))])
    return lambda record: by_model(predictor, fusion, record)


def _by_labels(way: str, truth: Fusion | None, classes: Sequence[str]) -> Fuse:
    """truth: of the way fused, fitted on all cases."""
    if truth is not None:
        return lambda record: by_fusion(truth, _of_present(record), np.flatnonzero(present(record.labels)))
    if way == "staple":
        return lambda record: by_staple(_of_present(record), len(classes), classes)
    by_share = by_vote if way == "vote" else by_soft_mean
    return lambda record: by_share(_of_present(record), len(classes))


def _of_present(record: Record) -> np.ndarray:
    return record.labels[present(record.labels)]
