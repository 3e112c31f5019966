"""Annotators whose most probable labels are empty although they draw: how often, what is expected of them, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.confusion_scores import expected_area
from medseg.annotators.nouns import Prediction
from medseg.contracts import UNLABELLED


@dataclass(frozen=True, kw_only=True)
class Areas:
    """Foreground of each annotator, summed over cases by ``+``."""

    drawn: NDArray[np.float64]
    """(A,) voxels that he drew."""
    expected: NDArray[np.float64]
    """(A,) voxels that are expected of him where he labelled: the sum of their probabilities."""
    cases: NDArray[np.int64]
    """(A,) cases in which he drew something,"""
    empty: NDArray[np.int64]
    """(A,) and those of them in which no voxel is more likely his foreground than his background."""

    def __add__(self, other: Areas) -> Areas:
        """Both together."""
        return Areas(**{name: mine + getattr(other, name) for name, mine in vars(self).items()})

    def notes(self, annotators: Sequence[str], *, one_matrix: bool) -> list[str]:
        """A line for every annotator (names in the order of A) who has such cases.

        one_matrix: each has one matrix for all voxels.
        """
        why = "one matrix for all voxels cannot say where he draws" if one_matrix else "the model is nowhere sure of it"
        return [
            f"{annotators[index]} draws, but in {self.empty[index]} of {self.cases[index]} cases no voxel is more "
            f"likely than not his foreground, so that his predicted labels are empty ({why}); expected of him over all "
            f"cases: {self.expected[index]:.0f} voxels, drawn: {self.drawn[index]:.0f}"
            for index in np.flatnonzero(self.empty).tolist()
        ]


def areas_of_case(prediction: Prediction, labels: NDArray[np.integer]) -> Areas:
    """Of one case: labels (A,S...), UNLABELLED all over of an absent annotator."""
    predicted = (prediction.annotator_labels > 0) & (labels != UNLABELLED)
    drawn, drew = (labels > 0).reshape(len(labels), -1).sum(axis=1), predicted.reshape(len(labels), -1).any(axis=1)
    expected = [
        expected_area(probs[None], given[None])[0]
        for probs, given in zip(prediction.annotator_probs, labels, strict=True)
    ]
    return Areas(
        drawn=drawn.astype(np.float64),
        expected=np.nan_to_num(np.array(expected)),
        cases=(drawn > 0).astype(np.int64),
        empty=((drawn > 0) & ~drew).astype(np.int64),
    )
