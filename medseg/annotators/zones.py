"""Where a voxel lies: at what distance from the border of a truth, and which two classes meet there.

Z = (number of distances) x (number of pairs of classes): zone = distance zone * pairs + pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt, uniform_filter

from medseg.contracts import UNLABELLED
from medseg.evaluation import foreground_box

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Border:
    """Of one truth."""

    distance: Floats
    """(S...) in voxels, from each voxel to the nearest one of another class; infinite where there is none."""
    pair: NDArray[np.int64]
    """(S...) which pair of classes this voxel's and that voxel's are, see ``pairs``; 0 where there is none."""

    def zone(self, edges: Floats, pairs: int) -> NDArray[np.int64]:
        """(S...) the zone of each voxel; edges: where a distance zone ends and the next begins."""
        return np.digitize(self.distance, edges) * pairs + self.pair


def pairs(num_classes: int) -> NDArray[np.int64]:
    """(P,2) the pairs of classes t < u, in the order in which they are numbered.

    >>> pairs(3).tolist()
    [[0, 1], [0, 2], [1, 2]]
    """
    return np.stack(np.triu_indices(max(num_classes, 2), 1), axis=1)


def border_of(truth: Labels, num_classes: int, voxel: Sequence[float] | None = None) -> Border:
    """The border of a truth (S...) without its specks: where errors are scattered, a distance would mean nothing.

    voxel: (S,) its lengths; None: 1 each.
    """
    truth = despeckled(truth)
    present = np.flatnonzero(np.bincount(truth.ravel()))
    distance, pair = np.full(truth.shape, np.inf), np.zeros(truth.shape, np.int64)
    number = np.zeros((num_classes, num_classes), np.int64)
    for index, (one, other) in enumerate(pairs(num_classes)) if len(present) > 1 else ():
        number[one, other] = number[other, one] = index
    for label in present if len(present) > 1 else ():
        # the nearest voxel of another class is never farther than beside the box of this one
        box = foreground_box((truth == label)[None], margin=1)
        classes = truth[box]
        inside = classes == label
        to_other, nearest = np.empty(classes.shape), np.empty((truth.ndim, *classes.shape), np.int32)
        distance_transform_edt(inside, sampling=voxel, return_indices=True, distances=to_other, indices=nearest)
        distance[box][inside] = to_other[inside]
        pair[box][inside] = number[label, classes[tuple(nearest[:, inside])]]
    return Border(distance=distance, pair=pair)


def despeckled(truth: Labels) -> Labels:
    """(S...): a voxel of whose neighbours, corners included, fewer than two have its class takes that of the most.

    >>> despeckled(np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0], [2, 2, 2, 2]]))
    array([[0, 0, 0, 0],
           [0, 0, 0, 0],
           [0, 0, 0, 0],
           [2, 2, 2, 2]])
    """
    present = np.flatnonzero(np.bincount(truth.ravel()))
    if len(present) < 2:
        return truth
    around = np.stack([uniform_filter((truth == label).astype(np.float32), 3, mode="nearest") for label in present])
    own = np.take_along_axis(around, np.searchsorted(present, truth)[None], axis=0)[0]
    return np.where(own * 3**truth.ndim < 2.5, present[around.argmax(axis=0)], truth)


def placed(labels: Labels, num_classes: int, edges: Floats, voxel: Sequence[float] | None = None) -> Labels:
    """labels (P,S...) -> o B + b: o what an annotator wrote, b how far from his own border; UNLABELLED stays.

    b is 0 beside the border and B - 1 beyond the last of the B - 1 edges; of none the labels are as they were.
    voxel: as in ``border_of``.

    >>> placed(np.array([[0, 0, 0, 1, 1, 1, 1]]), 2, np.array([1.5, 2.5]))
    array([[2, 1, 0, 3, 4, 5, 5]])
    """
    rows = []
    for drawn in labels if len(edges) else ():
        distance = border_of(np.maximum(drawn, 0), num_classes, voxel).distance
        rows.append(np.where(drawn == UNLABELLED, UNLABELLED, drawn * (1 + len(edges)) + np.digitize(distance, edges)))
    return np.stack(rows) if rows else labels
