"""Medical Segmentation Decathlon: dataset.json lists the images, each with its one label map."""

from __future__ import annotations

from pathlib import Path

from medseg.cohorts.layouts import nnunet
from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import channels_apart
from medseg.cohorts.layouts.dataset_json import NAME, DatasetJson, Pair, read_dataset_json
from medseg.cohorts.layouts.files import stem
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Refused, complaint

NEEDS = 'dataset.json with "training": [{"image": ..., "label": ...}]'


def detect(root: Path) -> bool:
    """Whether there is a dataset.json, and the folder is not nnU-Net's."""
    return (root / NAME).is_file() and not nnunet.detect(root)


def index(root: Path, choices: Choices) -> Cohort:
    """The training pairs, split later, with the annotator ``reference``.

    Test images have no labels and are left out. Several modalities, which the Decathlon keeps in one 4-D file, are
    written as a file each. Raises Refused for missing files.
    """
    stated = read_dataset_json(root)
    complaints = _missing(root, stated)
    if not stated.training:
        expected = "a list of pairs (where images are numbered <case>_0000, the layout is nnunet)"
        complaints.append(complaint("training", expected, "none", str(root / NAME)))
    if complaints:
        raise Refused(complaints)
    return cohort_of(
        root,
        [_case(root, pair, choices.out or root) for pair in stated.training],
        choices,
        classes=stated.classes,
        channels=stated.channels,
    )


def _case(root: Path, pair: Pair, out: Path) -> Case:
    name = stem(root / pair.image)
    return Case(
        name=name,
        patient=name,
        split="",
        images=channels_apart(root / pair.image, root / pair.label, name, out),
        annotations={nnunet.REFERENCE: root / pair.label},
    )


def _missing(root: Path, stated: DatasetJson) -> list[str]:
    return [
        complaint("file", "a file", f"none at {path}", f"{NAME}, training[{number}]")
        for number, pair in enumerate(stated.training)
        for path in (pair.image, pair.label)
        if not (root / path).is_file()
    ]
