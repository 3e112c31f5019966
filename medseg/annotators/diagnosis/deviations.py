"""What each annotator does to each object, as an image in the object's frame and in a few numbers with a name."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion
from skimage.measure import label as components

from medseg.annotators.loading.records import Record
from medseg.annotators.people.labelling import Labelling
from medseg.annotators.people.space import BINS, frame_around, signed_error
from medseg.contracts import UNLABELLED, Case, watched

Floats = NDArray[np.floating]

BLOCK = {2: 5, 3: 3}
"""So many points of the frame along each axis are one number of the image, by the number of axes."""

DESCRIPTORS = {
    "relative_area": "drawn over reference: above 1 wide, below 1 narrow, 0 nothing",
    "displacement": "how far the drawn centroid lies from that of the reference, in radii of the object",
    "roughness": "length of the drawn border over that of the reference, each of an object of the same size: above 1 "
    "rough, below 1 smooth",
    "pieces": "so many components are drawn more than the reference has",
}
"""What a line of words can say of a deviation -> how it is read."""


@dataclass(frozen=True, kw_only=True)
class Deviations:
    """N masks, each an annotator's of one class in one case, against the reference of ``people.labelling``."""

    case_index: NDArray[np.int64]
    """(N,) the place of the case in the cohort."""
    annotator: NDArray[np.int64]
    """(N,) whose."""
    label: NDArray[np.int64]
    """(N,) of which class."""
    images: Floats
    """(N,P) the share that he adds less the share that he cuts, in the blocks of the object's frame."""
    descriptors: pd.DataFrame
    """(N) rows, the columns of DESCRIPTORS."""

    def __len__(self) -> int:
        return len(self.case_index)


def deviations_of(labelling: Labelling) -> Deviations:
    """Of all masks whose reference has the class. Raises Refused for files that cannot be read."""
    cases, found = labelling.cohort.cases, []
    for number, case in enumerate(watched(cases, "comparing masks", len(cases))):
        found += list(_of_case(labelling, number, case))
    columns = {name: np.array([row[name] for row in found]) for name in ("case_index", "annotator", "label")}
    dims = labelling.cohort.spatial_dims
    images = np.array([row["image"] for row in found]).reshape(len(found), (BINS[dims] // BLOCK[dims]) ** dims)
    descriptors = pd.DataFrame([row["descriptors"] for row in found], columns=list(DESCRIPTORS))
    return Deviations(**columns, images=images, descriptors=descriptors)


def _of_case(labelling: Labelling, number: int, case: Case) -> Iterator[dict[str, object]]:
    record = labelling.record(case)
    for row, (drawn, reference) in enumerate(zip(record.labels, labelling.references(record), strict=True)):
        for label in np.unique(reference[reference > 0]).tolist():
            yield {
                "case_index": number,
                "annotator": row,
                "label": label,
                "image": blocks(signed_error(drawn, reference, label, frame_around(reference == label, record))),
                "descriptors": described((drawn == label) & (reference != UNLABELLED), reference == label, record),
            }


def blocks(image: Floats) -> Floats:
    """(F...) of a frame -> its means over blocks, flattened; what is not known counts for no deviation."""
    block = BLOCK[image.ndim]
    for axis in range(image.ndim):
        parts = (*image.shape[:axis], image.shape[axis] // block, block, *image.shape[axis + 1 :])
        image = np.nan_to_num(image).reshape(parts).mean(axis=axis + 1)
    return image.ravel()


def described(drawn: NDArray[np.bool_], reference: NDArray[np.bool_], record: Record) -> dict[str, float]:
    """The numbers of DESCRIPTORS of a mask (S...) against one that is not empty.

    Of an empty mask the displacement is 0 and the roughness 1, so that its area alone speaks.
    """
    steps = np.array(record.spacing_mm or (1.0,) * drawn.ndim)
    area = float(drawn.sum() / reference.sum())
    radius = (reference.sum() * np.prod(steps)) ** (1 / drawn.ndim) / 2
    centres = [(np.argwhere(mask) * steps).mean(axis=0) for mask in (drawn, reference) if mask.any()]
    return {
        "relative_area": area,
        "displacement": float(np.linalg.norm(centres[0] - centres[-1]) / radius),
        "roughness": _border(drawn) / _border(reference) if drawn.any() else 1.0,
        "pieces": float(_pieces(drawn) - _pieces(reference)) if drawn.any() else 0.0,
    }


def _border(mask: NDArray[np.bool_]) -> float:
    """Voxels that one erosion removes, over what they are of an object of one voxel's size that grows."""
    return float(np.count_nonzero(mask & np.logical_not(binary_erosion(mask))) / mask.sum() ** (1 - 1 / mask.ndim))


def _pieces(mask: NDArray[np.bool_]) -> int:
    """Components, whose voxels meet at faces."""
    return int(np.asarray(components(mask, connectivity=1)).max())
