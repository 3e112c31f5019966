"""The regions of a label map put together to objects: which belong to one, and which lie around it.

    label map        regions          objects
    .  1  .          .  A  .          0, of class 1: visible (A, D), overlaps (o,)
    2  o  2    ->    B  o  C    ->    1, of class 2: visible (B, C), overlaps (o,)
    .  1  .          .  D  .

A and D do not touch; the overlap o, which both do, makes them one object.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from medseg.amodal.objects.kinds import FIRST_LABEL, OVERLAP, UNKNOWN
from medseg.amodal.objects.regions import Regions
from medseg.contracts import ObjectRules

NOBODY = -1
"""The owner of a region that belongs to no object."""


@dataclass(frozen=True, kw_only=True)
class ObjectParts:
    """The numbers of the regions that an object is made of, and of those that it touches."""

    kind: int
    """Its class or instance, see ``kinds``."""
    visible: tuple[int, ...]
    """Regions that show it."""
    overlaps: tuple[int, ...]
    """Regions that it shares."""
    unknown: tuple[int, ...]
    """Regions that may hide it."""

    @property
    def reach(self) -> tuple[int, ...]:
        """The visible part and all overlaps: as far as the object is known to go."""
        return self.visible + self.overlaps


@dataclass(frozen=True, kw_only=True)
class Scene:
    """A label map taken apart."""

    regions: Regions
    """All of it."""
    objects: tuple[ObjectParts, ...]
    """In the order of their first voxels."""
    owners: NDArray[np.integer]
    """(R+1,) the object that each region belongs to, its number in ``objects`` or NOBODY."""

    def objects_around(self, regions: Iterable[int]) -> list[ObjectParts]:
        """The objects that touch one of these regions, in their order."""
        touching = {int(self.owners[n]) for region in regions for n in self.regions.neighbours[region]}
        return [self.objects[owner] for owner in sorted(touching - {NOBODY})]


def scene_of(regions: Regions, rules: ObjectRules) -> Scene:
    """The objects that the regions make up."""
    owners = _owners(regions, rules)
    members: list[list[int]] = [[] for _ in range(owners.max(initial=NOBODY) + 1)]
    for region in np.flatnonzero(owners != NOBODY).tolist():
        members[owners[region]].append(region)
    return Scene(regions=regions, objects=tuple(_parts(regions, own) for own in members), owners=owners)


def _owners(regions: Regions, rules: ObjectRules) -> NDArray[np.integer]:
    """(R+1,) see ``Scene``; regions are nodes of a graph, whose links join those of one object."""
    count = len(regions.kinds)
    links = np.asarray([*_links(regions, rules)], np.int64).reshape(-1, 2).T
    graph = coo_array((np.ones(links.shape[1]), (links[0], links[1])), (count, count))
    components = connected_components(graph, directed=False)[1]  # numbered by their first regions
    owners = np.full(count, NOBODY)
    shown = regions.kinds >= FIRST_LABEL
    owners[shown] = np.unique(components[shown], return_inverse=True)[1]
    return owners


def _links(regions: Regions, rules: ObjectRules) -> Iterator[tuple[int, int]]:
    """Pairs of regions of one object: those of one kind that touch the same overlap, or all of one kind."""
    if rules.component and not rules.instances:
        groups = [sorted(regions.neighbours[overlap]) for overlap in regions.of_kind(OVERLAP)]
    else:
        groups = [list(range(1, len(regions.kinds)))]
    for group in groups:
        of_kind: dict[int, list[int]] = defaultdict(list)
        for region in group:
            of_kind[int(regions.kinds[region])].append(region)
        for same in of_kind.values():
            yield from pairwise(same)


def _parts(regions: Regions, visible: list[int]) -> ObjectParts:
    around = sorted({neighbour for region in visible for neighbour in regions.neighbours[region]})
    return ObjectParts(
        kind=int(regions.kinds[visible[0]]),
        visible=tuple(visible),
        overlaps=tuple(region for region in around if regions.kinds[region] == OVERLAP),
        unknown=tuple(region for region in around if regions.kinds[region] == UNKNOWN),
    )
