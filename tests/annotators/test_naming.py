"""Annotators who have exchanged classes: found in pairs, renamed for the fusion, and measured as they wrote."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.fitting import fit_fusion
from medseg.annotators.labelled_case import LabelledCase
from medseg.annotators.naming import names_of, renamed
from medseg.annotators.simulation.simulators import simulate
from medseg.contracts import UNLABELLED

SAME, CYCLE = [0, 1, 2, 3], [0, 3, 1, 2]
"""``swap`` writes 1 as 2, 2 as 3, 3 as 1: what it calls 1 is 3."""


def organs(cases: int) -> list[np.ndarray]:
    """Three organs of sizes and places that differ from case to case."""
    rng, truths = np.random.default_rng(0), []
    for _ in range(cases):
        truth = np.zeros((40, 40), np.int16)
        for label, (row, column) in enumerate(((4, 4), (4, 24), (24, 12)), start=1):
            low, size = rng.integers(0, 3, 2), rng.integers(8, 13, 2)
            truth[row + low[0] : row + low[0] + size[0], column + low[1] : column + low[1] + size[1]] = label
        truths.append(truth)
    return truths


def drawn(names: tuple[str, ...], truths: list[np.ndarray]) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [np.stack([simulate(truth, name, 4, rng) for name in names]) for truth in truths]


def names(annotators: tuple[str, ...]) -> list[list[int]]:
    cases = [LabelledCase(labels, None, 4) for labels in drawn(annotators, organs(4))]
    return names_of(cases, len(annotators)).tolist()


@pytest.mark.parametrize(
    ("annotators", "swapped"),
    [
        (("good", "over:2", "under:1.5", "swap", "swap"), (3, 4)),
        (("swap", "good", "jitter:1", "blank"), (0,)),
        (("good", "jitter:1", "over:2", "confusion:0.3"), ()),
        (("good", "good", "swap", "swap"), ()),  # nobody can tell
        (("good", "swap"), ()),
        (("displaced:1.6", "fractured", "jitter:2", "fractured_over:3", "swap", "swap", "swap"), (4, 5, 6)),
    ],
)
def test_whose_names_differ_from_most_others(annotators: tuple[str, ...], swapped: tuple[int, ...]) -> None:
    assert names(annotators) == [CYCLE if row in swapped else SAME for row in range(len(annotators))]


def test_two_small_classes_are_exchanged_beside_a_large_one_that_is_not() -> None:
    """The third is ten times as large as both, and named alike by all."""
    truths = organs(4)
    for truth in truths:
        truth[24:] = 3
    exchanged = [np.array([0, 2, 1, 3], np.int16)[truth] for truth in truths]
    cases = [LabelledCase(np.stack([t, t, e]), None, 4) for t, e in zip(truths, exchanged, strict=True)]
    assert names_of(cases, 3).tolist() == [SAME, SAME, [0, 2, 1, 3]]


def test_what_nobody_labelled_is_not_renamed() -> None:
    labels = np.array([[0, 1, 2, UNLABELLED], [3, 2, UNLABELLED, 1]], np.int16)
    assert renamed(labels, np.array([SAME, CYCLE])).tolist() == [[0, 1, 2, UNLABELLED], [2, 1, UNLABELLED, 3]]


def test_where_two_of_five_exchange_classes_the_truth_has_the_others_names() -> None:
    """Without it the names are mixed, whatever the likelihood: Dice .77 on organs. Matrices are of what was written."""
    truths = organs(12)
    labels = drawn(("good", "over:2", "under:1.5", "swap", "swap"), truths)
    fusion = fit_fusion(labels, 4)
    assert all((fusion(each).argmax(axis=0) == truth).all() for each, truth in zip(labels, truths, strict=True))
    heard = fusion.evidence(labels[0], fusion(labels[0]))[3]
    assert (heard[truths[0] > 0] > 1).all()  # what he calls 2 speaks for 1
    index = [np.array([4, 0, 3, 1, 2])] * 12  # the same people in another order, and one who is never there
    shuffled = fit_fusion([each[index[0]] for each in labels], 4, annotator_index=index, annotators=6)
    assert (shuffled(labels[0][index[0]], index[0]).argmax(axis=0) == truths[0]).all()
