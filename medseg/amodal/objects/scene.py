"""The regions of a label map put together to objects: which belong to one, and which lie around it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medseg.amodal.objects.regions import FIRST_LABEL, OVERLAP, UNKNOWN, Regions
from medseg.contracts import ObjectRules


@dataclass(frozen=True)
class Parts:
    """The numbers of the regions that an object is made of, and of those that it touches.

    kind: its class or instance. overlaps: the voxels that it shares. unknown: regions that may hide it.
    """

    kind: int
    visible: tuple[int, ...]
    overlaps: tuple[int, ...]
    unknown: tuple[int, ...]

    @property
    def reach(self) -> tuple[int, ...]:
        """The visible part and all overlaps: as far as the object is known to go."""
        return self.visible + self.overlaps


@dataclass(frozen=True)
class Scene:
    """A label map taken apart. owners: (R+1,) the object that each region belongs to, -1 for none."""

    regions: Regions
    objects: tuple[Parts, ...]
    owners: NDArray[np.integer]

    def owners_around(self, regions: Iterable[int]) -> list[int]:
        """The objects that touch one of these regions, in their order."""
        found = {int(self.owners[n]) for region in regions for n in self.regions.neighbours[region]}
        return sorted(found - {-1})

    def kinds_around(self, region: int) -> set[int]:
        """The classes (or instances) that touch a region."""
        return {self.objects[owner].kind for owner in self.owners_around([region])}


def scene_of(regions: Regions, rules: ObjectRules) -> Scene:
    """The objects in the order of their first voxels."""
    kinds = regions.kinds
    count = len(kinds)
    joined = np.asarray([*_joined(regions, rules)], np.int64).reshape(-1, 2).T
    links = coo_array((np.ones(joined.shape[1]), (joined[0], joined[1])), (count, count))
    components = connected_components(links, directed=False)[1]
    foreground = np.flatnonzero(kinds >= FIRST_LABEL)
    firsts, ranks = np.unique(components[foreground], return_inverse=True)  # numbered by their first regions
    owners = np.full(count, -1)
    owners[foreground] = ranks
    members: list[list[int]] = [[] for _ in firsts]
    for region, owner in zip(foreground.tolist(), ranks.tolist(), strict=True):
        members[owner].append(region)
    return Scene(regions, tuple(_parts(regions, own) for own in members), owners)


def _joined(regions: Regions, rules: ObjectRules) -> Iterator[tuple[int, int]]:
    """Pairs of regions of one object: those of a class that touch one overlap, or all of a class."""
    groups = (
        [sorted(regions.neighbours[overlap]) for overlap in regions.of_kind(OVERLAP)]
        if rules.component and not rules.instances
        else [list(range(1, len(regions.kinds)))]
    )
    for group in groups:
        last: dict[int, int] = {}
        for region in group:
            kind = int(regions.kinds[region])
            if kind in last:
                yield last[kind], region
            last[kind] = region


def _parts(regions: Regions, visible: list[int]) -> Parts:
    around = sorted({neighbour for region in visible for neighbour in regions.neighbours[region]})
    return Parts(
        int(regions.kinds[visible[0]]),
        tuple(visible),
        tuple(region for region in around if regions.kinds[region] == OVERLAP),
        tuple(region for region in around if regions.kinds[region] == UNKNOWN),
    )
