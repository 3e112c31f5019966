"""Stacks of instances: ``instances/<case>_<k>.png``, a mask of all of each; they may overlap; a cohort of objects."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from medseg.amodal.layouts.label_maps import OTHERS, classes_numbered
from medseg.cohorts.layouts import Choices, described, files_by_case, natural
from medseg.contracts import Case, ObjectCohort, ObjectRules
from medseg.images import SUFFIXES, read_labels, suffix_of

NEEDS = "instances/<case>_<k>.png (or .tif, .nii.gz, .nrrd), a mask of all of each instance, and no images/"

_MASK = re.compile(r"(?P<case>.+)_(?P<number>\d+)")


def detect(root: Path) -> bool:
    """Whether instances/ holds masks with a number each, and the folder nothing of the layouts with images."""
    folder = root / "instances"
    files = [path for path in folder.glob("*") if suffix_of(path) in SUFFIXES]
    numbered = all(_MASK.fullmatch(path.name[: -len(suffix_of(path))]) for path in files)
    return bool(files) and numbered and not any((root / name).is_dir() for name in (*OTHERS, "labels"))


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per image, each a patient of its own; ``cases.csv`` gives patient, split and covariates.

    All wholes are known, and learnt from; an object at the border is kept, whole within the field of view.
    Raises Refused where the first mask cannot be read; `medseg check` reads all.
    """
    stacks: dict[str, dict[str, Path]] = {}
    for name, path in files_by_case(root / "instances").items():
        match = _MASK.fullmatch(name)
        assert match is not None  # ``detect`` has asked
        stacks.setdefault(match["case"], {})[match["number"]] = path
    cases = [Case(name=name, patient=name, instance_masks=masks) for name, masks in stacks.items()]
    first = read_labels(cases[0].mask_files[0]).array
    values = np.unique(first).tolist()
    return ObjectCohort(
        root=root,
        name=root.resolve().name,
        classes=classes_numbered([values[0], values[-1]] if len(values) > 1 else [0, 1]),
        spatial_dims=first.ndim,
        cases=tuple(sorted(described(cases, root / "cases.csv"), key=lambda case: natural(case.name))),
        rules=ObjectRules(instances=True, hides={"object": ("object",)}, complete="known", border="keep"),
    )
