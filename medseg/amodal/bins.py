"""Completions by how much was occluded: a little is easy for every recipe, and hides who can complete."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from medseg.reporting import markdown, number_text, seed_means

EDGES = (0.0, 0.1, 0.2, 0.3, 0.5, 1.0)
"""Ends of the bins of occluded_fraction; a bin has its lower end, and not its upper one (the last has both)."""
BINS = tuple(f"{low:g}-{high:g}" for low, high in pairwise(EDGES))
SHOWN = ("amodal_iou", "occluded_iou")
"""The metrics of a cell."""
HEAD = "amodal / occluded IoU"


def bin_rows(frame: pd.DataFrame) -> list[dict[str, str]]:
    """What ``runs.load_runs`` returns, as a table of text: recipes x bins of occluded_fraction.

    Cells: ``amodal_iou / occluded_iou``, means over objects, then over seeds; "" in a bin without objects. A row
    "objects" says how many there are in the bins of the recipes below it. None where no run has an occluded_fraction.
    """
    scores = _binned(frame)
    rows: list[dict[str, str]] = []
    last: dict[str, str] = {}
    for recipe, group in scores.groupby("recipe", sort=False):
        of_bins = dict(list(group.groupby("bin")))
        counts = {name: str(len(set(of_bins[name]["case"]))) if name in of_bins else "0" for name in BINS}
        if counts != last:
            rows.append({HEAD: "objects", **counts})
        rows.append({HEAD: str(recipe), **{name: _cell(of_bins[name]) if name in of_bins else "" for name in BINS}})
        last = counts
    return rows


def format_bins(frame: pd.DataFrame) -> str:
    """The ``bin_rows`` of what ``runs.load_runs`` returns, as Markdown; "" where there are none."""
    rows = bin_rows(frame)
    return markdown(rows) if rows else ""


def _binned(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of SHOWN, with the column ``bin`` of their objects' occluded_fraction; those without one left out."""
    keys = ["recipe", "seed", "fold", "case", "label"]
    of_metric = dict(list(frame.groupby("metric")))
    occluded = of_metric.get("occluded_fraction", frame.head(0)).dropna(subset="value")
    index = np.searchsorted(EDGES[1:-1], occluded["value"].to_numpy(dtype=np.float64), side="right")
    bins = occluded.assign(bin=[BINS[i] for i in index])[[*keys, "bin"]]
    scored = [of_metric[metric] for metric in SHOWN if metric in of_metric] or [frame.head(0)]
    return pd.concat(scored).merge(bins, on=keys)


def _cell(of_bin: pd.DataFrame) -> str:
    of_metric = dict(list(of_bin.groupby("metric")))
    means = [seed_means(of_metric[metric]) if metric in of_metric else np.empty(0) for metric in SHOWN]
    return " / ".join(number_text(float(values.mean()) if values.size else float("nan")) for values in means)
