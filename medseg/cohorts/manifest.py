"""manifest.csv, one row per mask: its rows, and the cases they make up."""

from __future__ import annotations

import csv
import difflib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import cast, get_args

from medseg.cohorts.spacing_text import SPACING, spacing_of_text
from medseg.contracts import Case, Cohort, ObjectMask, Refused, Split, complaint, read_text

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
INSTANCE = "instance-"
"""A target that begins so is all of one instance, whose number follows; instances may overlap."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the manifest, defaults filled in."""

    line: int
    """Its number in the file, from 1."""
    case: str
    """The case's name."""
    patient: str
    """Whose it is; the case's name where the manifest does not say."""
    split: str
    """As it is written; "" where it is not."""
    images: tuple[str, ...]
    """Paths as they are written."""
    annotator: str
    """Who drew the mask; "" in a row without one."""
    mask: str
    """Path as it is written; "" in a row without one."""
    target: str
    """What the mask shows, one of ``TARGETS`` or an instance."""
    spacing: str
    """Millimetres as they are written; "" where they are not."""
    covariates: Mapping[str, str]
    """The further columns."""

    @property
    def where(self) -> str:
        """``c07/bob, manifest.csv line 12``."""
        who = f"{self.case}/{self.annotator}" if self.annotator else self.case
        return f"{who}, {MANIFEST} line {self.line}"

    @property
    def instance(self) -> str:
        """The number of the instance that the mask shows; "" for another target."""
        return self.target.removeprefix(INSTANCE) if self.target.startswith(INSTANCE) else ""


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
    table = _lines(read_text(path), path)
    columns = [column.strip() for column in table[0].cells] if table else []
    if not {*REQUIRED} <= {*columns}:
        hint = "; its separator is a semicolon" if len(columns) == 1 and ";" in columns[0] else ""
        expected = f"columns {','.join(REQUIRED)}"
        raise Refused([complaint(MANIFEST, expected, f"{','.join(columns) or 'nothing'}{hint}", str(path))])
    twice = sorted({column for column in columns if column and columns.count(column) > 1})
    if twice:
        raise Refused([complaint(MANIFEST, "columns of different names", f"two named {twice[0]}", str(path))])
    lines = [(line.number, line.cells) for line in table[1:] if line.cells]
    too_long = [
        complaint("cells", len(columns), len(cells), f"{MANIFEST} line {line}")
        for line, cells in lines
        if len(cells) > len(columns)
    ]
    if too_long:
        raise Refused(too_long)
    return [_row(line, dict(zip_longest(columns, map(str.strip, cells), fillvalue=""))) for line, cells in lines]


@dataclass(frozen=True, kw_only=True)
class _Line:
    """The cells of a line of a table."""

    number: int
    """Of its end in the file, from 1."""
    cells: Sequence[str]
    """None in an empty line."""


def _lines(text: str, path: Path) -> list[_Line]:
    """A table's lines. Raises Refused for a quote that nobody closes: it swallows the lines behind it."""
    table = csv.reader(io.StringIO(text, newline=""), strict=True)
    lines: list[_Line] = []
    try:
        for cells in table:
            begins = lines[-1].number + 1 if lines else 1
            if any("\n" in cell or "\r" in cell for cell in cells):
                got = f"a quote in line {begins} that is closed in line {table.line_num}"
                raise Refused([complaint(MANIFEST, "every cell in one line", got, str(path))])
            lines.append(_Line(number=table.line_num, cells=cells))
    except csv.Error as error:
        got = f"{error} in lines {lines[-1].number + 1 if lines else 1} to {table.line_num}"
        raise Refused([complaint(MANIFEST, "a table in CSV", got, str(path))]) from error
    return lines


def _row(line: int, cells: Mapping[str, str]) -> Row:
    return Row(
        line=line,
        case=cells["case"],
        patient=cells.get("patient") or cells["case"],
        split=cells.get("split", ""),
        images=tuple(image.strip() for image in cells["image"].split(";") if image.strip()),
        annotator=cells["annotator"],
        mask=cells["mask"],
        target=cells.get("target") or FULL,
        spacing=cells.get(SPACING, ""),
        covariates={column: cell for column, cell in cells.items() if column not in (*COLUMNS, SPACING)},
    )


# ---------------------------------------------------------------------------------- rows and cases
def cases_of(rows: Sequence[Row], root: Path, *, truth: str | None, of_objects: bool) -> tuple[Case, ...]:
    """Valid rows -> cases, in the order of their first rows.

    truth: who stands for the known truth. of_objects: the masks are those of objects, and nobody's.
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
    cases = []
    for name, group in grouped.items():
        first, masked = group[0], [row for row in group if row.annotator]
        drawn = {} if of_objects else {row.annotator: root / row.mask for row in masked}
        of_object = [row for row in masked if of_objects and not row.instance]
        case = Case(
            name=name,
            patient=first.patient,
            split=cast(Split, first.split),
            images=tuple(root / image for image in first.images),
            annotations={annotator: mask for annotator, mask in drawn.items() if annotator != truth},
            truth=drawn.get(truth) if truth else None,
            object_masks={cast(ObjectMask, row.target): root / row.mask for row in of_object},
            instance_masks={row.instance: root / row.mask for row in masked if of_objects and row.instance},
            spacing_mm=spacing_of_text(first.spacing),
            covariates={column: value for column, value in first.covariates.items() if column not in varying},
        )
        cases.append(case)
    return tuple(cases)


def manifest_text(cohort: Cohort) -> str:
    """The cohort's cases as CSV, paths relative to its root, a row per mask, the truth last."""
    extra = list(dict.fromkeys(column for case in cohort.cases for column in case.covariates))
    scaled = [SPACING] if any(case.spacing_mm for case in cohort.cases) else []
    order = (*cohort.annotators, *cohort.crowd)
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    writer.writerow([*COLUMNS, *scaled, *extra])
    for case in cohort.cases:
        images = ";".join(_relative(path, cohort.root) for path in case.images)
        covariates = ["x".join(f"{mm:g}" for mm in case.spacing_mm or ()) for _ in scaled]
        covariates += [case.covariates.get(column, "") for column in extra]
        masks = [(name, case.annotations[name], FULL) for name in order if name in case.annotations]
        masks += [(LABELS, case.object_masks[target], target) for target in TARGETS if target in case.object_masks]
        masks += [(LABELS, path, INSTANCE + number) for number, path in case.instance_masks.items()]
        masks += [(TRUTH, case.truth, FULL)] if case.truth else []
        cells = [(name, _relative(path, cohort.root), target) for name, path, target in masks] or [("", "", FULL)]
        writer.writerows([case.name, case.patient, case.split, images, *mask, *covariates] for mask in cells)
    return table.getvalue()


def _relative(path: Path, root: Path) -> str:
    path, root = path.absolute(), root.absolute()
    if path.is_relative_to(root):
        return path.relative_to(root).as_posix()
    return Path(os.path.relpath(path.resolve(), root.resolve())).as_posix()  # ".." and links do not mix
