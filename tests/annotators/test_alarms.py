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


NAMES = ["ann", "ben", "cid"]


def ring(truth: np.ndarray, *annotators: np.ndarray, classes: tuple[str, ...] = ("bg", "cell")) -> list[str]:
    identity = np.eye(len(classes))[None]
    return alarms(truth, np.stack(annotators), identity, annotators=NAMES[: len(annotators)], classes=classes)


def test_silence_where_the_truth_keeps_to_all_labels_together():
    assert ring(HONEST, HONEST, SWAPPED, HONEST) == []


def test_a_truth_that_errs_a_little_more_than_good_annotators_is_sound():
    good = np.array([[89, 1], [1, 9]])  # Dice .9
    assert ring(np.array([[88, 2], [2, 8]]), good, good, good) == []  # .8


def test_a_blank_annotator_does_not_make_the_alarm_deaf():
    blank, good = np.array([[90, 10], [0, 0]]), np.array([[89, 1], [1, 9]])
    drifted = np.array([[90, 6], [0, 4]])  # Dice .571
    (sentence,) = ring(drifted, good, blank, good)
    assert sentence.startswith(
        "the recovered truth agrees less with all labels together (Dice 0.571) than 0.75 times what "
        "the annotator in the middle does ("
    )
    assert ", 0.900): it has drifted" in sentence


def test_two_classes_that_swapped_are_both_named():
    swapped = np.array([[90, 0, 0], [0, 1, 9], [0, 9, 1]])
    honest = np.diag([90, 10, 10])
    sentences = ring(swapped, honest, honest, classes=("bg", "nerve", "vessel"))
    assert [line.split(" (")[0] for line in sentences[1:]] == [
        "where all labels together say nerve the recovered truth says vessel",
        "where all labels together say vessel the recovered truth says nerve",
    ]
    assert "Dice 0.100" in sentences[0]


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
