"""What can be wrong with the rows of manifest.csv that shows without reading a pixel."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from medseg.cohorts.manifest import (
    LABELS,
    MANIFEST,
    OCCLUDER,
    SPLITS,
    VISIBLE,
    Row,
    did_you_mean,
)
from medseg.cohorts.names import naming_complaints
from medseg.cohorts.spacing_text import spacing_complaint
from medseg.contracts import complaint


def complaints_about(rows: Sequence[Row], root: Path, of_objects: bool) -> list[str]:
    """Everything wrong with the rows that shows without reading a pixel.

    of_objects: the cohort has rules for objects, so that masks need no image, and may show one object.
    """
    return [
        *(line for row in rows for line in _row_complaints(row, of_objects)),
        *naming_complaints("case", _first_places(rows, lambda row: row.case)),
        *naming_complaints(
            "annotator", _first_places((row for row in rows if row.annotator), lambda row: row.annotator)
        ),
        *_doubled(rows),
        *_inconsistent(rows, "image", lambda row: ";".join(row.images)),
        *_inconsistent(rows, "patient", lambda row: row.patient),
        *_inconsistent(rows, "split", lambda row: row.split),
        *_inconsistent(rows, "spacing_mm", lambda row: row.spacing),
        *_straddling(rows),
        *(_shapeless(rows) if of_objects else ()),
        *_missing_files(rows, root),
    ]


def _row_complaints(row: Row, of_objects: bool) -> list[str]:
    found = []
    if row.split not in SPLITS:
        known = [name for name in SPLITS if name]
        got = f"{row.split}{did_you_mean(row.split, known)}"
        found.append(complaint("split", f"{', '.join(known)} or empty", got, row.where))
    if not row.images and not of_objects:
        found.append(complaint("image", "a path", "nothing", row.where))
    if row.annotator and not row.mask:
        found.append(complaint("mask", "a path, as there is an annotator", "nothing", row.where))
    if row.mask and not row.annotator:
        found.append(complaint("annotator", f"a name for {row.mask}", "nothing", row.where))
    found += spacing_complaint(row.spacing, None, row.where)
    targets = ("full", VISIBLE, OCCLUDER) if of_objects else ("full",)
    if row.target not in targets and not (of_objects and row.instance):
        got = f"{row.target}{did_you_mean(row.target, targets)}"
        found.append(complaint("target", ", ".join(targets), got, row.where))
    if of_objects and row.annotator != LABELS:
        expected = f"{LABELS}, as cohort.yaml has objects"
        found.append(complaint("annotator", expected, row.annotator or "nothing", row.where))
    return found


def _first_places(rows: Iterable[Row], name: Callable[[Row], str]) -> dict[str, str]:
    """Name -> where it stands first."""
    places: dict[str, str] = {}
    for row in rows:
        places.setdefault(name(row), row.where)
    return places


def _doubled(rows: Sequence[Row]) -> list[str]:
    first: dict[tuple[str, ...], Row] = {}
    found = []
    for row in rows:
        seen = first.setdefault((row.case, row.annotator, row.target), row)
        if seen is not row:
            found.append(complaint("rows of a case and annotator", "one", f"another on line {seen.line}", row.where))
    return found


def _inconsistent(rows: Sequence[Row], column: str, value: Callable[[Row], str]) -> list[str]:
    """Rows that contradict the first row of their case in a column that belongs to the case."""
    first: dict[str, Row] = {}
    return [
        complaint(
            f"{column} of a case",
            f"{value(seen) or 'empty'} as on line {seen.line}",
            value(row) or "empty",
            row.where,
        )
        for row in rows
        if value(seen := first.setdefault(row.case, row)) != value(row)
    ]


def _straddling(rows: Sequence[Row]) -> list[str]:
    """Patients with cases in two splits; a case without a split is drawn later, together with its patient."""
    firsts: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row.split:
            firsts.setdefault(row.patient, {}).setdefault(row.split, row)
    return [
        complaint(
            f"splits of patient {patient}",
            "one",
            " and ".join(f"{split} ({row.case}, line {row.line})" for split, row in splits.items()),
            MANIFEST,
        )
        for patient, splits in firsts.items()
        if len(splits) > 1
    ]


def _shapeless(rows: Sequence[Row]) -> list[str]:
    """Cases with an occluder of an object that is not there, and instances beside other targets."""
    targets: dict[str, dict[str, Row]] = {}
    for row in rows:
        targets.setdefault(row.case, {})[row.target] = row
    found = [
        complaint(f"target beside {OCCLUDER}", VISIBLE, "none", of_case[OCCLUDER].where)
        for of_case in targets.values()
        if OCCLUDER in of_case and VISIBLE not in of_case
    ]
    for of_case in targets.values():
        others = [row for row in of_case.values() if not row.instance]
        if others and len(others) < len(of_case):
            found.append(complaint("targets of a case", "instances alone, or none", others[0].target, others[0].where))
    return found


def _missing_files(rows: Sequence[Row], root: Path) -> list[str]:
    named: dict[str, str] = {}
    for row in rows:
        for image in row.images:
            named.setdefault(
                image,
                complaint("image file", "a file", f"none at {image}", f"{row.case}, {MANIFEST} line {row.line}"),
            )
        if row.mask:
            named.setdefault(row.mask, complaint("mask file", "a file", f"none at {row.mask}", row.where))
    return [line for path, line in named.items() if not _is_file(root / path)]


def _is_file(path: Path) -> bool:
    """False for a path that no file can have, too."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False
