"""LIDC crops: ``images/x.png`` and ``lesions/x_l0.png`` ... ``x_l3.png``, also inside train/, val/, test/."""

from __future__ import annotations

import re
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import files_by_case, folders_with_cases, paired, split_folders
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Split

NEEDS = "[train/]images/<case>.png and lesions/<case>_l0.png"

_MASK = re.compile(r"(?P<case>.+)_l(?P<annotator>\d+)")


def detect(root: Path) -> bool:
    """Whether images/ and lesions/ stand side by side, in the root or in folders of it."""
    return bool(folders_with_cases(root, _holds_cases))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators reader0..reader3.

    They are slots: the first of one scan is another person than the first of the next, so their confusion
    matrices should come out equal. They count as annotators nevertheless, or there would be none.
    The file names do not say which crops belong to one patient: give ``patient_from``.
    """
    folders = split_folders(root, _holds_cases, split_meanings(choices.split_words))
    return cohort_of(root, [case for folder, split in folders.items() for case in _cases(folder, split)], choices)


def _holds_cases(folder: Path) -> bool:
    return (folder / "images").is_dir() and (folder / "lesions").is_dir()


def _cases(folder: Path, split: Split) -> list[Case]:
    masks: dict[str, dict[str, Path]] = {}
    for name, path in files_by_case(folder / "lesions").items():
        match = _MASK.fullmatch(name)
        if match:
            masks.setdefault(f"reader{match['annotator']}", {})[match["case"]] = path
    images = {case: (path,) for case, path in files_by_case(folder / "images").items()}
    return paired(images, masks, split)
