from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from medseg.amodal.completion.examples import shares
from medseg.amodal.completion.order import Order
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.ordinary_scores import joined, order_scores


def piece(first: int, last: int, corner: int = 0) -> AmodalObject:
    """Columns first..last of a map of one row of 12, on a crop that begins at a column."""
    visible = np.zeros((1, 12 - corner), bool)
    visible[0, first - corner : last + 1 - corner] = True
    return AmodalObject(
        name="c/rod-1",
        case="c",
        label="rod",
        class_index=0,
        visible=visible,
        occluder=None,
        amodal=None,
        unoccluded=False,
        corner=(0, corner),
        map_shape=(1, 12),
        affine=np.eye(4),
        spacing_mm=None,
    )


def said(shown: AmodalObject, grown: Sequence[int], intervals: tuple[tuple[float, float], ...] = ()) -> Completion:
    """A completion that adds columns of the map, and one sample that says the same."""
    amodal = shown.visible.copy()
    amodal[0, np.array(grown, int) - shown.corner[1]] = True
    return Completion(
        name=shown.name,
        amodal=amodal,
        probs=amodal.astype(np.float32),
        samples=amodal[None],
        novelty=math.nan,
        intervals=intervals,
    )


def test_the_intervals_of_an_object_are_what_its_pieces_add_together():
    whole = piece(0, 6)
    whole = replace(whole, visible=whole.visible & (np.arange(12) != 3))  # columns 0..2 and 4..6
    one, other = piece(0, 2), piece(4, 6, corner=2)
    intervals = (((3.0, 4.0), (3.0, 5.0), (3.0, 6.0)), ((4.0, 5.0), (3.5, 5.0), (3.0, 8.0)))
    answers = (said(one, [3], intervals[0]), said(other, [7, 8], intervals[1]))
    completed: Any = SimpleNamespace(objects=(one, other), completions=answers)
    joint = joined(whole, completed, [0, 1])
    # of 6 seen voxels the first adds 0..1, 0..2, 0..3, the other 1..2, .5..2, 0..5
    assert joint.intervals == ((7, 9), (6.5, 10), (6, 14))
    assert np.flatnonzero(joint.amodal).tolist() == np.flatnonzero(joint.samples[0]).tolist() == list(range(9))
    # a piece without an interval, for it was left as it is, adds nothing
    completed.completions = (said(one, []), answers[1])
    assert joined(whole, completed, [0, 1]).intervals == ((7, 8), (6.5, 8), (6, 11))
    assert joined(whole, completed, []).intervals == ()


def test_hidden_voxels_belong_to_the_piece_that_is_nearest():
    hidden = np.zeros((1, 12), bool)
    hidden[0, [3, 4, 5, 8]] = True  # of pieces that end at 2 and begin at 6 column 4 is as near to either
    assert shares(hidden, [piece(0, 2), piece(6, 7, corner=5)]) == [2, 2]
    assert shares(hidden, []) == []


PIECES = {"c/rod-1~back": [0, 1], "c/bar-1~front": [2], "c/disc-1~front": [3]}
"""The rod is shown in two pieces; the places of all in the completed map."""


def orders(*said: str, probabilities: Sequence[float] = (math.nan, math.nan)) -> Any:
    """A completed map in which these are said to be in front, of a piece of the rod and the bar each time."""
    pairs = [
        Order(a=f"c/rod-{n}", b="c/bar-1", grows_a=0, grows_b=0, front=front, probability=probability)
        for n, (front, probability) in enumerate(zip(said, probabilities, strict=False), start=1)
    ]
    other = Order(a="c/rod-1", b="c/disc-1", grows_a=0, grows_b=0, front="c/rod-1", probability=0.9)
    names = ("c/rod-1", "c/rod-2", "c/bar-1", "c/disc-1")
    return SimpleNamespace(objects=[SimpleNamespace(name=name) for name in names], orders=[*pairs, other])


@pytest.mark.parametrize(
    ("said", "right"),
    [
        (("c/bar-1", "c/bar-1"), 1),
        (("c/bar-1", "undecided"), 1),
        (("c/bar-1", "c/rod-2"), 0),
        (("c/rod-1", "c/rod-2"), 0),
        ((), 0),
    ],
)
def test_the_order_of_two_is_what_most_of_their_pieces_say(said: tuple[str, ...], right: int):
    shown: Any = SimpleNamespace(fronts=(("c/bar-1~front", "c/rod-1~back"),))
    (score,) = order_scores(shown, orders(*said), PIECES)
    assert (score.case, score.metric, score.value) == ("c/bar-1~front+rod-1~back", "order_correct", right)


def test_the_log_loss_is_that_of_the_true_front_of_every_two_pieces():
    shown: Any = SimpleNamespace(fronts=(("c/bar-1~front", "c/rod-1~back"),))
    found = order_scores(shown, orders("c/bar-1", "c/rod-2", probabilities=(0.8, 0.75)), PIECES)
    losses = {score.case: score.value for score in found if score.metric == "order_log_loss"}
    # the bar lies in front: the first says so with 0.8, the second leaves 1 - 0.75 for it
    assert losses == {"c/rod-1+bar-1": pytest.approx(math.log(5 / 4)), "c/rod-2+bar-1": pytest.approx(math.log(4))}


@pytest.mark.parametrize(("front", "loss"), [("c/bar-1", 0.0), ("c/rod-1", 6 * math.log(10))])
def test_a_front_that_is_certain_costs_nothing_or_a_finite_lot(front: str, loss: float):
    shown: Any = SimpleNamespace(fronts=(("c/bar-1~front", "c/rod-1~back"),))
    (_, score) = order_scores(shown, orders(front, probabilities=(1.0,)), PIECES)
    assert (score.unit, score.value) == ("nats", pytest.approx(loss))
