"""The scores of several runs -> one table: how good each recipe is, how sure that is, and by how much it wins.

What is averaged: a case's value is the mean over its annotators and classes (a completed object counts as a case);
a run's value is the mean over its cases; a recipe's value is the mean over its runs (seed, fold). Undefined values
(empty masks) are left out and counted. Intervals are those of ``intervals``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from medseg.reporting.intervals import bootstrap_mean, seed_means
from medseg.reporting.tables import interval_text, markdown, number_text, value_text

DIRECTION = {
    "truth_dice": "higher",
    "truth_iou": "higher",
    "truth_hd95": "lower",
    "truth_assd": "lower",
    "truth_ece": "lower",
    "vote_dice": "higher",
    "vote_area_ratio": "near 1",
    "annotator_dice": "higher",
    "annotator_nll": "lower",
    "ged2_v": "lower",
    "ged2_u": "lower",
    "confusion_rmse": "lower",
    "whole_iou": "higher",
    "whole_dice": "higher",
    "hidden_iou": "higher",
    "area_ratio": "near 1",
    "whole_hd95": "lower",
    "whole_assd": "lower",
    "hidden_ece": "lower",
    "strangeness": "lower",
    "order_correct": "higher",
    "best_of_10_iou": "higher",
    "diversity": "neither",
    "covered_50": "near 0.5",
    "covered_80": "near 0.8",
    "covered_90": "near 0.9",
}
"""Which way the mean of each metric is better. Metrics that are not here describe the data and rank no recipe."""

OVERVIEWS = (
    ("truth_dice", "confusion_rmse", "annotator_nll", "annotator_dice", "vote_dice", "vote_area_ratio"),
    ("whole_iou", "hidden_iou", "area_ratio", "whole_hd95", "hidden_ece", "order_correct"),
    ("best_of_10_iou", "diversity", "covered_50", "covered_80", "covered_90"),
)
"""What a reader wants to see side by side, a table each. Annotators: is the truth right, are they explained, has it
drifted. Completions: is the answer right, does it inflate, do its probabilities hold. Samples: are they honest."""

CELL = ["seed", "fold", "case", "annotator", "label"]


def compare(frame: pd.DataFrame, reference: str | None = None) -> pd.DataFrame:
    """A row per metric and recipe, in the order of ``frame``.

    reference: the recipe to which differences are taken (the first one's by default), paired by seed, fold,
    case, annotator and class, where both are defined. Columns: metric, recipe, direction, unit, reference,
    mean, low, high, worst_seed, difference, difference_low, difference_high, runs, values, undefined.
    """
    reference = reference or str(frame["recipe"].iloc[0])
    rows = []
    for metric, of_metric in frame.groupby("metric", sort=False):
        if metric not in DIRECTION:
            continue
        groups = dict(list(of_metric.groupby("recipe", sort=False)))
        base = groups[reference] if reference in groups else of_metric.head(0)
        for recipe, group in groups.items():
            rows.append({"metric": metric, "recipe": recipe, **_row(group, base, reference)})
    return pd.DataFrame(rows)


def summarise(frame: pd.DataFrame) -> pd.DataFrame:
    """Scores of one run -> a row per metric, annotator and class, over its cases, as text."""
    keys = ["metric", "annotator", "label", "unit"]
    return pd.DataFrame([_summary_row(group) for _, group in frame.groupby(keys, sort=False)])


def format_table(table: pd.DataFrame) -> str:
    """What ``compare`` returns, as one Markdown table per metric, at most 110 characters wide."""
    blocks = []
    for metric, group in table.groupby("metric", sort=False):
        records = group.to_dict("records")
        first = records[0]
        unit = "" if first["unit"] == "1" else f", {first['unit']}"
        title = f"{metric} ({first['direction']} is better{unit}), differences to {first['reference']}"
        blocks.append(title + "\n\n" + markdown([_cells(row) for row in records]))
    return "\n\n".join(blocks)


def overviews(table: pd.DataFrame) -> list[list[dict[str, str]]]:
    """What ``compare`` returns, as tables of text: recipes x the metrics of OVERVIEWS, ``mean (worst seed)``.

    Left out: a metric that no recipe has, a recipe that has none of a table's metrics, a table without any.
    """
    of_metric = dict(list(table.groupby("metric", sort=False)))
    shown = [[metric for metric in metrics if metric in of_metric] for metrics in OVERVIEWS]
    return [_overview(pd.concat([of_metric[metric] for metric in metrics]), metrics) for metrics in shown if metrics]


def format_overview(table: pd.DataFrame) -> str:
    """The ``overviews`` of what ``compare`` returns, as Markdown."""
    return "\n\n".join(markdown(rows) for rows in overviews(table))


def _overview(table: pd.DataFrame, metrics: Sequence[str]) -> list[dict[str, str]]:
    rows = []
    for recipe, group in table.groupby("recipe", sort=False):
        records = {record["metric"]: record for record in group.to_dict("records")}
        cells = {metric: _overview_cell(records[metric]) if metric in records else "" for metric in metrics}
        rows.append({"recipe": str(recipe), **cells})
    return rows


def _overview_cell(row: Mapping[Hashable, Any]) -> str:
    """``mean (worst seed)``; the mean alone of a metric that has no better and worse."""
    mean = number_text(row["mean"])
    return mean if row["direction"] == "neither" else f"{mean} ({number_text(row['worst_seed'])})"


def _row(group: pd.DataFrame, base: pd.DataFrame, reference: str) -> dict[str, object]:
    metric = str(group["metric"].iloc[0])
    estimate = bootstrap_mean(group)
    paired = group.merge(base, on=CELL, suffixes=("", "_base"))
    difference = bootstrap_mean(paired.assign(value=paired["value"] - paired["value_base"]))
    means = seed_means(group)
    worst = _worst_index(means, metric)
    return {
        "direction": DIRECTION[metric],
        "unit": group["unit"].iloc[0],
        "reference": reference,
        "mean": estimate.mean,
        "low": estimate.low,
        "high": estimate.high,
        "worst_seed": np.nan if worst is None else means[worst],
        "difference": difference.mean,
        "difference_low": difference.low,
        "difference_high": difference.high,
        "runs": len(group[["seed", "fold"]].drop_duplicates()),
        "values": len(group),
        "undefined": int(np.isnan(group["value"].to_numpy()).sum()),
    }


def _worst_index(values: NDArray[np.float64], metric: str) -> int | None:
    """Position of the worst value; None where all are nan or the metric has no better and worse."""
    direction = DIRECTION.get(metric, "neither")
    if direction == "neither" or not (~np.isnan(values)).any():
        return None
    if direction.startswith("near "):
        return int(np.nanargmax(np.abs(values - float(direction.removeprefix("near ")))))
    return int(np.nanargmax(values if direction == "lower" else -values))


def _summary_row(group: pd.DataFrame) -> dict[str, object]:
    values = group["value"].to_numpy(dtype=np.float64)
    undefined = int(np.isnan(values).sum())
    metric = str(group["metric"].iloc[0])
    worst = None if metric.startswith("covered_") else _worst_index(values, metric)  # 0 or 1: only means are near .8
    mean = np.nan if undefined == len(values) else float(np.nanmean(values))
    return {
        "metric": metric,
        "annotator": group["annotator"].iloc[0],
        "class": group["label"].iloc[0],
        "mean": value_text(mean, undefined, len(values)),
        "worst": "" if worst is None else number_text(values[worst]),
        "worst case": "" if worst is None else group["case"].iloc[worst],
        "cases": len(values) - undefined,
        "unit": group["unit"].iloc[0],
    }


def _cells(row: Mapping[Hashable, Any]) -> dict[str, str]:
    mean = f"{number_text(row['mean'])} {interval_text(row['low'], row['high'])}"
    if row["undefined"] == row["values"]:
        mean = value_text(np.nan, row["undefined"], row["values"])
    limits = interval_text(row["difference_low"], row["difference_high"], sign=True)
    difference = f"{number_text(row['difference'], sign=True)} {limits}"
    return {
        "recipe": row["recipe"],
        "mean [95 % interval]": mean,
        "worst seed": number_text(row["worst_seed"]),
        "difference [95 % interval]": "" if row["recipe"] == row["reference"] else difference,
        "runs": str(row["runs"]),
        "empty": f"{row['undefined']}/{row['values']}" if row["undefined"] else "",
    }
