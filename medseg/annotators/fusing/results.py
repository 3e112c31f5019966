"""What a fusion leaves: files of each case on its own grid, weights.csv, and what the user reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.consensus import majority_vote
from medseg.annotators.fusing.consensus_case import ConsensusCase
from medseg.annotators.loading.records import Record, read_record
from medseg.contracts import UNLABELLED, Case, Cohort, Volume
from medseg.evaluation import dice, mean_of_defined, present, voxel_entropy, write_table
from medseg.images import suffix_of, write_labels, write_map

WEIGHTS = "weights.csv"
RESULTS = ("consensus", "probabilities", "entropy", WEIGHTS)
"""What ``fuse_cohort`` leaves in its folder."""

Fuse = Callable[[Record], ConsensusCase]


@dataclass(frozen=True, kw_only=True)
class FusedCohort:
    """What was written; ``str`` gives what the user reads."""

    out: Path
    """The folder."""
    cases: tuple[str, ...]
    """Those that are fused."""
    left_out: tuple[str, ...]
    """Cases that none of the annotators labelled."""
    classes: tuple[str, ...]
    """Names, the background first."""
    unlabelled: int
    """The value of the voxels that nobody labelled,"""
    unlabelled_cases: int
    """and how many of the fused cases have such voxels."""
    reference: str
    """Whom the consensus is compared with: ``known truth`` or ``majority vote``."""
    dice: NDArray[np.float64] = field(repr=False)
    """(N,T-1) of every fused case with the reference; nan where both are empty or the truth is not known."""
    said: tuple[str, ...] = ()
    """What is to be said of the truth, after ``alarm:``."""

    def __str__(self) -> str:
        lines = [f"{self.out}: the consensus of {len(self.cases)} cases"]
        if self.left_out:
            lines.append(f"left out, for nobody labelled them: {', '.join(self.left_out)}")
        if self.unlabelled_cases:
            where = f"in {self.unlabelled_cases} cases"
            lines.append(f"voxels that nobody labelled have the value {self.unlabelled} ({where})")
        told = [
            f"{name} {mean_of_defined(of_class):.4f}"
            for name, of_class in zip(self.classes[1:], self.dice.T, strict=True)
        ]
        lines.append(f"Dice with the {self.reference}: {', '.join(told)} (means over cases)")
        return "\n".join([*lines, *(f"alarm: {sentence}" for sentence in self.said)])


def write_cases(
    cohort: Cohort, cases: Sequence[Case], fuse: Fuse, *, annotators: Sequence[str], out: Path
) -> FusedCohort:
    """Case by case; one is in memory at a time."""
    known = any(case.truth for case in cases)
    rows: list[tuple[object, ...]] = []
    names, columns, scores, unlabelled_cases = [], ("weight",), [], 0
    value = unlabelled_value(cohort)
    for case in cases:
        record = read_record(case, cohort, annotators)
        if not present(record.labels).any():
            continue
        found = fuse(record)
        write_case(found, record, cohort, out=out)
        seen = np.flatnonzero(present(record.labels)).tolist()
        columns = tuple(found.worth)
        rows += [
            (case.name, annotators[index], *(float(found.worth[column][row]) for column in columns))
            for row, index in enumerate(seen)
        ]
        names.append(case.name)
        unlabelled_cases += bool((found.labels == UNLABELLED).any())
        scores.append(_dice(found, record, len(cohort.classes), known))
    write_table(out / WEIGHTS, ("case", "annotator", *columns), rows)
    return FusedCohort(
        out=out,
        cases=tuple(names),
        left_out=tuple(case.name for case in cohort.cases if case.name not in set(names)),
        classes=tuple(label.name for label in cohort.classes),
        unlabelled=value,
        unlabelled_cases=unlabelled_cases,
        reference="known truth" if known else "majority vote",
        dice=np.array(scores),
    )


def _dice(found: ConsensusCase, record: Record, num_classes: int, known: bool) -> list[float]:
    reference = record.truth if known else majority_vote(record.labels, num_classes)
    if reference is None:
        return [float("nan")] * (num_classes - 1)
    return [dice(found.labels, reference, label) for label in range(1, num_classes)]


def write_case(found: ConsensusCase, record: Record, cohort: Cohort, *, out: Path) -> None:
    """The three kinds of files of one case, on its own grid."""
    name = record.case.name + suffix_of(next(iter(record.case.annotations.values())))
    values = np.array([*(label.value for label in cohort.classes), unlabelled_value(cohort)])
    volume = Volume(array=values[found.labels], affine=record.affine, spacing_mm=record.spacing_mm)
    write_labels(out / "consensus" / name, volume)  # UNLABELLED is the last of the values
    for label, probs in zip(cohort.classes, found.probs, strict=True):
        write_map(out / "probabilities" / label.name / name, replace(volume, array=probs))
    entropy = np.where(found.labels == UNLABELLED, np.nan, voxel_entropy(found.probs))
    write_map(out / "entropy" / name, replace(volume, array=entropy))


def unlabelled_value(cohort: Cohort) -> int:
    """What stands for a voxel that nobody labelled: the first ignored value, or the largest below 256 of no class."""
    taken = {value for label in cohort.classes for value in label.values}
    return next(iter(cohort.ignored), next(value for value in range(255, -1, -1) if value not in taken))
