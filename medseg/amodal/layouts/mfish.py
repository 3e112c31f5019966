"""M-FISH (ADIR): ``A01__XY/A0101XYK.tif``, the label map of a spread, beside the images of its six channels."""

from __future__ import annotations

import re
from pathlib import Path

from medseg.amodal.layouts.label_maps import classes_numbered, values_of
from medseg.cohorts import FULL
from medseg.cohorts.layouts import Choices, natural, stem
from medseg.contracts import Case, ObjectCohort, ObjectRules

NEEDS = "[MFISH_TIFF/]A01__XY/A0101XYK.tif beside A0101XYD.tif (.png as well)"
OVERLAP = 255

_MAP = re.compile(r"(?P<spread>(?P<specimen>[A-Z]\d{2})\d{2}\w{2})K", re.IGNORECASE)


def detect(root: Path) -> bool:
    """Whether the map of a spread lies beside the image of its nuclear stain, up to two folders below."""
    return any(path.with_name(f"{stem(path)[:-1]}D{path.suffix}").is_file() for path in _maps(root))


def index(root: Path, choices: Choices) -> ObjectCohort:
    """A case per spread, the specimen is the patient; 255 is the overlap of two chromosomes, by rule."""
    cases = []
    for path in _maps(root):
        match = _MAP.fullmatch(stem(path))
        assert match is not None  # ``_maps`` has asked
        cases.append(Case(name=match["spread"], patient=match["specimen"], object_masks={FULL: path}))
    values = [value for value in values_of(cases) if value != OVERLAP]
    return ObjectCohort(
        root=root,
        name=root.resolve().name,
        classes=classes_numbered(values),
        spatial_dims=2,
        cases=tuple(sorted(cases, key=lambda case: natural(case.name))),
        rules=ObjectRules(overlap=(OVERLAP,)),
    )


def _maps(root: Path) -> list[Path]:
    found = [path for depth in ("", "*/", "*/*/") for kind in ("tif", "png") for path in root.glob(f"{depth}*K.{kind}")]
    return [path for path in found if _MAP.fullmatch(stem(path))]
