"""Masks that are unlike their case and unlike their annotator."""

from __future__ import annotations

import numpy as np

from medseg.annotators.people.outliers import find_outliers


def test_the_planted_outlier_is_found_and_nobody_else() -> None:
    dice = np.random.default_rng(0).normal(0.85, 0.03, size=(20, 6))
    dice[7] -= 0.3  # a hard case
    dice[:, 2] -= 0.3  # a poor annotator
    dice[11, 4] = 0.4
    found = find_outliers(dice)
    assert found.places.tolist() == [[11, 4]]
    assert found.z_case[11, 4] < -3.5 and found.z_annotator[11, 4] < -3.5


def test_of_two_annotators_nobody_knows_who_is_wrong_and_absence_is_no_mistake() -> None:
    dice = np.repeat(np.array([0.9, 0.91, 0.89, 0.2, 0.9, 0.9])[:, None], 2, axis=1)
    assert not len(find_outliers(dice).places)
    dice = np.column_stack([dice, np.full(6, np.nan)])
    dice[3] = np.nan, 0.2, np.nan
    assert not len(find_outliers(dice).places)


def test_the_worst_comes_first() -> None:
    dice = np.full((8, 5), 0.9)
    dice[1, 1], dice[5, 3] = 0.5, 0.1
    assert find_outliers(dice).places.tolist() == [[5, 3], [1, 1]]
