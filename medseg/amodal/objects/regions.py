"""A label map cut into connected regions of one kind each, and which of them touch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import label

from medseg.amodal.objects.kinds import BACKGROUND

Box = tuple[slice, ...]


@dataclass(frozen=True, kw_only=True)
class Regions:
    """Connected regions (over faces, edges and corners), numbered from 1 in the order of their first voxels."""

    numbers: NDArray[np.integer]
    """(S...) the region of each voxel, 0 in the background."""
    kinds: NDArray[np.integer]
    """(R+1,) the kind of each region."""
    sizes: NDArray[np.integer]
    """(R+1,) voxels of each region."""
    boxes: tuple[Box, ...]
    """(R+1,) the smallest box around each region, the first one empty."""
    neighbours: tuple[frozenset[int], ...]
    """(R+1,) the regions that each one touches."""
    at_border: frozenset[int]
    """The regions with a voxel on the border of the map."""

    def of_kind(self, kind: int) -> list[int]:
        """The regions of one kind."""
        return np.flatnonzero(self.kinds == kind).tolist()

    def voxels(self, regions: Iterable[int]) -> int:
        """How many voxels these regions have together."""
        return int(self.sizes[list(regions)].sum())

    def box(self, regions: Iterable[int]) -> Box:
        """The smallest box that holds all of these regions."""
        boxes = [self.boxes[region] for region in regions]
        return tuple(slice(min(s.start for s in axis), max(s.stop for s in axis)) for axis in zip(*boxes, strict=True))

    def mask(self, regions: Iterable[int], box: Box) -> NDArray[np.bool_]:
        """(S...) of the box: which voxels belong to one of these regions."""
        member = np.zeros(len(self.kinds), bool)
        member[list(regions)] = True
        return member[self.numbers[box]]


def regions_of(kinds: NDArray[np.integer]) -> Regions:
    """(S...) kind of each voxel -> its regions."""
    numbers = np.asarray(label(kinds, background=BACKGROUND, connectivity=kinds.ndim), np.int32)
    count = int(numbers.max(initial=0))
    kind_of = np.zeros(count + 1, np.int64)
    kind_of[numbers.ravel()] = kinds.ravel()
    faces = [np.unique(numbers.take(end, axis)) for axis in range(kinds.ndim) for end in (0, -1)]
    return Regions(
        numbers=numbers,
        kinds=kind_of,
        sizes=np.bincount(numbers.ravel(), minlength=count + 1),
        boxes=((), *ndimage.find_objects(numbers)),
        neighbours=_neighbours(numbers, count),
        at_border=frozenset(reduce(np.union1d, faces).tolist()) - {0},
    )


def _neighbours(numbers: NDArray[np.int32], count: int) -> tuple[frozenset[int], ...]:
    """(R+1,) the other regions that each region touches, over faces, edges and corners."""
    found: list[set[int]] = [set() for _ in range(count + 1)]
    steps = [step for step in product((-1, 0, 1), repeat=numbers.ndim) if step > (0,) * numbers.ndim]
    for step in steps:  # one of each pair of opposite directions
        here = numbers[tuple(slice(max(-s, 0), -s if s > 0 else None) for s in step)]
        there = numbers[tuple(slice(max(s, 0), s if s < 0 else None) for s in step)]
        touching = (here != there) & (here > 0) & (there > 0)
        for one, other in np.unique(np.stack([here[touching], there[touching]]), axis=1).T.tolist():
            found[one].add(other)
            found[other].add(one)
    return tuple(map(frozenset, found))
