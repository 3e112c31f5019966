"""cases.csv: whose image it is, which split it belongs to, and what else is known of it."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.layouts.files import doubled, split_named, unknown_split
from medseg.cohorts.manifest import COLUMNS
from medseg.cohorts.spacing_text import SPACING, spacing_complaint, spacing_of_text
from medseg.contracts import Case, Refused, Split, complaint

OWN = ("case", "patient", "split", SPACING)
TAKEN = tuple(column for column in COLUMNS if column not in OWN)


def described(cases: Sequence[Case], path: Path, words: Mapping[str, Split] | None = None) -> list[Case]:
    """Cases with their line of cases.csv; without such a file, as they are.

    Columns: ``case``; ``patient`` and ``split`` where they are known (``dev`` is split later, ``holdout`` is
    the test set), in ``words`` that the user may add to; ``spacing_mm`` of pictures without a scale of their own; all
    others become covariates.
    Raises Refused for missing and surplus lines, unknown splits, and columns that the manifest needs itself.
    """
    if not path.is_file():
        return list(cases)
    rows = _rows(path)
    names = {case.name for case in cases}
    found = [complaint(path.name, f"a line for {name}", "none", name) for name in sorted(names - {*rows})]
    found += [
        complaint("case of a line", "a case with an image", name, path.name) for name in rows if name not in names
    ]
    found += [
        complaint(
            "split", "train, val, test, dev, holdout or empty", unknown_split(row["split"]), f"{name}, {path.name}"
        )
        for name, row in rows.items()
        if split_named(row.get("split", ""), words) is None
    ]
    found += [
        line
        for name, row in rows.items()
        for line in spacing_complaint(row.get(SPACING, ""), None, f"{name}, {path.name}")
    ]
    if found:
        raise Refused(found)
    return [_described(case, rows[case.name], words) for case in cases]


def _rows(path: Path) -> dict[str, dict[str, str]]:
    """case -> column -> cell."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            reader.fieldnames = [column.strip() for column in reader.fieldnames or []]
            columns = [column for column in reader.fieldnames if column]  # pandas leaves its index unnamed
            lines = [{column: row[column].strip() for column in columns} for row in reader]
    except (csv.Error, OSError) as error:
        raise Refused([complaint("lines of a table", "CSV", str(error), str(path))]) from error
    except UnicodeDecodeError as error:
        raise Refused([complaint("encoding", "UTF-8", f"byte {error.start}", str(path))]) from error
    complaints = [
        complaint("column", f"another name ({column} has a meaning in manifest.csv)", column, str(path))
        for column in columns
        if column in TAKEN
    ]
    if "case" not in columns:
        complaints.append(complaint("columns", "one named case", ", ".join(columns) or "none", str(path)))
        raise Refused(complaints)
    twice = doubled(line["case"] for line in lines)
    complaints += [complaint("lines of a case", "one", "several", f"{name}, {path.name}") for name in twice]
    if complaints:
        raise Refused(complaints)
    return {line["case"]: line for line in lines}


def _described(case: Case, row: dict[str, str], words: Mapping[str, Split] | None) -> Case:
    return replace(
        case,
        patient=row.get("patient") or case.patient,
        split=split_named(row.get("split", ""), words) or "",
        spacing_mm=spacing_of_text(row.get(SPACING, "")),
        covariates={column: cell for column, cell in row.items() if column not in OWN},
    )
