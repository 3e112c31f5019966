"""Bars that others cross: which pieces may be one, and what they are joined."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from medseg.amodal.objects.pieces import joined, piece_pairs, with_pieces
from medseg.contracts import ObjectRules, PiecesRule

from .conftest import by_name, extract, pasted

HIDES = ObjectRules(hides={"b": ("a",), "c": ("a",)}, unknown=(9,))


def crossed(value: int = 2) -> NDArray[np.uint8]:
    """A bar of class a, cut in two by a column of another value, and a free square of class a."""
    labels = np.zeros((9, 22), np.uint8)
    labels[3:6, 1:14], labels[1:8, 6:8], labels[1:4, 17:20] = 1, value, 1
    return labels


@pytest.mark.parametrize("value", [2, 9])
def test_pieces_on_both_sides_of_a_hider_or_an_unknown_region_are_a_pair(value: int) -> None:
    objects = extract(crossed(value), HIDES).objects
    pieces = [number for number, one in enumerate(objects) if not one.unoccluded]
    assert piece_pairs(objects) == [tuple(pieces)] and len(pieces) == 2


def test_pieces_of_two_classes_or_at_two_hiders_are_none() -> None:
    labels = crossed()
    labels[3:6, 8:14] = 3
    assert piece_pairs(extract(labels, replace(HIDES, hides={"b": ("a", "c")})).objects) == []
    labels = crossed()
    labels[:, 8] = 0
    labels[1:8, 8:10] = 3
    labels[1:8, 8] = 0  # the left piece is at b, the right one at c
    assert piece_pairs(extract(labels, HIDES).objects) == []
    assert piece_pairs(extract(crossed(), ObjectRules()).objects) == []


def test_what_an_overlap_makes_known_is_no_piece() -> None:
    labels = np.zeros((9, 22), np.uint8)
    labels[3:5, 1:20] = 2
    labels[1:7, 4:6], labels[1:7, 10:12] = 1, 1  # two of class a across b, both known
    labels[3:5, 4:6], labels[3:5, 10:12] = 255, 255
    assert piece_pairs(extract(labels).objects) == []


def test_joined_pieces_are_one_object_with_all_that_hides_them() -> None:
    labels = crossed()
    labels[3:6, 14] = 3
    found = by_name(extract(labels, replace(HIDES, pieces="joined")))
    assert list(found) == ["m/b-1", "m/a-1", "m/a-2", "m/c-1"]
    bar = found["m/a-2"]
    np.testing.assert_array_equal(pasted(bar, bar.visible), (labels == 1) & (np.arange(22) < 16))
    np.testing.assert_array_equal(pasted(bar, bar.occluder), labels > 1)
    assert [hider.name for hider in bar.hiders] == ["m/b-1", "m/c-1"] and bar.amodal is None
    np.testing.assert_array_equal(pasted(bar, bar.hiders[0].mask), labels == 2)
    apart = extract(labels, HIDES).objects
    assert len(apart) == len(found) + 1 and [one.name for one in joined(apart, [])] == [one.name for one in apart]


def test_who_was_hidden_by_several_pieces_is_hidden_by_the_one_that_they_are() -> None:
    objects = extract(crossed(), ObjectRules(hides={"b": ("a",), "a": ("b",)})).objects
    before = by_name(extract(crossed(), ObjectRules(hides={"b": ("a",), "a": ("b",)})))["m/b-1"]
    assert len(before.hiders) == 2
    after = next(one for one in joined(objects, piece_pairs(objects)) if one.label == "b")
    (hider,) = after.hiders
    np.testing.assert_array_equal(hider.mask, before.hiders[0].mask | before.hiders[1].mask)


def test_pieces_are_linked_through_others() -> None:
    labels = crossed()
    labels[1:8, 10:12] = 3
    objects = extract(labels, HIDES).objects
    assert len(piece_pairs(objects)) == 2
    one = next(one for one in joined(objects, piece_pairs(objects)) if one.label == "a" and not one.unoccluded)
    assert one.visible.sum() == 3 * 9


def small_end() -> NDArray[np.uint8]:
    """The crossed bar, of whose right end a column is left, six of its left one; and a free speck of its class."""
    labels = crossed()
    labels[3:6, 9:14], labels[7, 14] = 0, 1
    return labels


@pytest.mark.parametrize("pieces", ["decided", "joined"])
def test_an_end_that_is_too_small_for_an_object_is_a_piece_of_one(pieces: PiecesRule) -> None:
    found = extract(small_end(), replace(HIDES, smallest=4, pieces=pieces))
    if pieces == "decided":
        assert [one.visible.sum() for one in found.specks] == [3] and len(found.dropped) == 2
        pairs = piece_pairs([*found.objects, *found.specks])
        assert len(pairs) == 1 and with_pieces(found, [], 4).objects == found.objects
        assert with_pieces(found, [], 4).dropped == found.dropped
        found = with_pieces(found, pairs, 4)
    bar = next(one for one in found.objects if not one.unoccluded)
    assert bar.name == "m/a-2" and bar.visible.sum() == 3 * 5 + 3
    assert [(each.name, each.voxels) for each in found.dropped] == [("m/a-4", 1)]  # the free speck is none


def test_two_specks_that_are_one_are_no_object_while_they_are_too_small() -> None:
    found = extract(small_end(), replace(HIDES, smallest=16))
    assert [one.visible.sum() for one in found.specks] == [15, 3]
    pairs = piece_pairs([*found.objects, *found.specks])
    assert with_pieces(found, pairs, 16).objects[-1].visible.sum() == 18  # together they are large enough
    assert len(with_pieces(found, pairs, 16).dropped) == len(found.dropped) - 2
    small = with_pieces(found, pairs, 19)
    assert small.dropped == found.dropped and small.objects == ()


def test_what_the_border_cuts_off_is_no_piece() -> None:
    labels = small_end()[:, 1:9]  # the column of the right end is the last one
    assert not extract(labels, replace(HIDES, smallest=4)).specks
    assert len(extract(labels, replace(HIDES, smallest=4, border="keep")).specks) == 1
