"""Two crossing bars, and who lies in front."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medseg.amodal.completion.order import UNDECIDED, Order, occlusion_order, stated_front
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.contracts import ObjectRules

UPRIGHT = np.zeros((9, 9), bool)
UPRIGHT[1:8, 4:6] = True
ACROSS = UPRIGHT.T.copy()


def seen(name: str, visible: np.ndarray, amodal: np.ndarray, corner: tuple[int, int] = (0, 0)):
    """An object on the crop of the map that starts at a corner, and its completion."""
    box = tuple(slice(first, None) for first in corner)
    amodal_object = AmodalObject(
        name=name,
        case="c",
        label="bar",
        class_index=0,
        visible=visible[box],
        occluder=None,
        amodal=None,
        unoccluded=False,
        corner=corner,
        map_shape=(9, 9),
        affine=np.eye(4),
        spacing_mm=None,
    )
    none = np.zeros((0, *amodal[box].shape), bool)
    return amodal_object, Completion(
        name=name, amodal=amodal[box], probs=amodal[box].astype(np.float32), samples=none, novelty=0.0
    )


def order(*pairs: tuple[AmodalObject, Completion]) -> list[Order]:
    return occlusion_order([amodal_object for amodal_object, _ in pairs], [completion for _, completion in pairs])


def test_the_bar_that_is_grown_into_lies_in_front():
    upright, across = seen("a", UPRIGHT, UPRIGHT), seen("b", ACROSS & ~UPRIGHT, ACROSS)
    assert order(upright, across) == [Order(a="a", b="b", grows_a=0, grows_b=4, front="a")]
    assert order(across, upright) == [Order(a="b", b="a", grows_a=4, grows_b=0, front="a")]


def lidded(rules: ObjectRules, lid: str = "lid", column: int = 4, amodal: np.ndarray | None = None) -> str | None:
    """What the rules say of a lid in some columns of a map, and of a bowl that ends at column 4."""
    over, under = np.zeros((9, 9), bool), np.zeros((9, 9), bool)
    over[2:5, column:8], under[2:5, :4] = True, True
    one, other = seen("c/lid-1", over, over)[0], seen("c/bowl-1", under, under)[0]
    return stated_front(replace(other, label="bowl", amodal=amodal), replace(one, label=lid), rules)


def test_the_rules_put_in_front_what_may_hide_the_other_and_not_the_reverse():
    one_way, both = {"lid": ("bowl",)}, {"lid": ("bowl",), "bowl": ("lid",)}
    assert lidded(ObjectRules(hides=one_way)) == "c/lid-1"
    assert lidded(ObjectRules(hides={"bowl": ("lid",)})) == "c/bowl-1"
    assert lidded(ObjectRules(hides=both)) is None and lidded(ObjectRules()) is None
    assert lidded(ObjectRules(hides={"bowl": ("bowl",)}), lid="bowl") is None  # two of one class
    assert lidded(ObjectRules(hides=one_way), column=5) is None  # they do not touch
    assert lidded(ObjectRules(hides=one_way), amodal=np.ones((9, 9), bool)) is None  # they share an overlap


def test_crops_are_compared_where_they_lie_in_the_map():
    upright, across = seen("a", UPRIGHT, UPRIGHT, (1, 3)), seen("b", ACROSS & ~UPRIGHT, ACROSS, (2, 0))
    assert order(upright, across) == [Order(a="a", b="b", grows_a=0, grows_b=4, front="a")]


def test_equal_growth_and_a_shared_region_that_shows_neither_are_undecided():
    both = ACROSS & UPRIGHT
    shared = order(seen("a", UPRIGHT & ~both, UPRIGHT), seen("b", ACROSS & ~both, ACROSS))
    assert shared == [Order(a="a", b="b", grows_a=0, grows_b=0, front=UNDECIDED)]


def test_bars_that_touch_at_a_corner_are_a_pair_and_distant_ones_are_none():
    first, second, third = (np.zeros((9, 9), bool) for _ in range(3))
    first[:3, :3], second[3:5, 3:5], third[7:, :3] = True, True, True
    found = order(*(seen(name, mask, mask) for name, mask in (("a", first), ("b", second), ("c", third))))
    assert found == [Order(a="a", b="b", grows_a=0, grows_b=0, front=UNDECIDED)]
