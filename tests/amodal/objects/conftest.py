"""Hand-drawn label maps taken apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import Extraction, objects_of
from medseg.contracts import ClassLabel, ObjectCohort, ObjectRules, Volume

CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="a", value=1),
    ClassLabel(name="b", value=2),
    ClassLabel(name="c", value=3),
)
OVERLAP = ObjectRules(overlap=(255,))


def cohort(rules: ObjectRules, dims: int = 2) -> ObjectCohort:
    return ObjectCohort(
        root=Path("/"),
        name="drawn",
        classes=CLASSES,
        spatial_dims=dims,
        cases=(),
        rules=rules,
    )


def extract(labels: NDArray[np.integer], rules: ObjectRules = OVERLAP) -> Extraction:
    return objects_of(Volume(array=labels, affine=np.eye(4), spacing_mm=None), cohort(rules, labels.ndim).scheme, "m")


def by_name(extraction: Extraction) -> dict[str, AmodalObject]:
    return {one.name: one for one in extraction.objects}


def pasted(one: AmodalObject, mask: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """A mask of the crop on the map."""
    assert mask is not None
    on_the_map = np.zeros(one.map_shape, bool)
    on_the_map[tuple(slice(c, c + n) for c, n in zip(one.corner, mask.shape, strict=True))] = mask
    return on_the_map


def cross() -> NDArray[np.uint8]:
    """A vertical bar of a and a horizontal one of b, each 9x3, with 3x3 in common."""
    labels = np.zeros((11, 13), np.uint8)
    labels[1:10, 4:7], labels[4:7, 1:10], labels[4:7, 4:7] = 1, 2, 255
    return labels
