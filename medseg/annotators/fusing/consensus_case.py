"""The consensus of one case: classes, probabilities, and what each annotator is worth in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED


@dataclass(frozen=True, kw_only=True)
class ConsensusCase:
    """What all labels of one case say together, on the case's own grid."""

    labels: NDArray[np.integer]
    """(S...) class indices; UNLABELLED where nobody labelled."""
    probs: NDArray[np.floating]
    """(T,S...) p(t | all labels); all 0 where nobody labelled."""
    worth: Mapping[str, NDArray[np.floating]]
    """Column of weights.csv -> (P,) a number for each annotator who labelled the case; ``weight`` sums to 1."""


def most_probable(probs: NDArray[np.floating]) -> NDArray[np.intp]:
    """(T,S...) -> (S...), of equals the lowest class; UNLABELLED where all are 0."""
    return np.where(probs.any(axis=0), probs.argmax(axis=0), UNLABELLED)


def shares(information: NDArray[np.floating]) -> NDArray[np.float64]:
    """(P,) nats -> (P,) parts of their sum; equal parts where all are 0 or unknown."""
    known = np.nan_to_num(np.asarray(information, np.float64))
    total = known.sum()
    return known / total if total > 0 else np.full(len(known), 1 / max(len(known), 1))
