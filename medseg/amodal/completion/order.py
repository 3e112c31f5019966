"""Which of two objects lies in front: the one that the other, completed, grows into (Zhan et al., CVPR 2020)."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.completion.fronts import Fronts
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.contracts import ObjectRules

UNDECIDED = "undecided"

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Order:
    """A pair of objects whose completions touch or overlap."""

    a: str
    """Name of one."""
    b: str
    """Name of the other."""
    grows_a: int
    """Voxels of the visible part of b that completing a adds to a."""
    grows_b: int
    """The reverse."""
    front: str
    """Name of the one that hides the other: by ``probability``; where that is not known the one that is grown into
    more; else ``UNDECIDED``."""
    probability: float = math.nan
    """That ``front`` hides the other rather than the reverse, by what both say (``Fronts``); nan: not known."""


def occlusion_order(
    objects: Sequence[AmodalObject], completions: Sequence[Completion], fronts: Sequence[Fronts] = ()
) -> list[Order]:
    """The order of every pair of one map whose completions touch (over faces, edges and corners) or overlap.

    fronts: one per object. Of a pair that these say nothing of, a hides b if completing b grows more into a than the
    reverse (Zhan et al., CVPR 2020, Section 3.3). Two that share a region of which neither shows anything, as where a
    map only says "overlap", are undecided.
    """
    placed = [_Placed(amodal_object, answer.amodal) for amodal_object, answer in zip(objects, completions, strict=True)]
    behind = {each.name: front.agreed for each, front in zip(placed, fronts, strict=True)} if fronts else {}
    return [_learned(_order(a, b), behind) for a, b in itertools.combinations(placed, 2) if _touch(a, b)]


def _learned(order: Order, behind: Mapping[str, Mapping[str, float]]) -> Order:
    """The order by probabilities, where there are any. behind: name -> name of another -> that this one is hidden."""
    a_hidden, b_hidden = behind.get(order.a, {}).get(order.b), behind.get(order.b, {}).get(order.a)
    if a_hidden is None or b_hidden is None or a_hidden + b_hidden == 0:
        return order
    share = b_hidden / (a_hidden + b_hidden)
    return replace(order, front=order.a if share >= 0.5 else order.b, probability=max(share, 1 - share))


def stated_front(a: AmodalObject, b: AmodalObject, rules: ObjectRules) -> str | None:
    """The name of the one of two objects of a map that lies in front by the rules; None where they state no order.

    They do where the visible parts touch (over faces, edges and corners), and the class of one may hide that of the
    other, but not the reverse. What two objects share ("overlap") has no order.
    """

    def may_hide(front: AmodalObject, back: AmodalObject) -> bool:
        return back.label in rules.hides.get(front.label, ()) and back.amodal is None

    if may_hide(a, b) == may_hide(b, a) or not _touch(_Placed(a, a.visible), _Placed(b, b.visible)):
        return None
    return a.name if may_hide(a, b) else b.name


class _Placed:
    """An object's masks on its crop with one voxel of room; corner: (S,) the crop's first voxel in the map."""

    def __init__(self, amodal_object: AmodalObject, amodal: Mask) -> None:
        self.name = amodal_object.name
        self.visible = np.pad(amodal_object.visible, 1)
        self.amodal = np.pad(amodal, 1)
        self.touching = np.asarray(ndimage.binary_dilation(self.amodal, np.ones((3,) * amodal.ndim)), bool)
        self.corner = np.asarray(amodal_object.corner) - 1


def _order(a: _Placed, b: _Placed) -> Order:
    grows_a = _shared(a, a.amodal & ~a.visible, b, b.visible)
    grows_b = _shared(b, b.amodal & ~b.visible, a, a.visible)
    front = a.name if grows_b > grows_a else b.name if grows_a > grows_b else UNDECIDED
    return Order(a=a.name, b=b.name, grows_a=grows_a, grows_b=grows_b, front=front)


def _touch(a: _Placed, b: _Placed) -> bool:
    return _shared(a, a.touching, b, b.amodal) > 0


def _shared(a: _Placed, mask_a: Mask, b: _Placed, mask_b: Mask) -> int:
    """Voxels of the map in which both masks, each on its object's crop, are set."""
    low = np.maximum(a.corner, b.corner)
    high = np.minimum(a.corner + mask_a.shape, b.corner + mask_b.shape)
    if (low >= high).any():
        return 0
    in_a = tuple(slice(*ends) for ends in zip(low - a.corner, high - a.corner, strict=True))
    in_b = tuple(slice(*ends) for ends in zip(low - b.corner, high - b.corner, strict=True))
    return int(np.count_nonzero(mask_a[in_a] & mask_b[in_b]))
