"""Whether annotators call the same thing by different names: classes that one of them has exchanged.

A matrix per zone could say it too, but the likelihood of a truth with mixed names is no worse: where several have
exchanged classes, names are compared first, between two annotators at a time, and most annotators decide.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from medseg.annotators.drawn import Labels
from medseg.annotators.labelled_case import LabelledCase
from medseg.contracts import UNLABELLED

SHARED = 0.5
"""Classes are exchanged where more than this share of their voxels, by the one who has fewer, is the other's too."""

LARGEST = 4096
"""Of more annotators times classes names are not compared."""

Names = NDArray[np.int64]


def names_of(cases: Sequence[LabelledCase], annotators: int) -> Names:
    """(A,T) what most annotators call that which annotator a calls o.

    Of two annotators the foreground classes are matched so that they agree in the most voxels (Kuhn 1955); see
    ``SHARED``. Names are alike where none are exchanged, and most of what both call foreground has one name. Those
    whose names are alike with the most others' decide; where as many have other names in common, nobody's are changed.
    """
    classes = cases[0].classes
    every = np.arange(classes)
    same = np.tile(every, (annotators, 1))
    if classes < 3 or annotators < 3 or annotators * classes > LARGEST:
        return same
    joint = np.zeros((annotators, classes, annotators, classes))
    for case in cases:
        joint[np.ix_(case.present, every, case.present, every)] += case.together()
    matched = np.array([[_matched(joint[b, :, a]) for a in range(annotators)] for b in range(annotators)])  # (A,A,T)
    agreed = np.einsum("bcac->ba", joint[:, 1:, :, 1:])
    alike = (matched == every).all(axis=2) & (agreed > joint[:, 1:, :, 1:].sum(axis=(1, 3)) / 2)
    first = int(alike.sum(axis=1).argmax())
    others = ~alike[first]
    if not others.any() or (alike & others).sum(axis=1)[others].max() >= alike[first].sum():
        return same
    return matched[first]


def _matched(joint: NDArray[np.float64]) -> Names:
    """joint (O,O) voxels that b calls o and a calls p -> (O,) for each p the o that is meant; 0 remains 0."""
    same = np.arange(len(joint))
    found = np.concatenate([[0], 1 + linear_sum_assignment(-joint[1:, 1:].T)[1]])
    moved = found != same
    least = min(joint[moved].sum(), joint[:, moved].sum())  # the same classes by both
    return found if joint[found, same][moved].sum() > SHARED * least else same


def renamed(labels: Labels, names: Names) -> Labels:
    """labels (P,S...) of annotators whose names these are (P,T); UNLABELLED stays."""
    rows = [
        np.where(drawn == UNLABELLED, UNLABELLED, own[np.maximum(drawn, 0)])
        for drawn, own in zip(labels, names, strict=True)
    ]
    return np.stack(rows).astype(labels.dtype)
