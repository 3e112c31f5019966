"""Gleason 2019: ``Train Imgs/slide001_core003.jpg`` and ``Maps1_T/slide001_core003_classimg_nonconvex.png`` ... 6."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import files_by_case, paired
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import ClassLabel, Cohort

NEEDS = "Train Imgs/slide001_core003.jpg and Maps1_T/slide001_core003_classimg_nonconvex.png ... Maps6_T/"
CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="benign", value=1, others=(6,)),
    ClassLabel(name="grade_3", value=3),
    ClassLabel(name="grade_4", value=4),
    ClassLabel(name="grade_5", value=5),
)
SUFFIX = "_classimg_nonconvex"
"""What the names of masks have behind those of images."""

_PLACE = re.compile(r"Maps(?P<number>\d)_T")


def detect(root: Path) -> bool:
    """Whether Train Imgs/ stands beside a folder Maps1_T."""
    return (root / "Train Imgs").is_dir() and any(_PLACE.fullmatch(folder.name) for folder in root.glob("Maps*_T"))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators pathologist1..6, each of some of the cores; the slide is a covariate, and can be split by.

    Which cores belong to one patient is not published. Archives that were unpacked into a folder of their own name
    (``Maps1_T/Maps1_T/``) are found too; the test images have no masks and are left out.
    """
    masks = {}
    for folder in sorted(root.glob("Maps*_T")):
        if match := _PLACE.fullmatch(folder.name):
            own = files_by_case(_inner(folder))
            masks[f"pathologist{match['number']}"] = {name.removesuffix(SUFFIX): path for name, path in own.items()}
    images = {name: (path,) for name, path in files_by_case(_inner(root / "Train Imgs")).items()}
    cases = paired(images, masks)
    with_slide = [replace(case, covariates={"slide": case.name.split("_")[0]}) for case in cases]
    return cohort_of(root, with_slide, choices, classes=CLASSES)


def _inner(folder: Path) -> Path:
    return folder / folder.name if (folder / folder.name).is_dir() else folder
