"""One folder, in which names tell images from masks: ``case01.nii.gz`` beside ``case01_rater1.nii.gz``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts import mask_folders
from medseg.cohorts.layouts.case_table import described
from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import SEGMENTATION, folders_with_cases, natural, paired, split_folders, stem
from medseg.cohorts.layouts.mask_folders import by_case
from medseg.cohorts.layouts.mask_names import NamedMask, by_annotator, named_after, starts
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Split
from medseg.images import SUFFIXES, suffix_of

NEEDS = "<case>.nii.gz (or <case>_image.nii.gz) and <case>_<annotator>.nii.gz, also inside train/, val/, test/"

_IMAGE = re.compile(r"(?P<case>.+?)[_\-. ](?:image|img|im|orig|original|raw|scan)", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class _Told:
    """Files of one folder, told apart."""

    images: dict[str, Path]
    """Case -> image."""
    masks: list[NamedMask]
    """Named after them."""


def detect(root: Path) -> bool:
    """Whether the root, or folders of it, hold images with masks beside them that are named after them."""
    return bool(folders_with_cases(root, _holds_cases)) and not mask_folders.detect(root)


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators are what the names of masks add to those of images; ``truth`` is the known truth.

    ``cases.csv`` gives patient, split and covariates. Raises Refused for two masks of one annotator and case.
    """
    words = split_meanings(choices.split_words)
    folders = split_folders(root, _holds_cases, words)
    cases = [case for folder, split in folders.items() for case in _cases(folder, split)]
    return cohort_of(root, described(cases, root / "cases.csv", words), choices)


def _holds_cases(folder: Path) -> bool:
    masks = _told(folder).masks
    numbered = all(mask.addition.strip("_-. ").isdigit() for mask in masks)  # img, img_2, img_3 are three images
    return bool(masks) and not numbered


def _cases(folder: Path, split: Split) -> list[Case]:
    told = _told(folder)
    return paired({name: (path,) for name, path in told.images.items()}, by_case(by_annotator(told.masks)), split)


def _told(folder: Path) -> _Told:
    """Images say so by their names, or are those that others are named after."""
    files = _by_name(folder)
    named = {match["case"]: path for name, path in files.items() if (match := _IMAGE.fullmatch(name))}
    if named:
        others = {name: path for name, path in files.items() if path not in named.values()}
        return _Told(images=named, masks=named_after(others, named))
    masks = [mask for name, path in files.items() if (mask := _named_after_another(name, path, files))]
    images = {name: path for name, path in files.items() if path not in {mask.path for mask in masks}}
    return _Told(images=images, masks=[mask for mask in masks if mask.case in images])


def _named_after_another(name: str, path: Path, files: Mapping[str, Path]) -> NamedMask | None:
    """The mask, with the shortest name that begins its own: that of the image, for masks may begin alike too."""
    others = [start for start in starts(name) if start != name and start in files]
    return NamedMask(path=path, case=others[-1], addition=name[len(others[-1]) :]) if others else None


def _by_name(folder: Path) -> dict[str, Path]:
    """Name without suffix -> file; 3D Slicer's segmentations keep the part that tells them from images."""
    if not folder.is_dir():
        return {}
    found = [path for path in folder.iterdir() if suffix_of(path) in SUFFIXES and not path.name.startswith(".")]
    return {
        stem(path) + (SEGMENTATION if path.name.lower().endswith(f"{SEGMENTATION}.nrrd") else ""): path
        for path in sorted(found, key=lambda path: natural(path.name))
        if path.is_file()
    }
