"""STARE: ``im0001.ppm.gz`` beside ``im0001.ah.ppm.gz`` and ``im0001.vk.ppm.gz``, packed or not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import put_image, put_mask
from medseg.cohorts.layouts.files import paired
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Cohort
from medseg.images import as_labels, read_netpbm

NEEDS = (
    "im0001.ppm.gz, im0001.ah.ppm.gz and im0001.vk.ppm.gz, in one folder or in stare-images/, labels-ah/, labels-vk/"
)

_NAME = re.compile(r"(?P<case>im\d{4})(?:\.(?P<observer>ah|vk))?\.ppm(?:\.gz)?")


def detect(root: Path) -> bool:
    """Whether a mask of one of the two observers lies in the folder, or in one below."""
    return any(match["observer"] for _, match in _files(root))


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators ah and vk. Portable pixmaps are written anew as PNG, those of images without masks left out."""
    out = choices.out or root
    found = list(_files(root))
    labelled = {match["case"] for _, match in found if match["observer"]}
    images: dict[str, tuple[Path, ...]] = {}
    masks: dict[str, dict[str, Path]] = {}
    for path, match in found:
        name, observer = match["case"], match["observer"]
        if observer:
            labels = as_labels(read_netpbm(path), f"{name}/{observer}")
            masks.setdefault(observer, {})[name] = put_mask(out, observer, name, labels)
        elif name in labelled:
            images[name] = (put_image(out, name, read_netpbm(path)),)
    return cohort_of(root, paired(images, masks), choices)


def _files(root: Path) -> Iterator[tuple[Path, re.Match[str]]]:
    for path in sorted((*root.glob("im*.ppm*"), *root.glob("*/im*.ppm*"))):
        if match := _NAME.fullmatch(path.name):
            yield path, match
