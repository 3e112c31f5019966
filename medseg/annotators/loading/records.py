"""One case on its own grid: the image, and every annotator's mask as class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.consensus import majority_vote
from medseg.annotators.fusion import Fusion
from medseg.annotators.seen_in_images import Looked
from medseg.annotators.truths import look_of
from medseg.contracts import UNLABELLED, Case, Cohort, Volume
from medseg.evaluation import present
from medseg.images import as_labels, read_channels, read_mask, require_grid, with_spacing


@dataclass(frozen=True, kw_only=True)
class Record:
    """One case as its files have it."""

    case: Case
    """Whose files these are."""
    image: NDArray[np.float32]
    """(C,S...)."""
    labels: NDArray[np.integer]
    """(A,S...) class indices; UNLABELLED everywhere of an annotator who did not see the case."""
    truth: NDArray[np.integer] | None
    """(S...) class indices, None where it is not known."""
    affine: NDArray[np.float64]
    """(4,4) voxel index -> mm."""
    spacing_mm: tuple[float, ...] | None
    """(S,) of a voxel; None for a picture without a scale."""


def class_indices(values: NDArray[np.generic], cohort: Cohort) -> NDArray[np.int16]:
    """Mask values -> class indices 0..T-1 in the order of the cohort's classes; UNLABELLED for what is ignored."""
    indices = np.full(values.shape, UNLABELLED, np.int16)
    for index, label in enumerate(cohort.classes):
        indices[np.isin(values, label.values)] = index
    return indices


def read_record(case: Case, cohort: Cohort, annotators: Sequence[str], voters: Sequence[str] = ()) -> Record:
    """Read one case, its masks on the grid of its image.

    annotators: in the order of axis A. voters: whose majority vote is the truth; where none of them labelled the case,
    the known truth is.
    Raises Refused for files that cannot be read, and for a mask on another grid.
    """
    volume = with_spacing(read_channels(case.images), case.spacing_mm)

    def labels_of(names: Sequence[str]) -> NDArray[np.int16]:
        labels = np.full((len(names), *volume.array.shape[1:]), UNLABELLED, np.int16)
        for position, name in enumerate(names):
            if name in case.annotations:
                labels[position] = _labels(case.annotations[name], name, image=volume, case=case, cohort=cohort)
        return labels

    truth = None
    if any(name in case.annotations for name in voters):
        truth = majority_vote(labels_of(voters), len(cohort.classes))
    elif case.truth:
        truth = _labels(case.truth, "truth", image=volume, case=case, cohort=cohort)
    return Record(
        case=case,
        image=volume.array.astype(np.float32),
        labels=labels_of(annotators),
        truth=truth,
        affine=volume.affine,
        spacing_mm=volume.spacing_mm,
    )


def _labels(path: Path, annotator: str, *, image: Volume, case: Case, cohort: Cohort) -> NDArray[np.int16]:
    """A mask (S...) as class indices, on the grid of its image."""
    where = f"{case.name}/{annotator}"
    mask = require_grid("mask", read_mask(path, where), image, where=where, whose="its image")
    return class_indices(as_labels(mask, where).array, cohort)


def look_at_case(
    case: Case,
    cohort: Cohort,
    annotators: Sequence[str],
    truths: Sequence[Fusion],
    *,
    most: int,
    rng: np.random.Generator,
) -> Looked:
    """At some voxels that annotators dispute, on the case's own grid: see ``truths``; raises as ``read_record``."""
    record = read_record(case, cohort, annotators)
    whose = np.flatnonzero(present(record.labels))
    return look_of(record.image, record.labels[whose], whose, truths, most=most, rng=rng)
