"""Who lies in front: what each of two that touch says of the other, made to agree.

says alone          a hidden by b: p            b hidden by a: r
both cannot be      p r is impossible, and the rest is shared out again: t that one of them is (``either``)
they agree          in proportion to the voxels by which each would grow into the other, g and h:
                    a hidden by b: t (g + 1/2) / (g + h + 1)      b hidden by a: t (h + 1/2) / (g + h + 1)

Growth says who (the order of Zhan et al., CVPR 2020, Section 3.3, as a share), and the head whether anybody: one that
was trained for a short time knows no order yet, when growth has it right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject

Hidden = Callable[[Sequence[AmodalObject]], NDArray[np.float64]]
"""Objects -> (2,B) the probability that anything of each is hidden, and the voxels by which it is expected to grow; nan
where a model does not say."""


@dataclass(frozen=True, kw_only=True)
class Fronts:
    """What the others of a map say of who hides one object."""

    alone: Mapping[str, float]
    """Name of another that may lie in front or behind -> the probability that it hides this one, by this one alone."""
    agreed: Mapping[str, float]
    """... and when both are heard."""

    def hidden(self, alone: float) -> float:
        """The probability that anything is hidden, which the object alone says is ``alone``."""
        clear = (1 - alone) * math.prod(
            (1 - self.agreed[name]) / max(1 - self.alone[name], 1e-3) for name in self.agreed
        )
        return 1 - min(clear, 1.0)

    def factors(self, amodal_object: AmodalObject, allowed: NDArray[np.bool_]) -> NDArray[np.float32]:
        """(V,) by how much more likely than by the object alone each of the V voxels ``allowed`` (S...) is its own."""
        found = np.ones(np.count_nonzero(allowed), np.float32)
        for hider in amodal_object.hiders:
            if hider.name in self.agreed:
                factor = self.agreed[hider.name] / max(self.alone[hider.name], 1e-3)
                found[hider.mask[allowed]] = factor
        return found


NOBODY = Fronts(alone={}, agreed={})
"""Nobody else is heard."""


def either(p: float, r: float) -> float:
    """The probability that one of two is hidden by the other, who say p and r of themselves: not both are.

    The one that says it more is believed. The other is heard where the first is wrong: of the four possibilities of two
    that are independent the one in which both are hidden is left out, r (1 - p) / (1 - p r), r <= p, and no more than
    1 - p. (Both made less by the same rule left more of what is hidden out, and gained nothing for those in front.)
    """
    p, r = max(p, r), min(p, r)
    return p + min(r * (1 - p) / max(1 - p * r, 1e-6), 1 - p)


def agreed(one: tuple[float, float], other: tuple[float, float]) -> float:
    """The probability that the one is hidden by the other, of the probabilities and voxels that both say."""
    (p, growth), (r, reverse) = one, other
    return either(p, r) * (growth + 0.5) / (growth + reverse + 1)


def agreed_fronts(objects: Sequence[AmodalObject], hidden: Hidden) -> list[Fronts]:
    """One per object of a map: who hides it when all pairs that may hide each other are heard.

    Two that share a region ("overlap"), so that both wholes are known, hide nothing of each other, and are not asked.
    """
    of_name = {amodal_object.name: amodal_object for amodal_object in objects}
    asked = {
        (amodal_object.name, hider.name): _behind(amodal_object, hider.name)
        for amodal_object in objects
        for hider in amodal_object.hiders
        if hider.name in of_name and _may_hide(amodal_object, of_name[hider.name]) and amodal_object.amodal is None
    }
    mutual = [(one, other) for one, other in asked if (other, one) in asked]
    pairs = hidden([asked[pair] for pair in mutual]).T.tolist() if mutual else []
    said = {pair: (p, growth) for pair, (p, growth) in zip(mutual, pairs, strict=True)}
    known = {(a, b): value for (a, b), value in said.items() if not math.isnan(value[0] + said[b, a][0])}
    return [
        Fronts(
            alone={other: p for (name, other), (p, _) in known.items() if name == each.name},
            agreed={
                other: agreed(value, known[other, name]) for (name, other), value in known.items() if name == each.name
            },
        )
        for each in objects
    ]


def _may_hide(one: AmodalObject, other: AmodalObject) -> bool:
    """Whether the one is among those that may lie in front of the other."""
    return any(hider.name == one.name for hider in other.hiders)


def _behind(amodal_object: AmodalObject, name: str) -> AmodalObject:
    """The object, as if this one were alone around it."""
    (hider,) = (each for each in amodal_object.hiders if each.name == name)
    return replace(amodal_object, occluder=hider.mask & ~amodal_object.visible, hiders=(hider,))
