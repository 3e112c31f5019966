"""ISBI 2015: ``training01/preprocessed/training01_01_flair_pp.nii``, ``training01/masks/training01_01_mask1.nii``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import natural, paired, stem
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Cohort, Refused, complaint
from medseg.images import SCAN_SUFFIXES, suffix_of

NEEDS = (
    "[training/]training01/preprocessed/training01_01_flair_pp.nii (and mprage, pd, t2) and "
    "training01/masks/training01_01_mask1.nii"
)
CONTRASTS = ("flair", "mprage", "pd", "t2")
CLASS_NAMES = {0: "background", 1: "lesion"}

_NAME = re.compile(r"(?P<case>(?P<patient>training\d+)_\d+)_(?:(?P<contrast>flair|mprage|pd|t2)_pp|mask(?P<reader>\d))")


def detect(root: Path) -> bool:
    """Whether training*/masks/ holds such a mask, here or in a folder below."""
    return any(any(root.glob(f"{depth}training*/masks/training*_mask1.nii*")) for depth in ("", "*/"))


def index(root: Path, choices: Choices) -> Cohort:
    """A case per visit, with four channels; annotators reader1 and reader2; a patient has all of his visits.

    The test visits have no masks and are left out. Raises Refused for visits that lack a contrast.
    """
    images: dict[str, dict[str, Path]] = {}
    masks: dict[str, dict[str, Path]] = {}
    for path in sorted(root.rglob("training*_*"), key=lambda path: natural(path.name)):
        match = _NAME.fullmatch(stem(path)) if suffix_of(path) in SCAN_SUFFIXES else None
        if match and match["reader"]:
            masks.setdefault(f"reader{match['reader']}", {})[match["case"]] = path
        elif match:
            images.setdefault(match["case"], {})[match["contrast"]] = path
    complaints = [
        complaint("contrasts", ", ".join(CONTRASTS), f"no {', '.join(missing)}", name)
        for name, own in images.items()
        if (missing := [contrast for contrast in CONTRASTS if contrast not in own])
    ]
    if complaints:
        raise Refused(complaints)
    cases = paired({name: tuple(own[each] for each in CONTRASTS) for name, own in images.items()}, masks)
    by_patient = [replace(case, patient=case.name.split("_")[0]) for case in cases]
    return cohort_of(root, by_patient, choices, class_names=CLASS_NAMES, channels=CONTRASTS)
