"""QUBIQ: a folder per case with image.nii.gz and taskNN_segMM.nii.gz; each task is a cohort of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.converting import channels_apart
from medseg.cohorts.layouts.files import files_by_case, natural, split_named
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.layouts.tasks import chosen_task
from medseg.contracts import Case, Cohort, Refused, Split, complaint
from medseg.images import SCAN_SUFFIXES, suffix_of

NEEDS = (
    "[brain-growth/][Training/]case01/image.nii.gz and case01/task01_seg01.nii.gz, or "
    "training_data_v3_QC/pancreas/case1-1/ beside validation_data_qubiq2021_QC/"
)

_NAME = re.compile(r"(?P<task>task\d+)_(?P<annotator>seg\d+)\.nii(\.gz)?")
_SET = re.compile(r"(training|train|validation|testing|test)(_data\w*)?", re.IGNORECASE)
"""A folder that names a split."""
_DEPTHS = ("", "*/", "*/*/", "*/*/*/")


@dataclass(frozen=True, kw_only=True)
class Mask:
    """``task01_seg02.nii.gz``: the mask of seg02 for task01."""

    path: Path
    """Where it lies."""
    task: str
    """Which of the download's targets it shows: ``task01``, or ``prostate/task01`` where there are several organs."""
    annotator: str
    """Who drew it."""


@dataclass(frozen=True, kw_only=True)
class _Place:
    """A case's folder."""

    path: Path
    """Where it is."""
    organ: str
    """Names of the folders above it that name no split."""
    split: Split
    """What the others name."""


def detect(root: Path) -> bool:
    """Whether the folder, or one up to three below, holds case*/task*_seg*.nii*."""
    return any(any(root.glob(f"{depth}case*/task*_seg*.nii*")) for depth in _DEPTHS)


def index(root: Path, choices: Choices) -> Cohort:
    """The cases of one task; annotators are named as in the files: seg01, seg02, ...

    Folders Training, Validation and Testing (training_data_v3_QC, ...) give the split; without a validation set the
    training cases stay without one, so that validation cases can be drawn. What stands before a hyphen in a case's name
    (``case1-2``) is the patient. An image with one axis more than its masks has its channels there, and each is written
    as a file. Raises Refused if there are several tasks and none is chosen, and for cases without an image.
    """
    places = _places(root, split_meanings(choices.split_words))
    several = len({place.organ for place in places}) > 1
    masks = {place: _masks(place, several) for place in places}
    chosen = chosen_task({mask.task for own in masks.values() for mask in own}, choices.task, root)
    own = {place: of_task for place in places if (of_task := _of_task(masks[place], chosen))}
    complaints = [
        complaint("image", "image.nii.gz", "none", str(place.path)) for place in own if not _image(place.path)
    ]
    if complaints:
        raise Refused(complaints)
    validated = any(place.split == "val" for place in own)
    cases = []
    for place, drawn in own.items():
        image, name = _image(place.path), place.path.name
        assert image is not None  # complained of above
        cases.append(
            Case(
                name=name,
                patient=name.split("-")[0],
                split=place.split if validated or place.split != "train" else "",
                images=channels_apart(image, next(iter(drawn.values())), name, choices.out or root),
                annotations=drawn,
            )
        )
    return cohort_of(root, cases, choices)


def _places(root: Path, words: Mapping[str, Split]) -> list[_Place]:
    found = {path.parent for depth in _DEPTHS for path in root.glob(f"{depth}case*/task*_seg*.nii*")}
    found |= {path.parent for depth in _DEPTHS for path in root.glob(f"{depth}case*/image.nii*")}
    places = []
    for path in sorted(found, key=lambda path: natural(path.as_posix())):
        above = path.relative_to(root).parts[:-1]
        sets = [part for part in above if _SET.fullmatch(part) or part.lower() in words]
        split = _split(sets, words)
        places.append(_Place(path=path, organ="/".join(part for part in above if part not in sets), split=split))
    return places


def _split(sets: Sequence[str], words: Mapping[str, Split]) -> Split:
    """What the first of the folders that name a split names."""
    for part in sets:
        match = _SET.fullmatch(part)
        split = split_named(match[1] if match else part, words)
        if split:
            return split
    return ""


def _masks(place: _Place, several: bool) -> list[Mask]:
    found = []
    for path in sorted(place.path.iterdir(), key=lambda path: natural(path.name)):
        if match := _NAME.fullmatch(path.name):
            task = f"{place.organ}/{match['task']}" if several else match["task"]
            found.append(Mask(path=path, task=task, annotator=match["annotator"]))
    return found


def _of_task(masks: Sequence[Mask], task: str) -> dict[str, Path]:
    return {mask.annotator: mask.path for mask in masks if mask.task == task}


def _image(place: Path) -> Path | None:
    found = files_by_case(place).get("image")
    return found if found and suffix_of(found) in SCAN_SUFFIXES else None
