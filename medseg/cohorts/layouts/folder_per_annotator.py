"""One folder per annotator: ``images/``, ``annotations/<annotator>/``, perhaps ``crowd/`` and ``truth/``."""

from __future__ import annotations

from pathlib import Path

from medseg.cohorts.layouts.case_table import described
from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import files_by_case, images_by_case, paired, subfolders
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.manifest import TRUTH
from medseg.cohorts.names import CROWD
from medseg.contracts import Cohort

NEEDS = "images/<case>.png and annotations/<annotator>/<case>.png (crowd/<slot>/, truth/, cases.csv optional)"


def detect(root: Path) -> bool:
    """Whether images/ stands beside annotations/ with folders in it, beside crowd/, or beside truth/ alone."""
    beside = {folder.name for folder in subfolders(root)}
    named = bool(subfolders(root / "annotations")) or "crowd" in beside
    return "images" in beside and (named or beside == {"images", "truth"})


def index(root: Path, choices: Choices) -> Cohort:
    """Annotators may have labelled some of the cases only; other folders are ignored.

    ``crowd/<slot>/`` becomes the annotator ``crowd/<slot>``, listed apart; ``truth/`` is the known truth.
    Images may be one file per case, or one per channel: ``<case>_0000.png``, ``<case>_0001.png``.
    ``cases.csv`` gives patient, split and covariates; see ``case_table``.
    """
    masks = {folder.name: files_by_case(folder) for folder in subfolders(root / "annotations")}
    masks |= {CROWD + folder.name: files_by_case(folder) for folder in subfolders(root / "crowd")}
    masks |= {TRUTH: files_by_case(root / "truth")} if (root / "truth").is_dir() else {}
    labelled = {case for own in masks.values() for case in own}
    cases = paired(images_by_case(files_by_case(root / "images"), labelled), masks)
    return cohort_of(root, described(cases, root / "cases.csv", split_meanings(choices.split_words)), choices)
