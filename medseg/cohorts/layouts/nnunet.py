"""nnU-Net raw, versions 1 and 2, with one labels folder per annotator: ``labelsTr_<annotator>/``."""

from __future__ import annotations

from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.dataset_json import read_dataset_json
from medseg.cohorts.layouts.files import (
    channels_by_case,
    files_by_case,
    has_channel_numbers,
    paired,
    stem,
    subfolders,
)
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Split

NEEDS = "dataset.json, imagesTr/<case>_0000.nii.gz and labelsTr_<annotator>/<case>.nii.gz (or labelsTr/)"
REFERENCE = "reference"
"""The annotator whose labels lie in plain ``labelsTr/``."""


def detect(root: Path) -> bool:
    """Whether imagesTr/ has numbered channels beside a labelsTr folder."""
    images = root / "imagesTr"
    numbered = images.is_dir() and any(has_channel_numbers(stem(path)) for path in images.iterdir())
    return numbered and bool(_annotators(root, "labelsTr"))


def index(root: Path, choices: Choices) -> Cohort:
    """imagesTr is split later; imagesTs is the test set if there are labelsTs folders, else left out.

    Classes and channels are those of dataset.json. An annotator named ``truth`` is the known truth.
    """
    stated = read_dataset_json(root)
    cases = _cases(root, "Tr", "")
    if _annotators(root, "labelsTs"):
        cases += _cases(root, "Ts", "test")
    return cohort_of(root, cases, choices, classes=stated.classes, channels=stated.channels, ignored=stated.ignored)


def _annotators(root: Path, prefix: str) -> dict[str, Path]:
    """Annotator -> folder: ``labelsTr_bob`` is bob's."""
    names = {folder.name: folder for folder in subfolders(root)}
    begin = f"{prefix}_"
    named = {name.removeprefix(begin): path for name, path in names.items() if name.startswith(begin)}
    return ({REFERENCE: names[prefix]} if prefix in names else {}) | named


def _cases(root: Path, part: str, split: Split) -> list[Case]:
    images = channels_by_case(files_by_case(root / f"images{part}"))
    masks = {annotator: files_by_case(folder) for annotator, folder in _annotators(root, f"labels{part}").items()}
    return paired(images, masks, split)
