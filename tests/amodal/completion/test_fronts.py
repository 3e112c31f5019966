"""Who lies in front, by what two say of each other: sums by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.fronts import NOBODY, Fronts, agreed, agreed_fronts, either
from medseg.amodal.completion.order import UNDECIDED, occlusion_order
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import objects_of
from medseg.amodal.shapes import CLASSES, RULES
from medseg.contracts import ClassLabel, ObjectRules, ObjectScheme, Volume

from .conftest import crossed, write_run

MAP = np.zeros((12, 20), np.uint8)
MAP[4:8, 2:9], MAP[2:10, 9:12], MAP[4:8, 12:18] = 1, 2, 3
"""A bar that stands (2) between two that lie (1, 3)."""


def objects(hides: dict[str, tuple[str, ...]]) -> tuple[AmodalObject, ...]:
    classes = tuple(ClassLabel(name=name, value=value) for value, name in enumerate(("none", "a", "b", "c")))
    scheme = ObjectScheme(classes=classes, rules=ObjectRules(hides=hides), spatial_dims=2)
    found = objects_of(Volume(array=MAP, affine=np.eye(4), spacing_mm=None), scheme, "m").objects
    return tuple(sorted(found, key=lambda each: each.name))


def says(said: dict[tuple[str, int], tuple[float, float]]):
    """(class, columns of the occluder) -> the probability that it is hidden, and its growth."""

    def hidden(asked: Sequence[AmodalObject]) -> np.ndarray:
        assert all(each.occluder is not None and len(each.hiders) == 1 for each in asked)
        return np.array([said[each.label, int(each.occluder.sum())] for each in asked]).T  # type: ignore[union-attr]

    return hidden


def test_of_two_that_cannot_both_be_hidden_one_is_with_this_probability():
    assert either(0.8, 0.2) == either(0.2, 0.8) == pytest.approx(0.8 + 0.04 / 0.84)
    assert either(0.8, 0.9) == 1.0  # 0.9 + 0.08 / 0.28 would be more
    assert either(0.5, 0.5) == pytest.approx(0.5 + 1 / 3)
    assert either(0.7, 0.0) == 0.7 and either(0.0, 0.0) == 0.0 and either(1.0, 1.0) == 1.0


def test_which_of_two_is_hidden_is_shared_out_by_growth():
    # a head that knows nothing of the order: 5 / 6 that one of them is, and 30.5 of 41 voxels are the one's
    assert agreed((0.5, 30.0), (0.5, 10.0)) == pytest.approx(5 / 6 * 30.5 / 41)
    assert agreed((0.5, 10.0), (0.5, 30.0)) == pytest.approx(5 / 6 * 10.5 / 41)
    assert agreed((0.8, 0.0), (0.0, 0.0)) == pytest.approx(0.4)  # nobody grows: growth says nothing


def test_every_pair_that_may_hide_each_other_is_asked_alone():
    all_hide = {name: tuple("abc") for name in "abc"}
    said = {("a", 24): (0.8, 9.5), ("b", 28): (0.2, 0.5), ("b", 24): (0.5, 1.0), ("c", 24): (0.0, 0.0)}
    found = agreed_fronts(objects(all_hide), says(said))
    assert [dict(each.alone) for each in found] == [
        {"m/b-1": 0.8},
        {"m/a-1": 0.2, "m/c-1": 0.5},
        {"m/b-1": 0.0},
    ]
    assert found[0].agreed["m/b-1"] == pytest.approx((0.8 + 0.04 / 0.84) * 10 / 11)
    assert found[1].agreed["m/a-1"] == pytest.approx((0.8 + 0.04 / 0.84) * 1 / 11)
    assert found[1].agreed["m/c-1"] == pytest.approx(0.5 * 1.5 / 2) and found[2].agreed["m/b-1"] == pytest.approx(0.125)


def test_nobody_is_asked_where_only_one_may_hide_the_other_and_nothing_is_known_of_a_model_that_does_not_say():
    one_way = agreed_fronts(objects({"b": ("a", "c")}), says({}))
    assert all(not each.agreed for each in one_way)
    mute = agreed_fronts(
        objects({name: tuple("abc") for name in "abc"}), lambda asked: np.full((2, len(asked)), np.nan)
    )
    assert all(not each.agreed for each in mute)


def test_growth_is_counted_in_voxels_of_the_map(tmp_path: Path):
    """The frame's voxels are 1.5 of the map's a side, so that counted in its own it would be less than half."""
    run = write_run(tmp_path / "run", [16, 16], CLASSES, RULES)
    model = Completer.load(run)
    model = replace(model, mirror=False, frame=model.frame.model_copy(update={"spacing": 1.5, "reduction": 4.0}))
    large = [crossed(name=f"m/rod-{number}") for number in range(2)]
    probs, growth = model.hidden(large)
    assert probs.shape == growth.shape == (2,)
    for one, answer, grown in zip(large, model.answers(large, 0, abstain=False), growth, strict=True):
        assert one.occluder is not None
        assert answer.completion.probs[one.occluder & ~one.visible].sum() == pytest.approx(grown, rel=0.1)


def test_what_is_hidden_is_rarer_where_the_other_says_that_it_is_behind():
    front = Fronts(alone={"b": 0.5}, agreed={"b": 0.1})
    assert front.hidden(0.5) == pytest.approx(0.1) and NOBODY.hidden(0.3) == pytest.approx(0.3)
    assert front.hidden(0.6) == pytest.approx(1 - 0.4 * 0.9 / 0.5)  # something else may hide it too


def test_the_voxels_of_one_that_lies_behind_are_less_likely():
    (left, middle, _right) = objects({name: tuple("abc") for name in "abc"})
    allowed = middle.occluder
    assert allowed is not None
    factors = Fronts(alone={left.name: 0.5}, agreed={left.name: 0.1}).factors(middle, allowed)
    places = np.argwhere(allowed)[:, 1] + middle.corner[1]
    np.testing.assert_allclose(factors[places < 9], 0.2)
    np.testing.assert_allclose(factors[places > 11], 1.0)


@pytest.mark.parametrize(("a_hidden", "b_hidden", "front"), [(0.6, 0.2, "m/b-1"), (0.1, 0.3, "m/a-1")])
def test_the_order_of_a_pair_is_the_more_probable_one(a_hidden: float, b_hidden: float, front: str):
    a, b, _ = objects({name: tuple("abc") for name in "abc"})
    fronts = [Fronts(alone={}, agreed={b.name: a_hidden}), Fronts(alone={}, agreed={a.name: b_hidden})]
    completions = [
        Completion(
            name=each.name, amodal=each.visible, probs=each.visible.astype(np.float32),
            samples=np.zeros((0, *each.visible.shape), bool), novelty=0.0,
        )
        for each in (a, b)
    ]  # fmt: skip
    (order,) = occlusion_order([a, b], completions, fronts)
    assert order.front == front and order.probability == pytest.approx(max(a_hidden, b_hidden) / (a_hidden + b_hidden))
    (unknown,) = occlusion_order([a, b], completions)
    assert unknown.front == UNDECIDED and np.isnan(unknown.probability)
