"""One case on its own grid: the image, and every annotator's mask as class indices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED, Case, Cohort
from medseg.images import read_channels, read_labels


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
    """Mask values -> class indices 0..T-1 in the order of the cohort's classes; UNLABELLED for any other value."""
    indices = np.full(values.shape, UNLABELLED, np.int16)
    for index, label in enumerate(cohort.classes):
        indices[values == label.value] = index
    return indices


def read_record(case: Case, cohort: Cohort, annotators: Sequence[str]) -> Record:
    """Read one case. annotators: in the order of axis A."""
    volume = read_channels(case.images)
    image = volume.array.astype(np.float32)
    labels = np.full((len(annotators), *image.shape[1:]), UNLABELLED, np.int16)
    for position, annotator in enumerate(annotators):
        if annotator in case.annotations:
            labels[position] = class_indices(read_labels(case.annotations[annotator]).array, cohort)
    return Record(
        case=case,
        image=image,
        labels=labels,
        truth=class_indices(read_labels(case.truth).array, cohort) if case.truth else None,
        affine=volume.affine,
        spacing_mm=volume.spacing_mm,
    )
