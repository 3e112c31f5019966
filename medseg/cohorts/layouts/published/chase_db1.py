"""CHASE_DB1: ``Image_01L.jpg`` beside ``Image_01L_1stHO.png`` and ``Image_01L_2ndHO.png``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import files_by_case, paired, subfolders
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Cohort

NEEDS = "Image_01L.jpg, Image_01L_1stHO.png and Image_01L_2ndHO.png, in one folder or in Images/ and Masks/"
OBSERVERS = {"1stHO": "observer1", "2ndHO": "observer2"}

_IMAGE = re.compile(r"(?P<child>Image_\d+)[LR]")
_MASK = re.compile(r"(?P<case>Image_\d+[LR])_(?P<observer>1stHO|2ndHO)")


def detect(root: Path) -> bool:
    """Whether a mask of this name lies in the folder, or in one below."""
    return any(any(root.glob(f"{depth}Image_*_1stHO.png")) for depth in ("", "*/"))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators observer1 and observer2; a patient is a child, whose two eyes stay together."""
    files = [each for folder in (root, *subfolders(root)) for each in files_by_case(folder).items()]
    masks: dict[str, dict[str, Path]] = {}
    for name, path in files:
        if match := _MASK.fullmatch(name):
            masks.setdefault(OBSERVERS[match["observer"]], {})[match["case"]] = path
    cases = paired({name: (path,) for name, path in files if _IMAGE.fullmatch(name)}, masks)
    by_child = [replace(case, patient=case.name[:-1]) for case in cases]
    return cohort_of(root, by_child, choices)
