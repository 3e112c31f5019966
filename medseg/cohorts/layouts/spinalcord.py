"""Spinal cord grey matter challenge: ``site1-sc01-image.nii.gz`` beside ``site1-sc01-mask-r1.nii.gz``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import files_by_case, paired
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Cohort

NEEDS = "site1-sc01-image.nii.gz and site1-sc01-mask-r1.nii.gz"
CLASS_NAMES = {0: "background", 1: "grey_matter", 2: "white_matter"}

_NAME = re.compile(r"(?P<case>(?P<site>site\d+)-sc\d+)-(?:image|mask-r(?P<annotator>\d+))")


def detect(root: Path) -> bool:
    """Whether a mask of this name lies in the folder."""
    return any(root.glob("site*-sc*-mask-r*.nii*"))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators rater1..rater4; a case is a patient; the site is a covariate."""
    images: dict[str, tuple[Path, ...]] = {}
    masks: dict[str, dict[str, Path]] = {}
    for name, path in files_by_case(root).items():
        match = _NAME.fullmatch(name)
        if match and match["annotator"]:
            masks.setdefault(f"rater{match['annotator']}", {})[match["case"]] = path
        elif match:
            images[match["case"]] = (path,)
    cases = paired(images, masks)
    with_site = [replace(case, covariates={"site": case.name.split("-")[0]}) for case in cases]
    return cohort_of(root, with_site, choices, class_names=CLASS_NAMES)
