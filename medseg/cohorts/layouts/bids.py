"""BIDS derivatives: masks of several annotators under ``derivatives/``, images in the raw tree beside it."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.files import natural, stem
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.layouts.tasks import chosen_task
from medseg.contracts import Case, Cohort, Refused, complaint, read_text
from medseg.images import SCAN_SUFFIXES, suffix_of

NEEDS = "sub-01/anat/sub-01_T1w.nii.gz and derivatives/<pipeline>/sub-01/anat/sub-01_desc-rater1_dseg.nii.gz"

_ANNOTATOR = re.compile(r"rater-?(?P<who>[A-Za-z0-9]+)", re.IGNORECASE)
_LABEL = re.compile(r"_label-(?P<label>[A-Za-z0-9]+)")
_UNLABELLED_TASK = "dseg"
"""The task of masks whose name has no ``label-``: they hold all classes."""


@dataclass(frozen=True, kw_only=True)
class Mask:
    """A mask file, as its name describes it."""

    path: Path
    """Where it lies."""
    place: Path
    """The folder of its image in the raw tree, ``sub-01/ses-1/anat``."""
    parts: frozenset[str]
    """The pieces of its name."""
    annotator: str
    """Who drew it."""
    task: str
    """Which of the folder's targets it shows."""


def detect(root: Path) -> bool:
    """Whether sub-*/ stands beside derivatives/."""
    return (root / "derivatives").is_dir() and any(root.glob("sub-*/"))


def index(root: Path, choices: Choices) -> Cohort:
    """A case per image, named as the image; the subject is the patient, the session a covariate. Images that end like
    those with masks (``_T2w``) are cases too, without labels.

    The annotator is found in the mask's name (``_desc-rater1_dseg``, ``_rater-1_dseg``,
    ``_label-lesion_desc-rater1_mask``, ``_T2w_label-lesion_rater1``) or in the derivative's folder
    (``derivatives/labels_rater1/``). Masks with different ``label-`` are different tasks. The image is the
    one in the same subject, session and data type whose entities the mask repeats; class names come from
    ``*dseg.tsv``. Raises Refused for masks whose image cannot be told, and for several tasks, none chosen.
    """
    masks = [mask for path in _scans(root / "derivatives") if (mask := _mask(path, root / "derivatives"))]
    if not masks:
        expected = "names with desc-rater1, rater-1 or rater1, or folders named so"
        raise Refused([complaint("masks", expected, "none", str(root / "derivatives"))])
    chosen = chosen_task({mask.task for mask in masks}, choices.task, root)
    cases = _cases(root, [mask for mask in masks if mask.task == chosen])
    return cohort_of(root, cases, choices, class_names=_class_names(root) if chosen == _UNLABELLED_TASK else None)


# ------------------------------------------------------------------------------------------ masks
def _scans(folder: Path) -> list[Path]:
    found = [path for path in folder.rglob("sub-*") if suffix_of(path) in SCAN_SUFFIXES]
    return sorted(found, key=lambda path: natural(path.as_posix()))


def _mask(path: Path, derivatives: Path) -> Mask | None:
    """None for a file that is no annotator's label map."""
    folders = path.relative_to(derivatives).parts[:-1]
    first = next((i for i, name in enumerate(folders) if name.startswith("sub-")), len(folders))
    name = stem(path)
    named = _ANNOTATOR.search(name)
    is_map = name.endswith(("_dseg", "_mask", "_seg")) or "_label-" in name
    found = named or (next(filter(None, map(_ANNOTATOR.search, folders[:first])), None) if is_map else None)
    if found is None or name.endswith("_probseg"):
        return None
    label = _LABEL.search(name)
    task = label["label"] if label else _UNLABELLED_TASK
    place = Path(*folders[first:]) if first < len(folders) else Path(name.split("_")[0])
    who = f"rater{found['who']}"
    return Mask(path=path, place=place, parts=frozenset(name.split("_")), annotator=who, task=task)


def _class_names(root: Path) -> dict[int, str]:
    """index -> name from the tables of the raw tree and of all derivatives."""
    names: dict[int, str] = {}
    for path in [*sorted(root.glob("*dseg.tsv")), *sorted((root / "derivatives").rglob("*dseg.tsv"))]:
        try:
            rows = list(csv.DictReader(io.StringIO(read_text(path), newline=""), delimiter="\t"))
        except csv.Error as error:
            raise Refused([complaint("lines of a table", "TSV", str(error), str(path))]) from error
        for row in rows:
            if (row.get("index") or "").isdigit() and len(row["index"]) < 10 and row.get("name"):
                names[int(row["index"])] = row["name"]
    return names


# ----------------------------------------------------------------------------------------- images
def _cases(root: Path, masks: Sequence[Mask]) -> list[Case]:
    """The images that a mask belongs to, each with its masks, and those of their kind that have none."""
    of_image: dict[Path, dict[str, Path]] = {}
    complaints = []
    for mask in masks:
        images = _images_of(mask, root)
        if len(images) != 1:
            got = " and ".join(path.name for path in images) or f"none in {mask.place}"
            complaints.append(complaint("image of a mask", "one that shares its entities", got, str(mask.path)))
            continue
        own = of_image.setdefault(images[0], {})
        if own.setdefault(mask.annotator, mask.path) is not mask.path:
            got = f"{own[mask.annotator].name} and {mask.path.name}"
            where = f"{stem(images[0])}/{mask.annotator}"
            complaints.append(complaint("masks of an annotator", "one per image", got, where))
    if complaints:
        raise Refused(complaints)
    kinds = {stem(image).split("_")[-1] for image in of_image}
    for path in _scans(root):
        if path.relative_to(root).parts[0].startswith("sub-") and stem(path).split("_")[-1] in kinds:
            of_image.setdefault(path, {})
    return [_case(image.relative_to(root), root, own) for image, own in of_image.items()]


def _images_of(mask: Mask, root: Path) -> list[Path]:
    """Of the images whose entities the mask repeats, those that share the most pieces with its name."""
    shared: dict[Path, int] = {}
    folder = root / mask.place
    for path in _scans(folder) if folder.is_dir() else []:
        *entities, suffix = stem(path).split("_")
        if mask.parts.issuperset(entities):
            shared[path] = len(entities) + (suffix in mask.parts)
    return [path for path, count in shared.items() if count == max(shared.values())]


def _case(image: Path, root: Path, masks: Mapping[str, Path]) -> Case:
    session = next((part for part in image.parts if part.startswith("ses-")), None)
    covariates = {"session": session} if session else {}
    return Case(
        name=stem(image),
        patient=image.parts[0],
        split="",
        images=(root / image,),
        annotations=masks,
        covariates=covariates,
    )
