"""Completions by how much was occluded: a little is easy for every recipe, and hides who can complete."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from medseg.reporting import number_text, seed_means

EDGES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Ends of the bins of occluded_fraction; a bin has its lower end, and not its upper one (the last has both)."""
BINS = tuple(f"{low:g}-{high:g}" for low, high in pairwise(EDGES))
SHOWN = ("amodal_iou", "occluded_iou")
"""The metrics of a cell."""
HEAD = "amodal / occluded IoU"
KEYS = ["recipe", "seed", "fold", "case", "label"]
"""What tells one object of one run from all others."""


def bin_rows(frame: pd.DataFrame) -> list[dict[str, str]]:
    """What ``runs.load_runs`` returns, as a table of text: recipes x bins of occluded_fraction.

    Cells: ``amodal_iou / occluded_iou``, see ``rows_of_groups``. None where no run has an occluded_fraction.
    """
    occluded = values_of(frame, "occluded_fraction").dropna(subset="value")
    index = np.searchsorted(EDGES[1:-1], occluded["value"].to_numpy(dtype=np.float64), side="right")
    grouped = occluded.assign(group=[BINS[i] for i in index])
    return rows_of_groups(frame, grouped, BINS, {HEAD: SHOWN})


def values_of(frame: pd.DataFrame, metric: str) -> pd.DataFrame:
    """The rows of one metric: KEYS and the column ``value``."""
    return frame.loc[frame["metric"] == metric, [*KEYS, "value"]]


def rows_of_groups(
    frame: pd.DataFrame, grouped: pd.DataFrame, groups: Sequence[str], shown: dict[str, Sequence[str]]
) -> list[dict[str, str]]:
    """What ``runs.load_runs`` returns, as a table of text: recipes x groups of objects.

    grouped: KEYS of objects and the column ``group``, one of ``groups``; an object may be in several of them. shown:
    the heading of the recipes' column -> the metrics of a cell. Cells: means over objects, then over seeds; "" where
    a recipe has none of the metrics in a group. A row "objects" says how many there are in the groups of the recipes
    below it.
    """
    ((head, metrics),) = shown.items()
    scores = frame[frame["metric"].isin(metrics)].merge(grouped[[*KEYS, "group"]], on=KEYS)
    rows: list[dict[str, str]] = []
    last: dict[str, str] = {}
    for recipe, of_recipe in scores.groupby("recipe", sort=False):
        of_groups = dict(list(of_recipe.groupby("group")))
        counts = {name: str(of_groups[name]["case"].nunique() if name in of_groups else 0) for name in groups}
        if counts != last:
            rows.append({head: "objects", **counts})
        cells = {name: _cell(of_groups[name], metrics) if name in of_groups else "" for name in groups}
        rows.append({head: str(recipe), **cells})
        last = counts
    return rows


def _cell(of_group: pd.DataFrame, metrics: Sequence[str]) -> str:
    means = [seed_means(of_group[of_group["metric"] == metric]) for metric in metrics]
    return " / ".join(number_text(float(values.mean()) if values.size else float("nan")) for values in means)
