"""`medseg check` of a cohort of annotated images: what is wrong, odd or worth knowing in all of its files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from medseg.cohorts.checking.duplicates import Fingerprinted, find_duplicates
from medseg.cohorts.checking.findings import Coverage, ImageFindings, some
from medseg.cohorts.checking.inspection import CaseReport, inspect
from medseg.cohorts.manifest import SPLITS
from medseg.cohorts.reading import read_all
from medseg.contracts import Cohort, complaint


def check_images(cohort: Cohort) -> ImageFindings:
    """Read every image and mask of a cohort without rules that ``load_cohort`` accepted."""
    reports = read_all(cohort.cases, lambda case: inspect(case, cohort), "checking")
    fingerprinted = [Fingerprinted(case=report.case, digest=report.digest) for report in reports]
    same = find_duplicates(fingerprinted, "image", lambda case: case.images[0], cohort)
    return ImageFindings(
        errors=(
            *(line for report in reports for line in report.errors),
            *(one.line for one in same if one.leak),
            *_untrainable(cohort),
        ),
        warnings=(*(one.line for one in same if not one.leak), *_empty(reports), *_constant(reports)),
        notes=tuple(_notes(reports)),
        coverage=tuple(_coverage(name, reports) for name in (*cohort.annotators, *cohort.crowd)),
    )


# ------------------------------------------------------------------------------- the whole cohort
def _untrainable(cohort: Cohort) -> Iterator[str]:
    """Annotators without a mask to learn from; a cohort that is all val and test has none to learn."""
    trainable = [case for case in cohort.cases if case.split in ("train", "")]
    for name in cohort.annotators if trainable else ():
        if not any(name in case.annotations for case in trainable):
            total = sum(name in case.annotations for case in cohort.cases)
            yield complaint("training masks", "at least one", f"none, of {total} masks in all", name)


def _empty(reports: Sequence[CaseReport]) -> Iterator[str]:
    for name in dict.fromkeys(name for report in reports for name in report.foreground):
        present = [report for report in reports if name in report.foreground]
        empty = [report.case.name for report in present if report.foreground[name] == 0]
        if empty:
            yield f"empty masks: {len(empty)} of {len(present)} of {name} have no foreground ({some(empty)})"


def _constant(reports: Iterable[CaseReport]) -> Iterator[str]:
    constant = [report.case.name for report in reports if report.constant]
    if constant:
        yield f"constant images: {len(constant)} with the same number in every voxel ({some(constant)})"


def _notes(reports: Sequence[CaseReport]) -> Iterator[str]:
    squeezed = [where for report in reports for where in report.squeezed]
    rounded = [who for report in reports for who in report.rounded]
    unscaled = [report.case.name for report in reports if report.unscaled]
    if squeezed:
        yield f"trailing dimension 1 dropped: {len(squeezed)} images ({some(squeezed)})"
    if rounded:
        yield f"mask values rounded to integers: {len(rounded)} masks ({some(rounded)})"
    if unscaled:
        yield f"no voxel size: {len(unscaled)} images; their lengths are in pixels ({some(unscaled)})"


def _coverage(annotator: str, reports: Sequence[CaseReport]) -> Coverage:
    splits = [report.case.split for report in reports if annotator in report.case.annotations]
    fractions = [report.foreground[annotator] for report in reports if annotator in report.foreground]
    mean = float(np.mean(fractions)) if fractions else float("nan")
    train, val, test, unassigned = (splits.count(split) for split in SPLITS)
    return Coverage(annotator=annotator, train=train, val=val, test=test, unassigned=unassigned, foreground=mean)
