from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.alarms import alarms, dominance, doubts_of_training, foreground_dice
from medseg.contracts import Refused

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
        "the classes may have swapped"
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


def curve(folder: Path, val: list[float | None], train: float = 1.0, **further: float) -> list[str]:
    rows = [{"stage": "warmup", "best/nll": 9.0, "val/nll": 9.0, "train/nll": 9.0}] + [
        {"stage": "joint", "best/loss": 0, "val/loss": value, "train/loss": train, **further} for value in val
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return doubts_of_training(folder, 2, disputed=True)


def test_a_curve_that_falls_in_its_second_half_above_the_training_cases_has_not_converged(tmp_path: Path) -> None:
    assert curve(tmp_path, [0.9, 0.5, 0.45, 0.4]) == [
        "not converged: loss on validation cases fell from 0.5000 to 0.4000 in the second half of the training, and is "
        "still below that on training cases (1.0000); train again with more training.steps"
    ]
    assert curve(tmp_path, [0.9, 0.5, 0.49, 0.48]) == []  # by 4 %
    assert curve(tmp_path, [0.9, 0.4, 0.5, 0.6]) == []  # best before
    assert curve(tmp_path, [0.9, 0.5, 0.45, 0.4], train=0.3) == []  # learned by heart: more steps do no good
    assert curve(tmp_path, [0.9, 0.5, 0.4]) == []  # too few looks
    assert curve(tmp_path, [0.9, None, 0.5, None, 0.4]) == []  # what is not finite is no look


def test_a_diagonal_that_stays_where_it_began_is_named_where_labels_differ(tmp_path: Path) -> None:
    """It begins at 1 / (1 + e^-6) = .9975 of two classes."""
    told = curve(tmp_path, [1.0], **{"val/trace": 0.997})
    assert [line.split(" on")[0] for line in told] == [
        "the confusion matrices never left the identity (their diagonal is 0.9970"
    ]
    assert doubts_of_training(tmp_path, 2, disputed=False) == []
    assert curve(tmp_path, [1.0], **{"val/trace": 0.99}) == []
    assert curve(tmp_path, [1.0]) == []  # a recipe without matrices


def test_a_run_without_curves_leaves_no_doubt_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    assert doubts_of_training(tmp_path, 2, disputed=True) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 3')
    with pytest.raises(Refused, match="metrics.jsonl: expected what training writes"):
        doubts_of_training(tmp_path, 2, disputed=True)
