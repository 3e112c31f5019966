"""What a simulated annotator gets wrong: the parameters of a mistake, and its pure application to labels.

``simulators`` draws the parameters. All lengths are in voxels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Labels = NDArray[np.integer]


class Mistake(Protocol):
    """The drawn parameters of one annotator on one case."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """(S...) true class indices -> (S...) what the annotator wrote."""
        ...


@dataclass(frozen=True, kw_only=True)
class BoundaryShift:
    """Every foreground class moves its boundary by ``offset`` voxels: outwards where positive.

    The boundary runs midway between voxels, and a voxel changes where
    its distance to the nearest voxel across the boundary is <= abs(offset) + 1/2: a straight edge moves by
    the rounded offset, and offset 1 takes the 8 neighbours of a pixel (of a voxel the 18 nearest).
    A class grows into its host, the class that makes up most of the voxels around it (the background for an
    organ, the organ for a lesion inside it), and what it loses goes to its host; a boundary between two
    classes of which neither is the other's host stays. A voxel claimed by several classes goes to the
    nearest, of equally near ones to the lowest class index.
    """

    offset: float | NDArray[np.floating]
    """One number in voxels, or a field (S...)."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Grow into the host where the offset is positive, retreat before it where negative."""
        moved, nearest = labels.copy(), np.full(labels.shape, np.inf)
        reach, retreat = np.add(0.5, self.offset), np.subtract(0.5, self.offset)
        for label in range(1, num_classes):
            mask = labels == label
            host = _host(labels, mask)
            if host is None:
                continue
            inside, distance = labels == host, _distance_to(mask)
            claimed = inside & (distance <= reach) & (distance < nearest)
            moved[claimed], nearest[claimed] = label, distance[claimed]
            moved[mask & (_distance_to(inside) <= retreat)] = host
        return moved


def _distance_to(mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(S...) Euclidean distance of each voxel to the nearest one of the mask, 0 inside."""
    return np.asarray(ndimage.distance_transform_edt(~mask), np.float64)


def _host(labels: Labels, mask: NDArray[np.bool_]) -> int | None:
    """The most frequent class among the face neighbours of the mask; None where there are none."""
    shell = np.logical_and(ndimage.binary_dilation(mask), ~mask)
    return int(np.bincount(labels[shell]).argmax()) if shell.any() else None


@dataclass(frozen=True, kw_only=True)
class Cuts:
    """Slabs (lines in 2D) of the foreground that become background: |(v - point) . normal| < width / 2."""

    points: NDArray[np.floating]
    """(N,D) in voxels, for N slabs in D axes."""
    normals: NDArray[np.floating]
    """(N,D) of length 1."""
    width: float
    """In voxels."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Write the voxels of every slab as background."""
        cut = np.zeros(labels.shape, bool)
        axes = np.ogrid[tuple(slice(length) for length in labels.shape)]
        for point, normal in zip(self.points, self.normals, strict=True):
            distance = sum((axis - p) * n for axis, p, n in zip(axes, point, normal, strict=True))
            cut |= np.abs(distance) < self.width / 2
        return np.where(cut, 0, labels).astype(labels.dtype)


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """The whole annotation shifted; background moves in from the border."""

    vector: tuple[int, ...]
    """(D,) whole voxels."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Shift without interpolation."""
        return np.asarray(ndimage.shift(labels, self.vector, order=0, mode="constant", cval=0), labels.dtype)


@dataclass(frozen=True, kw_only=True)
class Relabelling:
    """Every class written as another one, everywhere."""

    written: tuple[int, ...]
    """Class t becomes ``written[t]``."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Look each label up."""
        return np.asarray(self.written, labels.dtype)[labels]


@dataclass(frozen=True, kw_only=True)
class VoxelConfusion:
    """Each voxel drawn by itself from its true class's column.

    The written class is the first o with sum_{o' <= o} confusion[o',t] > uniform.
    """

    confusion: NDArray[np.floating]
    """(O,T) with columns of sum 1."""
    uniforms: NDArray[np.floating]
    """(S...) in [0,1)."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Invert the cumulative distribution of each voxel's column."""
        cumulative = np.cumsum(self.confusion, axis=0)[:-1]
        return (self.uniforms >= cumulative[:, labels]).sum(axis=0).astype(labels.dtype)


@dataclass(frozen=True, kw_only=True)
class InTurn:
    """Several mistakes."""

    mistakes: tuple[Mistake, ...]
    """The first one first."""

    def apply(self, labels: Labels, num_classes: int) -> Labels:
        """Apply one after the other."""
        for mistake in self.mistakes:
            labels = mistake.apply(labels, num_classes)
        return labels
