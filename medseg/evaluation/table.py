"""The table of scores on disk (scores.csv, confusion.csv) and in the terminal."""

from __future__ import annotations

import csv
import io
import os
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Refused, Score, complaint
from medseg.evaluation.overlap import mean_of_defined

SCORE_COLUMNS = tuple(field.name for field in fields(Score))
CONFUSION_COLUMNS = ("annotator", "observed", "true", "estimated", "empirical")

WORST_IS_LARGEST = frozenset(
    {"truth_hd95", "truth_assd", "truth_ece", "annotator_nll", "ged2_v", "ged2_u", "confusion_rmse"}
    | {"whole_hd95", "whole_assd", "hidden_ece", "strangeness"}
)
WORST_IS_FAR_FROM_ONE = frozenset({"vote_area_ratio", "relative_area", "predicted_relative_area", "area_ratio"})
"""Metrics whose worst case is the largest, the furthest from 1; of all others it is the smallest."""


@dataclass(frozen=True)
class SummaryRow:
    """One metric of one annotator and class ("" where not applicable) over the cases of a run.

    mean, worst: over the ``count`` cases where the metric is defined, nan if there are none;
    worst_case: name of the case; undefined: cases where empty masks leave it undefined.
    """

    metric: str
    annotator: str
    label: str
    unit: str
    mean: float
    worst: float
    worst_case: str
    count: int
    undefined: int


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Write scores.csv, a row per score, whole or not at all (temporary file, then rename)."""
    _write_rows(path, SCORE_COLUMNS, (astuple(score) for score in scores))


def read_scores(path: Path) -> list[Score]:
    """Read what ``write_scores`` wrote. Raises Refused where the columns or a value are not as written."""
    with path.open(newline="", encoding="utf-8") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != SCORE_COLUMNS:
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
    annotators: Sequence[str],
    classes: Sequence[str],
) -> None:
    """Write confusion.csv: a row per entry of the (A,O,T) matrices; nan where nothing is known."""
    known = np.full_like(estimated, np.nan) if empirical is None else empirical
    rows = (
        (annotators[a], classes[o], classes[t], float(estimated[a, o, t]), float(known[a, o, t]))
        for a, o, t in np.ndindex(estimated.shape)
    )
    _write_rows(path, CONFUSION_COLUMNS, rows)


def summary(scores: Iterable[Score]) -> list[SummaryRow]:
    """One row per metric, annotator and class, in the order of their first appearance."""
    groups: defaultdict[tuple[str, ...], list[Score]] = defaultdict(list)
    for score in scores:
        groups[score.metric, score.annotator, score.label, score.unit].append(score)
    return [_summarise(group) for group in groups.values()]


def format_summary(rows: Sequence[SummaryRow]) -> str:
    """The rows as a plain table; a metric that empty masks leave undefined says of how many cases."""
    cells = [("metric", "annotator", "class", "mean", "worst", "worst case", "cases", "unit")]
    cells += [_cells(row) for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells
    )


def _summarise(group: list[Score]) -> SummaryRow:
    first = group[0]
    defined = [score for score in group if not np.isnan(score.value)]
    worst = max(defined, key=_badness, default=None)
    return SummaryRow(
        metric=first.metric,
        annotator=first.annotator,
        label=first.label,
        unit=first.unit,
        mean=mean_of_defined([score.value for score in group]),
        worst=worst.value if worst else float("nan"),
        worst_case=worst.case if worst else "",
        count=len(defined),
        undefined=len(group) - len(defined),
    )


def _badness(score: Score) -> float:
    if score.metric in WORST_IS_LARGEST:
        return score.value
    return abs(score.value - 1) if score.metric in WORST_IS_FAR_FROM_ONE else -score.value


def _cells(row: SummaryRow) -> tuple[str, ...]:
    mean, worst = _mean_cell(row), _number(row.worst)
    return (row.metric, row.annotator, row.label, mean, worst, row.worst_case, str(row.count), row.unit)


def _mean_cell(row: SummaryRow) -> str:
    """The mean, "n/a" without one, and how many cases it leaves out because masks are empty."""
    mean = _number(row.mean) or "n/a"
    return f"{mean} ({row.undefined} of {row.count + row.undefined} empty)" if row.undefined else mean


def _number(value: float) -> str:
    return "" if np.isnan(value) else f"{value:.4f}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except (TypeError, ValueError):
        return False
    return True


def _write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
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
