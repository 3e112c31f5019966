from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from medseg.amodal.ordinary_scores import order_scores

PIECES = {"c/rod-1~back": [0, 1], "c/bar-1~front": [2], "c/disc-1~front": [3]}
"""The rod is shown in two pieces; the places of all in the completed map."""


def orders(*said: str) -> Any:
    """A completed map in which these are said to be in front, of a piece of the rod and the bar each time."""
    pairs = [SimpleNamespace(a=f"c/rod-{n}", b="c/bar-1", front=front) for n, front in enumerate(said, start=1)]
    other = SimpleNamespace(a="c/rod-1", b="c/disc-1", front="c/rod-1")
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
