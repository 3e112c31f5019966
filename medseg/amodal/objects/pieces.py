"""Pieces of one object that another one, or an unknown region, crosses: which may belong together, and joined.

a a h a a    a and a are components of one class, of which the hider h hides the middle: a pair,
. . h . .    and joined one object with two visible parts
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.crops import changed
from medseg.amodal.objects.extraction import Extraction

Mask = NDArray[np.bool_]


def piece_pairs(objects: Sequence[AmodalObject]) -> list[tuple[int, int]]:
    """The places of every two objects of a map that may be one: of one class, their amodal masks not known, and both
    at the same hider or at the same unknown region.

    For maps of classes; instances are said to be what they are by their numbers.
    """
    rests = [_unknown(one) for one in objects]
    return [
        (a, b)
        for a, b in combinations(range(len(objects)), 2)
        if _alike(objects[a], objects[b])
        and (_named(objects[a]) & _named(objects[b]) or _meet(objects[a], rests[a], objects[b], rests[b]))
    ]


def joined(objects: Sequence[AmodalObject], pairs: Sequence[tuple[int, int]]) -> list[AmodalObject]:
    """The objects, those that pairs link made one: all visible parts, under the name and in the place of the first.

    Where a piece was a hider of another object the one that it is part of is that.
    """
    return _of_groups([[objects[place] for place in group] for group in _groups(len(objects), pairs)])


def with_pieces(found: Extraction, pairs: Sequence[tuple[int, int]], smallest: int) -> Extraction:
    """The objects and specks joined that pairs link, places among (*objects, *specks).

    No longer dropped are those specks that are now part of an object of ``smallest`` visible voxels or more.
    """
    pieces = [*found.objects, *found.specks]
    groups = [[pieces[place] for place in group] for group in _groups(len(pieces), pairs)]
    large = [group for group in groups if sum(np.count_nonzero(piece.visible) for piece in group) >= smallest]
    within = {piece.name for group in large for piece in group}
    return Extraction(
        objects=tuple(_of_groups(large)), dropped=tuple(each for each in found.dropped if each.name not in within)
    )


def _groups(count: int, pairs: Sequence[tuple[int, int]]) -> list[list[int]]:
    """The places 0..count-1 that pairs link, in the order of the first of each group."""
    rows, columns = np.asarray(pairs, int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(rows)), (rows, columns)), (count, count))
    numbers = connected_components(graph, directed=False)[1]
    return [np.flatnonzero(numbers == number).tolist() for number in dict.fromkeys(numbers)]


def _of_groups(groups: Sequence[Sequence[AmodalObject]]) -> list[AmodalObject]:
    names = {piece.name: group[0].name for group in groups for piece in group}
    return [_with_hiders(_one(group), names) for group in groups]


# ---------------------------------------------------------------------------------- which may be one
def _alike(one: AmodalObject, other: AmodalObject) -> bool:
    return one.label == other.label and one.amodal is None and other.amodal is None


def _named(amodal_object: AmodalObject) -> set[str]:
    return {hider.name for hider in amodal_object.hiders}


def _unknown(amodal_object: AmodalObject) -> Mask:
    """(S...) of the crop: what may hide the object and is no other one."""
    occluder = amodal_object.occluder
    rest = np.zeros_like(amodal_object.visible) if occluder is None else occluder.copy()
    for hider in amodal_object.hiders:
        rest &= ~hider.mask
    return rest


def _meet(one: AmodalObject, mask: Mask, other: AmodalObject, other_mask: Mask) -> bool:
    """Whether masks on the crops of two objects have a voxel of the map in common."""
    low = np.maximum(one.corner, other.corner)
    high = np.minimum(np.add(one.corner, mask.shape), np.add(other.corner, other_mask.shape))
    if (low >= high).any():
        return False
    here = tuple(slice(*ends) for ends in zip(low - one.corner, high - one.corner, strict=True))
    there = tuple(slice(*ends) for ends in zip(low - other.corner, high - other.corner, strict=True))
    return bool((mask[here] & other_mask[there]).any())


# ---------------------------------------------------------------------------------------------- joined
def _one(pieces: Sequence[AmodalObject]) -> AmodalObject:
    """The pieces as one object, on the crop that holds the crops of all."""
    if len(pieces) == 1:
        return pieces[0]
    low = np.min([piece.corner for piece in pieces], axis=0)
    high = np.max([np.add(piece.corner, piece.visible.shape) for piece in pieces], axis=0)
    placed = [_widened(piece, low, high) for piece in pieces]
    visible = np.any([piece.visible for piece in placed], axis=0)
    occluders = [piece.occluder for piece in placed if piece.occluder is not None]
    return replace(
        placed[0],
        visible=visible,
        occluder=np.any(occluders, axis=0) & ~visible,
        hiders=tuple(hider for piece in placed for hider in piece.hiders),
    )


def _widened(piece: AmodalObject, low: NDArray[np.integer], high: NDArray[np.integer]) -> AmodalObject:
    """On the crop from ``low`` to ``high`` of the map."""
    before = np.subtract(piece.corner, low)
    after = high - np.add(piece.corner, piece.visible.shape)
    width = np.stack([before, after], axis=1)
    return replace(changed(piece, lambda mask: np.pad(mask, width)), corner=tuple(map(int, low)))


def _with_hiders(amodal_object: AmodalObject, names: Mapping[str, str]) -> AmodalObject:
    """The object, its hiders under their new names: a mask for each name, and none of its own pieces."""
    masks: dict[str, Mask] = {}
    for hider in amodal_object.hiders:
        name = names.get(hider.name, hider.name)
        masks[name] = masks[name] | hider.mask if name in masks else hider.mask
    masks.pop(amodal_object.name, None)
    return replace(amodal_object, hiders=tuple(Hider(name=name, mask=mask) for name, mask in masks.items()))
