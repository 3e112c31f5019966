"""manifest.csv, one row per mask: its rows, and the cases they make up."""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast, get_args

from medseg.contracts import Case, Cohort, ObjectMask, Refused, Split, complaint

MANIFEST = "manifest.csv"
COLUMNS = ("case", "patient", "split", "image", "annotator", "mask", "target")
REQUIRED = ("case", "image", "annotator", "mask")
SPLITS: tuple[Split, ...] = ("train", "val", "test", "")
TRUTH = "truth"
"""The annotator under whose name ``write_cohort`` lists the known truth."""
LABELS = "labels"
"""The annotator of every mask in a cohort of objects."""
FULL, VISIBLE, OCCLUDER = TARGETS = get_args(ObjectMask)
"""What a mask shows. Visible, occluder: of one object each; full is then its whole, else a label map."""


@dataclass(frozen=True)
class Row:
    """One line of the manifest, defaults filled in; annotator and mask are both "" or both not."""

    line: int
    case: str
    patient: str
    split: str
    images: tuple[str, ...]
    annotator: str
    mask: str
    target: str
    covariates: dict[str, str]

    @property
    def where(self) -> str:
        """``c07/bob, manifest.csv line 12``."""
        who = f"{self.case}/{self.annotator}" if self.annotator else self.case
        return f"{who}, {MANIFEST} line {self.line}"


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``; did you mean train?``, or nothing."""
    close = difflib.get_close_matches(word, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def short_path(path: Path, cohort: Cohort) -> str:
    """Relative to the cohort where it lies inside."""
    return path.relative_to(cohort.root).as_posix() if path.is_relative_to(cohort.root) else str(path)


# ---------------------------------------------------------------------------------------- reading
def read_rows(path: Path) -> list[Row]:
    """Raises Refused if the file cannot be read as a table with the required columns."""
    try:
        text = path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise Refused([complaint(MANIFEST, "a file", "none", str(path))]) from error
    except UnicodeDecodeError as error:
        raise Refused([complaint(MANIFEST, "UTF-8 text", f"byte {error.start}", str(path))]) from error
    reader = csv.DictReader(io.StringIO(text, newline=""), restval="")
    header = [column.strip() for column in reader.fieldnames or []]
    reader.fieldnames = header
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        hint = "; its separator is a semicolon" if len(header) == 1 and ";" in header[0] else ""
        expected = f"columns {','.join(REQUIRED)}"
        raise Refused([complaint(MANIFEST, expected, f"{','.join(header) or 'nothing'}{hint}", str(path))])
    rows, complaints = [], []
    for cells in reader:
        surplus = cells.pop(None, None)  # pyright: ignore[reportArgumentType, reportCallIssue]
        if surplus:
            count = len(header) + len(surplus)
            complaints.append(complaint("cells", len(header), count, f"{MANIFEST} line {reader.line_num}"))
        rows.append(_row(reader.line_num, {key: value.strip() for key, value in cells.items()}))
    if complaints:
        raise Refused(complaints)
    return rows


def _row(line: int, cells: dict[str, str]) -> Row:
    images = tuple(image.strip() for image in cells["image"].split(";") if image.strip())
    return Row(
        line,
        cells["case"],
        cells.get("patient") or cells["case"],
        cells.get("split", ""),
        images,
        cells["annotator"],
        cells["mask"],
        cells.get("target") or "full",
        {key: value for key, value in cells.items() if key not in COLUMNS},
    )


# ---------------------------------------------------------------------------------- rows and cases
def cases_of(rows: Sequence[Row], root: Path, truth: str | None, objects: bool) -> tuple[Case, ...]:
    """Valid rows -> cases, in the order of their first rows. objects: of a cohort of objects.

    A covariate that differs between the rows of one case describes masks and not cases, and is left out.
    """
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        grouped.setdefault(row.case, []).append(row)
    varying = {
        column
        for group in grouped.values()
        for row in group
        for column, value in row.covariates.items()
        if value != group[0].covariates[column]
    }
    return tuple(_case(group, root, truth, varying, objects) for group in grouped.values())


def _case(rows: Sequence[Row], root: Path, truth: str | None, varying: set[str], objects: bool) -> Case:
    first = rows[0]
    masked = [row for row in rows if row.annotator]
    of_objects: dict[ObjectMask, Path] = {cast(ObjectMask, row.target): root / row.mask for row in masked if objects}
    annotations = {row.annotator: root / row.mask for row in masked if not objects}
    known = annotations.pop(truth, None) if truth else None
    covariates = {column: value for column, value in first.covariates.items() if column not in varying}
    images = tuple(root / image for image in first.images)
    return Case(
        name=first.case,
        patient=first.patient,
        split=cast(Split, first.split),
        images=images,
        annotations=annotations,
        truth=known,
        object_masks=of_objects,
        covariates=covariates,
    )


def manifest_text(cohort: Cohort) -> str:
    """The cohort's cases as CSV, paths relative to its root, a row per mask, the truth last."""
    extra = list(dict.fromkeys(column for case in cohort.cases for column in case.covariates))
    order = (*cohort.annotators, *cohort.crowd)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*COLUMNS, *extra])
    for case in cohort.cases:
        masks = [(name, "full", case.annotations[name]) for name in order if name in case.annotations]
        masks += [(LABELS, target, case.object_masks[target]) for target in TARGETS if target in case.object_masks]
        masks += [(TRUTH, "full", case.truth)] if case.truth else []
        images = ";".join(_relative(path, cohort.root) for path in case.images)
        covariates = [case.covariates.get(column, "") for column in extra]
        for name, target, mask in masks or [("", "full", None)]:
            place = _relative(mask, cohort.root) if mask else ""
            writer.writerow([case.name, case.patient, case.split, images, name, place, target, *covariates])
    return table.getvalue()


def _relative(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()  # ".." and links do not mix
