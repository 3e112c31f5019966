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

BACKGROUND, OVERLAP, UNKNOWN, FIRST_LABEL = 0, 1, 2, 3
"""Kinds of voxel; the values that stand for objects have the kinds from ``FIRST_LABEL`` on."""

Box = tuple[slice, ...]


@dataclass(frozen=True)
class Regions:
    """Connected regions (over faces, edges and corners), numbered from 1 in the order of their first voxels.

    numbers: (S...) region of each voxel, 0 in the background. kinds, sizes: (R+1,) of each region, sizes in voxels.
    boxes: (R+1,) of each region, the first one empty. neighbours: (R+1,) the regions that each one touches.
    at_border: the regions with a voxel on the border of the map.
    """

    numbers: NDArray[np.integer]
    kinds: NDArray[np.integer]
    sizes: NDArray[np.integer]
    boxes: tuple[Box, ...]
    neighbours: tuple[frozenset[int], ...]
    at_border: frozenset[int]

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
        numbers,
        kind_of,
        np.bincount(numbers.ravel(), minlength=count + 1),
        ((), *ndimage.find_objects(numbers)),
        _neighbours(numbers, count),
        frozenset(reduce(np.union1d, faces).tolist()) - {0},
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
