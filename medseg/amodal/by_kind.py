"""Completions by what became of the object: overlapped or merely touched, in front or behind, in one piece or several.

An answer that grows is right for an overlap and wrong for a contact, and whoever completes a map has both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd

from medseg.amodal.bins import KEYS, bin_rows, rows_of_groups, values_of
from medseg.reporting import load_runs, markdown

KINDS = {"contact": ("overlap", "contact"), "front": ("back", "front")}
"""A metric that is 0 or 1 -> the kinds of object that it tells apart."""
ORDINARY = "ordinary"
"""Folder of the scores of ordinary maps, in that of a run's scores; they are no part of the means over all objects."""
ONE, SEVERAL = "{}, 1 piece", "{}, 2+"
"""The objects of a kind that are visible in one piece, and the others."""
ALL = "all"
"""Of the maps as the cohort has them."""

TABLES = {
    "By kind of object": {"amodal / occluded IoU": ("amodal_iou", "occluded_iou")},
    "Area by kind of object": {"area / true area": ("area_ratio",)},
    "Intervals by kind of object": {"50 / 80 / 90 % hold": ("covered_50", "covered_80", "covered_90")},
}
"""Heading -> what a cell of the table holds -> its metrics."""

Rows = list[dict[str, str]]


def kind_rows(heading: str) -> Callable[[pd.DataFrame], Rows]:
    """Of a heading of TABLES: what ``runs.load_runs`` returns -> a table of text, recipes x kinds of object.

    A kind that is there in one piece and in several has a column for either. Cells as of ``bins.rows_of_groups``. No
    rows where there is one kind alone, or none of the metrics.
    """

    def rows(frame: pd.DataFrame) -> Rows:
        frame = _with_ordinary(frame)
        grouped = _grouped(frame)
        groups = [group for group in _columns() if group in set(grouped["group"])]
        return rows_of_groups(frame, grouped, groups, TABLES[heading]) if len(groups) > 2 else []

    return rows


def _columns() -> list[str]:
    kinds = [kind for pair in KINDS.values() for kind in pair]
    return [ALL, *(column.format(kind) for kind in kinds for column in ("{}", ONE, SEVERAL))]


def _with_ordinary(frame: pd.DataFrame) -> pd.DataFrame:
    """The scores of the same runs on ordinary maps as well, where they have some."""
    folders = [Path(run) / ORDINARY for run in frame["run"].unique()]
    there = [folder for folder in folders if (folder / "scores.csv").is_file()]
    return pd.concat([frame, load_runs(there)], ignore_index=True) if there else frame


def _grouped(frame: pd.DataFrame) -> pd.DataFrame:
    """KEYS and the column ``group``: a row for every group that an object is in."""
    pieces = values_of(frame, "pieces").rename(columns={"value": "pieces"})
    parts = [values_of(frame, "contact").assign(group=ALL)]
    parts += [part for metric, kinds in KINDS.items() for part in _of_metric(values_of(frame, metric), kinds, pieces)]
    return pd.concat(parts)[[*KEYS, "group"]]


def _of_metric(marked: pd.DataFrame, kinds: tuple[str, str], pieces: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for value, kind in enumerate(kinds):
        of_kind = marked[marked["value"] == value].merge(pieces, on=KEYS)
        yield of_kind.assign(group=kind)
        one = of_kind["pieces"] <= 1
        if one.any() and not one.all():
            yield of_kind.assign(group=[(ONE if single else SEVERAL).format(kind) for single in one])


BESIDE: dict[str, Callable[[pd.DataFrame], Rows]] = {
    **{heading: kind_rows(heading) for heading in TABLES},
    "By the fraction of the object that is occluded": bin_rows,
}
"""Heading -> a table of recipes and rivals."""


def side_by_side(frame: pd.DataFrame) -> dict[str, str]:
    """Heading -> recipes and rivals of what ``runs.load_runs`` returns by groups of objects, as Markdown.

    By kind, see TABLES, and by the fraction of the object that is occluded; tables without rows are left out.
    """
    tables = {heading: table(frame) for heading, table in BESIDE.items()}
    return {heading: markdown(rows) for heading, rows in tables.items() if rows}
