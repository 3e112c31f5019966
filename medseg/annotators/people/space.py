"""Where each adds and where each cuts, in the frame of the object: its centroid is 0, its radius 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, uniform_filter1d

from medseg.annotators.labelled_case import Floats
from medseg.annotators.loading.records import Record
from medseg.contracts import UNLABELLED

REACH = 2.0
"""The frame goes so many radii from the centroid, in every direction;"""
BINS = {2: 65, 3: 33}
"""it has so many points along each axis, by the number of axes."""


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Where the points of the frame lie in one case."""

    points: Floats
    """(S,F...) their voxel coordinates."""
    width: tuple[int, ...]
    """(S,) voxels from one point to the next, at least 1."""


def frame_around(mask: NDArray[np.bool_], record: Record) -> Frame:
    """The frame of a mask (S...) that is not empty.

    Its radius is sqrt((S + 2) / S) times the root mean square distance in mm (px) from the centroid: a disc's and a
    ball's own. In 3D the frame's axes are the patient's (right, front, up: RAS+), in 2D those of the picture.
    """
    dims = mask.ndim
    steps = np.array(record.spacing_mm or (1.0,) * dims)
    places = np.argwhere(mask)
    centre = places.mean(axis=0)
    spread = float((((places - centre) * steps) ** 2).sum(axis=1).mean())
    radius = max(np.sqrt((dims + 2) / dims * spread), steps.max() / 2)
    ticks = np.linspace(-REACH, REACH, BINS[dims])
    frame = np.stack(np.meshgrid(*[ticks] * dims, indexing="ij"))
    offsets = [sign * frame[int(axis)] * radius / step for (axis, sign), step in zip(_axes(record), steps, strict=True)]
    width = np.maximum(np.rint((ticks[1] - ticks[0]) * radius / steps), 1)
    points = np.stack(offsets) + np.expand_dims(centre, tuple(range(1, dims + 1)))
    return Frame(points=points, width=tuple(int(each) for each in width))


def signed_error(drawn: NDArray[np.integer], reference: NDArray[np.integer], label: int, frame: Frame) -> Floats:
    """(F...) the share of the voxels around each point that an annotator adds to the class, less what he cuts from it.

    nan outside of the image, and where one of the two says nothing.
    """
    known = (drawn != UNLABELLED) & (reference != UNLABELLED)
    error = ((drawn == label) & known).astype(np.float64) - ((reference == label) & known)
    for axis, width in enumerate(frame.width):
        error = uniform_filter1d(error, width, axis=axis)
    share = map_coordinates(error, frame.points, order=0)
    return np.where(map_coordinates(known.astype(np.int8), frame.points, order=0) > 0, share, np.nan)


class SpaceMaps:
    """Sums over cases of what each annotator adds and cuts."""

    def __init__(self, annotators: int, classes: int, dims: int) -> None:
        frame = (BINS[dims],) * dims
        self._signed, self._seen = np.zeros((2, annotators, classes - 1, *frame))
        self._inside, self._cases = np.zeros((classes - 1, *frame)), np.zeros((annotators, classes - 1))

    def add(self, record: Record, references: NDArray[np.integer]) -> None:
        """One case: labels of the record against references (A,S...), a frame per annotator and class."""
        for row, (drawn, reference) in enumerate(zip(record.labels, references, strict=True)):
            for label in np.unique(reference[reference > 0]).tolist():
                frame = frame_around(reference == label, record)
                error = signed_error(drawn, reference, label, frame)
                self._signed[row, label - 1] += np.nan_to_num(error)
                self._seen[row, label - 1] += ~np.isnan(error)
                self._inside[label - 1] += map_coordinates(reference, frame.points, order=0, cval=UNLABELLED) == label
                self._cases[row, label - 1] += 1

    def signed(self) -> Floats:
        """(A,T-1,F...) the share of an annotator's cases with the class in which he adds there, less that in which he
        cuts; nan where no image of them has the point.
        """
        cases = np.expand_dims(self._cases, tuple(range(2, self._signed.ndim)))
        return np.where(self._seen > 0, self._signed / np.maximum(cases, 1), np.nan)

    def inside(self) -> Floats:
        """(T-1,F...) the share of references that hold the point: above 0.5 lies the usual object."""
        cases = np.expand_dims(self._cases.sum(axis=0), tuple(range(1, self._inside.ndim)))
        return self._inside / np.maximum(cases, 1)


def _axes(record: Record) -> NDArray[np.floating]:
    """(S,2) of each voxel axis the axis of the frame that it runs along, and the sign."""
    dims = record.labels.ndim - 1
    if dims == 2:
        return np.array([(0, 1), (1, 1)], np.float64)
    import nibabel as nib

    return nib.orientations.io_orientation(record.affine)
