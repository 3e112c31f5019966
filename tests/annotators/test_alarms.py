from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.alarms import alarms, dominance, foreground_dice, style_alarm
from medseg.contracts import Score
from medseg.evaluation import score_of

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
    identity = np.eye(len(classes))[None]  # of a recipe without matrices
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
        "the classes may have swapped, or it was trained too briefly"
    ]


def test_no_alarm_without_any_foreground_in_the_vote():
    empty = np.diag([100.0, 0.0])
    assert alarms(empty, empty[None], np.eye(2)[None], annotators=["ann"], classes=["bg", "cell"]) == []


def test_matrices_that_tell_of_no_error_are_named_where_errors_are_counted():
    """Counted: background is never mistaken, of 10 voxels of the cell 2 are missed: (0 + .2) / 2."""
    counts, start = np.array([[90.0, 2], [0, 8]])[None], np.array([[0.9975, 0.0025], [0.0025, 0.9975]])[None]
    told = {"annotators": ["ann"], "classes": ["bg", "cell"]}
    (sentence,) = alarms(HONEST, counts, start, **told)
    assert sentence.startswith(
        "the confusion matrices never left the identity (they tell of errors in 0.25% of the voxels of a class; "
        "counted are 10.00%): no annotator's style is learned; train again"
    )
    learned = np.array([[0.99, 0.15], [0.01, 0.85]])[None]
    assert alarms(HONEST, counts, learned, **told) == []
    assert alarms(HONEST, HONEST[None], start, **told) == []  # nobody errs: the identity is what he is
    assert alarms(HONEST, counts, start * NAN, **told) == []  # a recipe whose truth has no matrices at all


def areas(**drawn_and_expected: tuple[list[float], list[float]]) -> list[Score]:
    """Rows of scores.csv: annotator -> areas drawn and expected, case by case."""
    return [
        score_of(metric, value, case=f"c{number}", annotator=name)
        for name, both in drawn_and_expected.items()
        for metric, values in zip(("relative_area", "predicted_relative_area"), both, strict=True)
        for number, value in enumerate(values)
    ]


MOVED = np.array([[[0.99, 0.15], [0.01, 0.85]]] * 2)


def test_styles_that_are_clear_and_expected_of_nobody_are_named() -> None:
    """Drawn .8 and 1.2 on average, expected .98 and 1.02: a tenth of the difference."""
    flat = areas(ann=([0.75, 0.85], [0.98, 0.98]), ben=([1.15, 1.25], [1.02, 1.02]))
    (sentence,) = style_alarm(flat, MOVED)
    assert sentence.startswith(
        "no annotator's style is learned: they draw from 0.80 (ann) to 1.20 (ben) times the mean area, of which 0.10 "
        "times the differences are expected"
    )
    assert style_alarm(flat, np.stack([np.eye(2)] * 2)) == []  # a recipe without matrices
    assert style_alarm(areas(ann=([0.75, 0.85], [0.9, 0.9]), ben=([1.15, 1.25], [1.1, 1.1])), MOVED) == []  # by half


def test_differences_that_cases_explain_are_no_styles() -> None:
    """.9 and 1.1 on average, but from .6 to 1.4; nothing can be said of one case, or of cases without foreground."""
    assert style_alarm(areas(ann=([0.6, 1.2], [1, 1]), ben=([1.4, 0.8], [1, 1])), MOVED) == []
    assert style_alarm(areas(ann=([0.6], [1]), ben=([1.4], [1])), MOVED) == []
    assert style_alarm(areas(ann=([NAN, NAN], [NAN, NAN]), ben=([NAN, 0.8], [NAN, 1])), MOVED) == []
