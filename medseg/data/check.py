"""`medseg check`: what is wrong, odd or worth knowing in the files of a whole cohort."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from medseg.contracts import Case, Cohort, complaint
from medseg.data.inspection import CaseReport, inspect, short_path
from medseg.data.manifest import SPLITS


@dataclass(frozen=True)
class Coverage:
    """One annotator: masks per split, and the mean fraction of voxels that is foreground (nan: no mask)."""

    annotator: str
    train: int
    val: int
    test: int
    unassigned: int
    foreground: float


@dataclass(frozen=True)
class Findings:
    """errors stop a training, warnings do not, notes say what the reader changed."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]
    coverage: tuple[Coverage, ...]


def check_cohort(cohort: Cohort) -> Findings:
    """Read every file of a cohort that ``load_cohort`` accepted."""
    with ThreadPoolExecutor(max_workers=2) as pool:
        reports = list(pool.map(lambda case: inspect(case, cohort), cohort.cases))
    duplicates = list(_duplicates(reports, cohort))
    return Findings(
        (
            *(line for report in reports for line in report.errors),
            *(line for line, is_leak in duplicates if is_leak),
            *_untrainable(cohort),
        ),
        (*(line for line, is_leak in duplicates if not is_leak), *_empty(reports), *_constant(reports)),
        tuple(_notes(reports)),
        tuple(_coverage(name, reports) for name in (*cohort.annotators, *cohort.crowd)),
    )


# ------------------------------------------------------------------------------- the whole cohort
def _duplicates(reports: Iterable[CaseReport], cohort: Cohort) -> Iterator[tuple[str, bool]]:
    """A line for each image that several cases share, and whether their patients or splits differ."""
    sharing: dict[str, list[Case]] = {}
    for report in reports:
        if report.digest:
            sharing.setdefault(report.digest, []).append(report.case)
    for cases in sharing.values():
        if len(cases) == 1:
            continue
        names = [f"{case.name} (patient {case.patient}, {case.split or 'no split'})" for case in cases]
        files = " = ".join(short_path(case.images[0], cohort) for case in cases)
        line = complaint("cases with the same image", "one", " and ".join(names), files)
        yield line, len({(case.patient, case.split) for case in cases}) > 1


def _untrainable(cohort: Cohort) -> Iterator[str]:
    """Annotators without a mask to learn from; a cohort that is all val and test has none to learn."""
    trainable = [case for case in cohort.cases if case.split in ("train", "")]
    for name in cohort.annotators if trainable else ():
        if not any(name in case.masks for case in trainable):
            total = sum(name in case.masks for case in cohort.cases)
            yield complaint("training masks", "at least one", f"none, of {total} masks in all", name)


def _empty(reports: Sequence[CaseReport]) -> Iterator[str]:
    for name in dict.fromkeys(name for report in reports for name in report.foreground):
        present = [report for report in reports if name in report.foreground]
        empty = [report.case.name for report in present if report.foreground[name] == 0]
        if empty:
            yield f"empty masks: {len(empty)} of {len(present)} of {name} have no foreground ({_some(empty)})"


def _constant(reports: Iterable[CaseReport]) -> Iterator[str]:
    constant = [report.case.name for report in reports if report.constant]
    if constant:
        yield f"constant images: {len(constant)} with the same number in every voxel ({_some(constant)})"


def _notes(reports: Sequence[CaseReport]) -> Iterator[str]:
    squeezed = [where for report in reports for where in report.squeezed]
    rounded = [who for report in reports for who in report.rounded]
    unscaled = [report.case.name for report in reports if report.unscaled]
    if squeezed:
        yield f"trailing dimension 1 dropped: {len(squeezed)} images ({_some(squeezed)})"
    if rounded:
        yield f"mask values rounded to integers: {len(rounded)} masks ({_some(rounded)})"
    if unscaled:
        yield f"no voxel size: {len(unscaled)} images; their lengths are in pixels ({_some(unscaled)})"


def _coverage(annotator: str, reports: Sequence[CaseReport]) -> Coverage:
    splits = [report.case.split for report in reports if annotator in report.case.masks]
    fractions = [report.foreground[annotator] for report in reports if annotator in report.foreground]
    mean = float(np.mean(fractions)) if fractions else float("nan")
    train, val, test, unassigned = (splits.count(split) for split in SPLITS)
    return Coverage(annotator, train, val, test, unassigned, mean)


# ------------------------------------------------------------------------------------------ words
def describe(findings: Findings) -> str:
    """The coverage table, then everything found, one line each."""
    width = max((len(row.annotator) for row in findings.coverage), default=0)
    width = max(width, len("annotator"))
    lines = [f"{'annotator':<{width}}  cases  train    val   test  no split  foreground"]
    for row in findings.coverage:
        cases = row.train + row.val + row.test + row.unassigned
        counts = f"{cases:>5}  {row.train:>5}  {row.val:>5}  {row.test:>5}  {row.unassigned:>8}"
        lines.append(f"{row.annotator:<{width}}  {counts}  {row.foreground:>10.2%}")
    for kind in ("errors", "warnings", "notes"):
        found = getattr(findings, kind)
        if found or kind == "errors":
            lines += ["", f"{len(found) or 'no'} {kind[:-1] if len(found) == 1 else kind}", *found]
    return "\n".join(lines)


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
