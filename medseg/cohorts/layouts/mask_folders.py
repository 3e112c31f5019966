"""``images/`` beside folders of masks: one per annotator, there or below ``masks/``, or one with names that tell."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from medseg.cohorts.layouts.case_table import described
from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import (
    files_by_case,
    folders_with_cases,
    images_by_case,
    paired,
    split_folders,
    subfolders,
)
from medseg.cohorts.layouts.mask_names import NamedMask, by_annotator, named_after
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Refused, Split, complaint

NEEDS = (
    "images/<case>.png beside <annotator>/<case>.png, masks/<annotator>/<case>.png, masks/<case>_<annotator>.png or "
    "masks/<case>.png, also inside train/, val/, test/"
)
IMAGES = ("images", "image", "imgs", "img", "scans", "scan")
MASKS = (
    *("masks", "mask", "labels", "label", "annotations", "annotation", "segmentations", "segmentation", "segs", "seg"),
    *("gt", "groundtruth", "ground_truth"),
)
"""Folders of masks whose name is nobody's."""


def detect(root: Path) -> bool:
    """Whether one folder of images stands beside a folder with masks that are named after them."""
    return bool(folders_with_cases(root, _holds_cases))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators are folders, or what names of masks add to those of images; ``truth`` is the known truth.

    Masks named as their images, in a folder that names nobody, are of ``reference``. Other folders are passed over.
    ``cases.csv`` gives patient, split and covariates.
    Raises Refused for two masks of one annotator and case.
    """
    words = split_meanings(choices.split_words)
    folders = split_folders(root, _holds_cases, words)
    cases = [case for folder, split in folders.items() for case in _cases(folder, split)]
    return cohort_of(root, described(cases, root / "cases.csv", words), choices)


def _holds_cases(folder: Path) -> bool:
    images = _image_folder(folder)
    return images is not None and bool(_masks(folder, _names(images)))


def _image_folder(folder: Path) -> Path | None:
    found = [each for each in subfolders(folder) if each.name.lower() in IMAGES]
    return found[0] if len(found) == 1 else None


def _names(images: Path) -> Collection[str]:
    """Of the images, with and without the number of a channel."""
    names = files_by_case(images)
    return {*names, *images_by_case(names, ())}


def _masks(folder: Path, cases: Collection[str]) -> dict[str, list[NamedMask]]:
    """Annotator -> masks."""
    found: dict[str, list[NamedMask]] = {}
    for place in subfolders(folder):
        if place.name.lower() in IMAGES:
            continue
        if place.name.lower() not in MASKS:
            found |= _of(place, cases)
        elif subfolders(place):
            for each in subfolders(place):
                found |= _of(each, cases)
        else:
            found |= by_annotator(named_after(files_by_case(place), cases))
    return found


def _of(place: Path, cases: Collection[str]) -> dict[str, list[NamedMask]]:
    """One annotator's folder, if it holds masks; what their names add says nothing."""
    masks = named_after(files_by_case(place), cases)
    return {place.name: masks} if masks else {}


def _cases(folder: Path, split: Split) -> list[Case]:
    images = _image_folder(folder)
    assert images is not None  # ``_holds_cases`` has seen it
    masks = _masks(folder, _names(images))
    labelled = {mask.case for own in masks.values() for mask in own}
    return paired(images_by_case(files_by_case(images), labelled), by_case(masks), split)


def by_case(masks: Mapping[str, list[NamedMask]]) -> dict[str, dict[str, Path]]:
    """Annotator -> case -> mask. Raises Refused where an annotator has two of a case."""
    found: dict[str, dict[str, Path]] = {}
    complaints = []
    for annotator, own in masks.items():
        for mask in own:
            twin = found.setdefault(annotator, {}).setdefault(mask.case, mask.path)
            if twin is not mask.path:
                got = f"{twin.name} and {mask.path.name}"
                complaints.append(complaint("masks of an annotator", "one per image", got, f"{mask.case}/{annotator}"))
    if complaints:
        raise Refused(complaints)
    return found
