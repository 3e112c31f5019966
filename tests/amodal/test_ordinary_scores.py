from __future__ import annotations

import math
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from medseg.amodal.completion.order import Order
from medseg.amodal.ordinary_scores import order_scores

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
