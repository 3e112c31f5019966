"""One folder per annotator: ``images/``, ``annotations/<annotator>/``, perhaps ``crowd/`` and ``truth/``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from medseg.cohorts.layouts.case_table import described
from medseg.cohorts.layouts.files import (
    channels_by_case,
    files_by_case,
    has_channel_numbers,
    paired,
    subfolders,
)
from medseg.cohorts.layouts.survey import CROWD, cohort_of
from medseg.cohorts.manifest import TRUTH
from medseg.contracts import Cohort

NEEDS = "images/<case>.png and annotations/<annotator>/<case>.png (crowd/<slot>/, truth/, cases.csv optional)"


def detect(root: Path) -> bool:
    """Whether images/ stands beside one of annotations/, crowd/ and truth/."""
    masks = (root / name for name in ("annotations", "crowd", "truth"))
    return (root / "images").is_dir() and any(folder.is_dir() for folder in masks)


def index(root: Path) -> Cohort:
    """Annotators may have labelled some of the cases only; other folders are ignored.

    ``crowd/<slot>/`` becomes the annotator ``crowd/<slot>``, listed apart; ``truth/`` is the known truth.
    Images may be one file per case, or one per channel: ``<case>_0000.png``, ``<case>_0001.png``.
    ``cases.csv`` gives patient, split and covariates; see ``case_table``.
    """
    masks = {folder.name: files_by_case(folder) for folder in subfolders(root / "annotations")}
    masks |= {CROWD + folder.name: files_by_case(folder) for folder in subfolders(root / "crowd")}
    masks |= {TRUTH: files_by_case(root / "truth")} if (root / "truth").is_dir() else {}
    cases = paired(_images(files_by_case(root / "images"), masks), masks)
    return cohort_of(root, described(cases, root / "cases.csv"))


def _images(files: Mapping[str, Path], masks: Mapping[str, Mapping[str, Path]]) -> dict[str, tuple[Path, ...]]:
    """``_0000`` numbers a channel only if no mask bears the same name as an image."""
    labelled = {case for own in masks.values() for case in own}
    if all(map(has_channel_numbers, files)) and labelled.isdisjoint(files):
        return channels_by_case(files)
    return {case: (path,) for case, path in files.items()}
