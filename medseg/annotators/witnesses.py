"""Whether a truth that was fused of labels has been seen by two, so that nothing else need be asked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fusion import Fusion
from medseg.contracts import UNLABELLED

WITNESS = 0.85
"""Of a fused truth with which a second annotator agrees so well images are not asked: two have seen it."""

CASES = 24
"""So many are looked at."""


def second_witness(fusion: Fusion, cases: Sequence[Labels], annotator_index: Sequence[Index | None]) -> float:
    """How well the fused truth agrees with the annotator who agrees with it second best, from 0 to 1.

    Dice of the foreground of all cases that are looked at together. That the truth is one annotator's labels proves
    nothing; that two say the same does. nan of fewer than three annotators, who would be
    witnesses of one another.
    """
    annotators = len(fusion.log_confusion)
    both, either = np.zeros((2, annotators))
    for number in range(0, len(cases), -(-len(cases) // CASES)):
        labels, whose = cases[number], annotator_index[number]
        found = fusion(labels, whose).argmax(axis=0)
        for annotator, drawn in zip(range(len(labels)) if whose is None else whose, labels, strict=True):
            known = drawn != UNLABELLED
            both[annotator] += 2 * np.count_nonzero(known & (drawn == found) & (drawn > 0))
            either[annotator] += np.count_nonzero(drawn > 0) + np.count_nonzero(known & (found > 0))
    agreed = np.sort(both[either > 0] / either[either > 0])
    return float(agreed[-2]) if len(agreed) > 2 else float("nan")
