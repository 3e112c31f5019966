"""BU-BIL: ``RawImages/B01.png``, ``ExpertsAnnotations/Person1_Amira/seg_B01.png`` and crowds likewise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import put_mask, with_masks_changed
from medseg.cohorts.layouts.files import files_by_case, paired, subfolders
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.names import CROWD
from medseg.contracts import Case, ClassLabel, Cohort, Refused, complaint
from medseg.images import read_header, read_labels

NEEDS = "RawImages/<case>.png and ExpertsAnnotations/<expert>/seg_<case>.png (CrowdsourcedAnnotations/ likewise)"
PREFIX = "seg_"
CLASSES = (ClassLabel(name="background", value=255), ClassLabel(name="object", value=0))
"""The masks are stored with the object as 0."""


def detect(root: Path) -> bool:
    """Whether RawImages/ stands beside ExpertsAnnotations/."""
    return (root / "RawImages").is_dir() and (root / "ExpertsAnnotations").is_dir()


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators by their folders' names in lower case, crowds as slots; GoldStandard/ is nobody's, and left out.

    Where images are distributed as crops and experts' masks as whole frames (data set 4), the window is that of the
    image's size around the first expert's object, and masks are written anew. Masks of a crowd that are cropped
    otherwise than their image are left out. Raises Refused for masks of whole frames without an object.
    """
    experts = _masks(root / "ExpertsAnnotations", "")
    crowds = _masks(root / "CrowdsourcedAnnotations", CROWD)
    images = {name: (path,) for name, path in files_by_case(root / "RawImages").items()}
    cases = [_without_other_crops(case) for case in paired(images, experts | crowds)]
    return cohort_of(root, _cropped(cases, choices.out or root), choices, classes=CLASSES)


def _masks(folder: Path, start: str) -> dict[str, dict[str, Path]]:
    return {
        start + place.name.lower(): {name.removeprefix(PREFIX): path for name, path in files_by_case(place).items()}
        for place in subfolders(folder)
    }


def _without_other_crops(case: Case) -> Case:
    shape = _shape(case.images[0])
    kept = {
        name: path for name, path in case.annotations.items() if not name.startswith(CROWD) or _shape(path) == shape
    }
    return replace(case, annotations=kept)


def _cropped(cases: list[Case], out: Path) -> list[Case]:
    """Cases of whose masks some are larger than the image get those cut anew."""
    wide = [case for case in cases if any(_shape(path) != _shape(case.images[0]) for path in case.annotations.values())]
    corners = {case.name: _corner(case) for case in wide}

    def change(case: Case, annotator: str, path: Path) -> Path:
        shape = _shape(case.images[0])
        if _shape(path) == shape:
            return path
        labels, corner = read_labels(path), corners[case.name]
        window = tuple(slice(start, start + length) for start, length in zip(corner, shape, strict=True))
        return put_mask(out, annotator, case.name, replace(labels, array=labels.array[window]))

    changed: Mapping[str, Case] = {case.name: case for case in with_masks_changed(wide, change)}
    return [changed.get(case.name, case) for case in cases]


def _corner(case: Case) -> tuple[int, ...]:
    """Where the image lies in the frame of the masks: its middle is that of the first expert's object."""
    shape = _shape(case.images[0])
    first = next(path for path in case.annotations.values() if _shape(path) != shape)
    drawn = read_labels(first).array == CLASSES[1].value
    if not drawn.any() or any(whole < part for whole, part in zip(drawn.shape, shape, strict=True)):
        got = f"{'x'.join(map(str, drawn.shape))} with {np.count_nonzero(drawn)} pixels of an object"
        raise Refused([complaint("mask", f"a frame around {'x'.join(map(str, shape))}", got, f"{case.name}, {first}")])
    box = [(int(hit.min()), int(hit.max()) + 1) for hit in np.nonzero(drawn)]
    starts = [(low + high - length) // 2 for (low, high), length in zip(box, shape, strict=True)]
    return tuple(
        min(max(start, 0), whole - part) for start, whole, part in zip(starts, drawn.shape, shape, strict=True)
    )


def _shape(path: Path) -> tuple[int, ...]:
    return read_header(path).shape
