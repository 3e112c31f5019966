"""The scores of several runs -> one table: how good each recipe is, how sure that is, and by how much it wins.

What is averaged: a case's value is the mean over its annotators and classes (a completed object counts as a case);
a run's value is the mean over its cases; a recipe's value is the mean over its runs (seed, fold). Undefined values
(empty masks) are left out and counted. Intervals are those of ``intervals``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from medseg.contracts import Metric
from medseg.reporting.directions import worst_index
from medseg.reporting.glossary import refuse_unexplained
from medseg.reporting.intervals import bootstrap_mean, seed_means
from medseg.reporting.tables import interval_text, markdown, number_text, value_text

CELL = ["seed", "fold", "case", "annotator", "label"]
"""What two recipes have in common where their values are a pair."""


@dataclass(frozen=True, kw_only=True)
class Overview:
    """Recipes side by side in the metrics that belong together."""

    title: str
    """What the metrics have in common, and what a cell holds."""
    rows: list[dict[str, str]]
    """A row per recipe, a column per metric; "" where a recipe has none."""


def compare(frame: pd.DataFrame, metrics: Mapping[str, Metric], reference: str | None = None) -> pd.DataFrame:
    """A row per metric and recipe, in the order of ``frame``.

    metrics: the table of metrics; those that describe the data and rank no recipe are left out.
    reference: the recipe to which differences are taken (the first one's by default), paired by seed, fold,
    case, annotator and class, where both are defined. Columns: metric, recipe, direction, unit, reference,
    mean, low, high, worst_seed, difference, difference_low, difference_high, runs, seeds, values, undefined.
    Raises Refused for a metric that is not in the table.
    """
    refuse_unexplained(frame, metrics)
    reference = reference or str(frame["recipe"].iloc[0])
    rows = []
    for name, of_metric in frame.groupby("metric", sort=False):
        if metrics[str(name)].direction == "neither" and not metrics[str(name)].overview:
            continue
        groups = dict(list(of_metric.groupby("recipe", sort=False)))
        base = groups[reference] if reference in groups else of_metric.head(0)
        for recipe, group in groups.items():
            rows.append({"metric": name, "recipe": recipe, **_row(group, base, reference)})
    return pd.DataFrame(rows)


def format_table(table: pd.DataFrame) -> str:
    """What ``compare`` returns, as one Markdown table per metric, at most 110 characters wide."""
    return "\n\n".join(_details(group) for _, group in table.groupby("metric", sort=False))


def overviews(table: pd.DataFrame, metrics: Mapping[str, Metric]) -> list[Overview]:
    """What ``compare`` returns, as recipes x metrics, a table per overview, in the order of ``metrics``.

    Left out: a metric that no recipe has, a recipe that has none of an overview's metrics.
    """
    known = set(table["metric"])
    titles = dict.fromkeys(metric.overview for metric in metrics.values() if metric.overview)
    shown = {title: [row.name for row in metrics.values() if row.overview == title] for title in titles}
    of_title = {title: [name for name in names if name in known] for title, names in shown.items()}
    return [_overview(title, table, names) for title, names in of_title.items() if names]


def format_overview(table: pd.DataFrame, metrics: Mapping[str, Metric]) -> str:
    """The ``overviews`` of what ``compare`` returns, as Markdown under their titles."""
    return "\n\n".join(f"{shown.title}\n\n{markdown(shown.rows)}" for shown in overviews(table, metrics))


def _overview(title: str, table: pd.DataFrame, names: list[str]) -> Overview:
    of_names = table[table["metric"].isin(names)]
    cell = "mean (worst seed)" if (of_names["seeds"] > 1).any() else "mean of one seed"
    rows = []
    for recipe, group in of_names.groupby("recipe", sort=False):
        cells = {record["metric"]: _overview_cell(record) for record in group.to_dict("records")}
        rows.append({"recipe": str(recipe), **{name: cells.get(name, "") for name in names}})
    return Overview(title=f"{title}: {cell}", rows=rows)


def _overview_cell(row: Mapping[Hashable, Any]) -> str:
    """``mean (worst seed)``; the mean alone of one seed, and of a metric that has no better and worse."""
    mean = number_text(row["mean"])
    alone = row["seeds"] < 2 or row["direction"] == "neither"
    return mean if alone else f"{mean} ({number_text(row['worst_seed'])})"


def _row(group: pd.DataFrame, base: pd.DataFrame, reference: str) -> dict[str, object]:
    first, means = group.iloc[0], seed_means(group)
    estimate, worst = bootstrap_mean(group), worst_index(means, str(first["direction"]), means=True)
    paired = group.merge(base, on=CELL, suffixes=("", "_base"))
    difference = bootstrap_mean(paired.assign(value=paired["value"] - paired["value_base"]))
    return {
        "direction": first["direction"],
        "unit": first["unit"],
        "reference": reference,
        "mean": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "worst_seed": np.nan if worst is None else means[worst],
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "runs": len(group[["seed", "fold"]].drop_duplicates()),
        "seeds": group["seed"].nunique(),
        "values": len(group),
        "undefined": int(group["value"].isna().sum()),
    }


def _details(group: pd.DataFrame) -> str:
    """One metric: a title and a row per recipe."""
    first = group.iloc[0]
    unit = "" if first["unit"] == "1" else f", {first['unit']}"
    title = f"{first['metric']} ({first['direction']} is better{unit}), differences to {first['reference']}"
    rows = [_cells(row) for row in group.to_dict("records")]
    if (group["seeds"] < 2).all():
        rows = [{name: cell for name, cell in row.items() if name != "worst seed"} for row in rows]
    return f"{title}\n\n{markdown(rows)}"


def _cells(row: Mapping[Hashable, Any]) -> dict[str, str]:
    mean = f"{number_text(row['mean'])} {interval_text(row['low'], row['high'])}"
    if row["undefined"] == row["values"]:
        mean = value_text(np.nan, row["undefined"], row["values"])
    limits = interval_text(row["difference_low"], row["difference_high"], sign=True)
    difference = f"{number_text(row['difference'], sign=True)} {limits}"
    return {
        "recipe": row["recipe"],
        "mean [95 % interval]": mean.strip(),
        "worst seed": number_text(row["worst_seed"]) if row["seeds"] > 1 else "",
        "difference [95 % interval]": "" if row["recipe"] == row["reference"] else difference.strip(),
        "runs": str(row["runs"]),
        "empty": f"{row['undefined']}/{row['values']}" if row["undefined"] else "",
    }
