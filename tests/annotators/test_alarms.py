from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.alarms import alarms, dominance, foreground_dice

NAN = float("nan")
HONEST, SWAPPED = np.diag([90.0, 10.0]), np.diag([90.0, 10.0])[::-1]


def test_dominance_is_of_the_mean_over_annotators_in_each_column():
    good, bad = np.array([[0.9, 0.2], [0.1, 0.8]]), np.array([[0.8, 0.7], [0.2, 0.3]])
    assert dominance(np.stack([good, bad])).tolist() == [True, True]
    assert dominance(np.stack([good, bad, bad])).tolist() == [True, False]
    assert dominance(np.array([[[0.5, NAN], [0.5, NAN]]])).tolist() == [False, True]


def test_pooled_foreground_dice_counts_a_class_mistaken_for_another_as_wrong():
    assert foreground_dice(np.array([[50, 2, 0], [1, 5, 3], [0, 0, 4]])) == pytest.approx(2 * 9 / (13 + 14))
    assert np.isnan(foreground_dice(np.diag([5, 0])))


def test_silence_where_the_truth_keeps_to_the_vote():
    assert (
        alarms(HONEST, np.stack([HONEST, SWAPPED]), np.eye(2)[None], annotators=["ann", "ben"], classes=["bg", "cell"])
        == []
    )


def test_a_truth_further_from_the_vote_than_every_annotator_is_named():
    annotators = np.array([[[90, 0], [0, 10]], [[88, 2], [2, 8]]])
    drifted = np.array([[90, 5], [0, 5]])
    assert alarms(drifted, annotators, np.eye(2)[None], annotators=["ann", "ben"], classes=["bg", "cell"]) == [
        "the recovered truth agrees less with the vote (Dice 0.667) than any annotator does "
        "(least: ben, 0.800): "
        "it may have drifted, or its classes may have swapped"
    ]


def test_a_swap_is_named_by_its_classes():
    confusion = np.array([[[0.9, 0.7], [0.1, 0.3]]])
    assert alarms(HONEST, HONEST[None], confusion, annotators=["ann"], classes=["bg", "cell"]) == [
        "the mean confusion has lost dominance: true cell is called bg (0.700) "
        "at least as often as cell (0.300): "
        "the classes may have swapped"
    ]


def test_no_alarm_without_any_foreground_in_the_vote():
    empty = np.diag([100.0, 0.0])
    assert alarms(empty, empty[None], np.eye(2)[None], annotators=["ann"], classes=["bg", "cell"]) == []
