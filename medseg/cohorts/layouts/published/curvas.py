"""CURVAS: ``training_set/UKCHLL001/image.nii.gz`` and ``annotation_1.nii.gz`` ... ``annotation_3.nii.gz``."""

from __future__ import annotations

import re
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import files_by_case, natural
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Split, complaint

NEEDS = (
    "training_set/UKCHLL001/image.nii.gz and annotation_1.nii.gz ... annotation_3.nii.gz (validation_set, testing_set)"
)
CLASSES = tuple(
    ClassLabel(name=name, value=value) for value, name in enumerate(("background", "pancreas", "kidney", "liver"))
)
UNKNOWN: Split = ""
SPLITS: dict[str, Split] = {"training_set": "train", "validation_set": "val", "testing_set": "test"}

_MASK = re.compile(r"annotation_(?P<number>\d+)")


def detect(root: Path) -> bool:
    """Whether such a mask lies in a folder UKCHLL*, up to two folders below."""
    return bool(_places(root))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators annotator1..3; the folder of the set gives the split, where the training set is not alone."""
    places = _places(root)
    alone = not any("validation_set" in place.parts for place in places)
    cases, complaints = [], []
    for place in places:
        files = files_by_case(place)
        masks = {
            f"annotator{match['number']}": path for name, path in files.items() if (match := _MASK.fullmatch(name))
        }
        if "image" not in files:
            complaints.append(complaint("image", "image.nii.gz", "none", str(place)))
            continue
        split = _split(place.relative_to(root))
        split = UNKNOWN if alone and split == "train" else split
        image = (files["image"],)
        cases.append(Case(name=place.name, patient=place.name, split=split, images=image, annotations=masks))
    if complaints:
        raise Refused(complaints)
    return cohort_of(root, cases, choices, classes=CLASSES)


def _split(place: Path) -> Split:
    for part in place.parts:
        if part in SPLITS:
            return SPLITS[part]
    return UNKNOWN


def _places(root: Path) -> list[Path]:
    found = {path.parent for depth in ("", "*/", "*/*/") for path in root.glob(f"{depth}UKCHLL*/annotation_1.nii*")}
    return sorted(found, key=lambda path: natural(path.as_posix()))
