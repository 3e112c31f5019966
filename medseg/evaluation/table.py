"""The tables of an evaluation on disk: scores.csv, rivals.csv, confusion.csv."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Refused, Score, complaint

SCORE_COLUMNS = tuple(field.name for field in fields(Score))
EARLIER_COLUMNS = SCORE_COLUMNS[:-1]
"""Of tables from before scores said whether their case was seen in training."""
RIVAL_COLUMNS = ("rival", *SCORE_COLUMNS)
CONFUSION_COLUMNS = ("annotator", "observed", "true", "estimated", "empirical")


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write scores.csv, a row per score, whole or not at all (temporary file, then rename)."""
    write_table(path, SCORE_COLUMNS, (astuple(score) for score in scores))


def write_rivals(path: Path, rivals: Mapping[str, Iterable[Score]]) -> None:
    """Write rivals.csv: the scores of those that were completed or predicted beside a run, under the rival's name."""
    rows = ((name, *astuple(score)) for name, scores in rivals.items() for score in scores)
    write_table(path, RIVAL_COLUMNS, rows)


def read_scores(path: Path) -> list[Score]:
    """Read what ``write_scores`` writes, or wrote before there was ``seen``.

    Raises Refused where the columns or a value are not as written.
    """
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) not in (SCORE_COLUMNS, EARLIER_COLUMNS):
            expected, got = ",".join(SCORE_COLUMNS), ",".join(reader.fieldnames or ())
            raise Refused([complaint("columns", expected, got, str(path))])
        rows = list(reader)
    complaints = [
        complaint("value", "a number or nan", repr(row["value"]), f"{path}:{line}")
        for line, row in enumerate(rows, start=2)
        if not _is_number(row["value"])
    ]
    if complaints:
        raise Refused(complaints)
    return [Score(**{**row, "value": float(row["value"])}) for row in rows]


def write_confusion(
    path: Path,
    estimated: NDArray[np.floating],
    empirical: NDArray[np.floating] | None,
    *,
    annotators: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Write confusion.csv: a row per entry of the (A,O,T) matrices; nan where nothing is known."""
    known = np.full_like(estimated, np.nan) if empirical is None else empirical
    rows = (
        (annotators[a], classes[o], classes[t], float(estimated[a, o, t]), float(known[a, o, t]))
        for a, o, t in np.ndindex(estimated.shape)
    )
    write_table(path, CONFUSION_COLUMNS, rows)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write a CSV file, whole or not at all (temporary file, then rename)."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    draft = path.with_name(path.name + ".part")
    with draft.open("w", newline="", encoding="utf-8") as file:
        file.write(text.getvalue())
        file.flush()
        os.fsync(file.fileno())
    os.replace(draft, path)
