"""A table of paths: one CSV with a column ``image``, and a column per annotator, or ``annotator`` and ``mask``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from medseg.cohorts.layouts.choices import Choices, split_meanings
from medseg.cohorts.layouts.files import split_named, stem, unknown_split
from medseg.cohorts.layouts.survey import cohort_of
from medseg.cohorts.manifest import MANIFEST, TRUTH
from medseg.cohorts.spacing_text import SPACING, spacing_complaint, spacing_of_text
from medseg.contracts import Case, Cohort, Refused, Split, complaint, read_text
from medseg.images import SUFFIXES, suffix_of

NEEDS = "one .csv with the columns image and <annotator> (paths), or image, annotator and mask; case, patient, split"

OWN = ("case", "patient", "split", "image", "annotator", "mask", SPACING)


def detect(root: Path) -> bool:
    """Whether one table of the folder, and one only, has a column ``image`` and one of masks."""
    return len(_tables(root)) == 1


def index(root: Path, choices: Choices) -> Cohort:
    """A case per image, named by the column ``case`` or by its file; paths are relative to the table's folder.

    A column is an annotator's where all its cells are empty or end like images; ``truth`` is the known truth; other
    columns are covariates. Several channels: paths with ``;`` between them. Semicolons may separate columns as well.
    Raises Refused for unknown splits, doubled rows and spacings that are none; files that are not there are left to
    `medseg check`.
    """
    ((path, table),) = _tables(root).items()
    words = split_meanings(choices.split_words)
    rows = [{str(key): str(cell) for key, cell in row.items()} for row in table.to_dict("records")]
    masks = "mask" in table.columns and "annotator" in table.columns
    people = [] if masks else _people(table)
    cases: dict[str, Case] = {}
    complaints: list[str] = []
    for number, row in enumerate(rows, 2):
        where = f"{path.name} line {number}"
        drawn = {row["annotator"]: row["mask"]} if masks else {name: row[name] for name in people}
        drawn = {name: root / mask for name, mask in drawn.items() if mask and name}
        case = _case(row, root, words, people)
        complaints += _faults(row, words, where)
        known = cases.setdefault(case.name, case).annotations
        twice = [name for name in drawn if name in known]
        complaints += [
            complaint("rows of a case and annotator", "one", "two", f"{case.name}/{name}, {where}") for name in twice
        ]
        cases[case.name] = replace(cases[case.name], annotations={**known, **drawn})
    if complaints:
        raise Refused(complaints)
    return cohort_of(root, [_truth_apart(case) for case in cases.values()], choices)


def _tables(root: Path) -> dict[Path, pd.DataFrame]:
    found = {}
    for path in sorted(root.glob("*.csv")):
        table = None if path.name == MANIFEST else _read(path)
        if table is not None and "image" in table.columns and ("mask" in table.columns or _people(table)):
            found[path] = table
    return found


def _read(path: Path) -> pd.DataFrame | None:
    """The cells as text; None for what is no table."""
    try:
        text = read_text(path)
        separator = ";" if ";" in text.split("\n", 1)[0] else ","
        with path.open(encoding="utf-8-sig") as file:
            table = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False, skipinitialspace=True)
    except (Refused, ValueError):
        return None
    return table.rename(columns=str.strip).apply(lambda column: column.str.strip())


def _people(table: pd.DataFrame) -> list[str]:
    """Columns of masks."""
    others = [column for column in table.columns if column not in OWN and not column.startswith("Unnamed")]
    return [column for column in others if _are_paths(table[column].tolist())]


def _are_paths(cells: Sequence[str]) -> bool:
    return any(cells) and all(suffix_of(Path(cell)) in SUFFIXES for cell in cells if cell)


def _case(row: Mapping[str, str], root: Path, words: Mapping[str, Split], people: Sequence[str]) -> Case:
    images = tuple(root / image.strip() for image in row["image"].split(";") if image.strip())
    name = row.get("case") or (stem(images[0]) if images else "")
    return Case(
        name=name,
        patient=row.get("patient") or name,
        split=split_named(row.get("split", ""), words) or "",
        images=images,
        spacing_mm=spacing_of_text(row.get(SPACING, "")),
        covariates={key: cell for key, cell in row.items() if key not in (*OWN, *people) and "Unnamed" not in key},
    )


def _faults(row: Mapping[str, str], words: Mapping[str, Split], where: str) -> list[str]:
    found = spacing_complaint(row.get(SPACING, ""), None, where)
    if split_named(row.get("split", ""), words) is None:
        found.append(complaint("split", "train, val, test, dev, holdout or empty", unknown_split(row["split"]), where))
    if not row["image"]:
        found.append(complaint("image", "a path", "nothing", where))
    return found


def _truth_apart(case: Case) -> Case:
    """The annotator ``truth`` is the known truth."""
    drawn = dict(case.annotations)
    known = drawn.pop(TRUTH, None)
    return replace(case, annotations=drawn, truth=known)
