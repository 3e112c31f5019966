"""QUBIQ: a folder per case with image.nii.gz and taskNN_segMM.nii.gz; each task is a cohort of its own."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import files_by_case, folders_with_cases, split_folders, subfolders
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.layouts.tasks import chosen_task
from medseg.contracts import Case, Cohort, Refused, Split, complaint

NEEDS = "[Training/]case01/image.nii.gz and case01/task01_seg01.nii.gz"

_NAME = re.compile(r"(?P<task>task\d+)_(?P<annotator>seg\d+)\.nii(\.gz)?")


@dataclass(frozen=True, kw_only=True)
class Mask:
    """``task01_seg02.nii.gz``: the mask of seg02 for task01."""

    path: Path
    """Where it lies."""
    task: str
    """Which of the folder's targets it shows."""
    annotator: str
    """Who drew it."""


def detect(root: Path) -> bool:
    """Whether the root, or a folder in it, holds case*/task*_seg*.nii*."""
    return bool(folders_with_cases(root, _holds_cases))


def index(root: Path, choices: Choices) -> Cohort:
    """The cases of one task; annotators are named as in the files: seg01, seg02, ...

    Folders Training, Validation and Testing give the split. Raises Refused if there are several tasks and
    none is chosen.
    """
    folders = split_folders(root, _holds_cases, split_meanings(choices.split_words))
    places: dict[Path, Split] = {place: split for folder, split in folders.items() for place in subfolders(folder)}
    masks = {place: [m for path in sorted(place.iterdir()) if (m := _mask(path))] for place in places}
    chosen = chosen_task({mask.task for own in masks.values() for mask in own}, choices.task, root)
    complaints = [
        complaint("image", "image.nii.gz", "none", str(place))
        for place, own in masks.items()
        if own and not _image(place)
    ]
    if complaints:
        raise Refused(complaints)
    cases = [
        Case(
            name=place.name,
            patient=place.name,
            split=split,
            images=(image,),
            annotations=_of_task(masks[place], chosen),
        )
        for place, split in places.items()
        if (image := _image(place))
    ]
    return cohort_of(root, cases, choices)


def _holds_cases(folder: Path) -> bool:
    return any(folder.glob("case*/task*_seg*.nii*"))


def _mask(path: Path) -> Mask | None:
    match = _NAME.fullmatch(path.name)
    return Mask(path=path, task=match["task"], annotator=match["annotator"]) if match else None


def _of_task(masks: Sequence[Mask], task: str) -> dict[str, Path]:
    return {mask.annotator: mask.path for mask in masks if mask.task == task}


def _image(place: Path) -> Path | None:
    return files_by_case(place).get("image")
