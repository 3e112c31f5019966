"""Run folders -> one table that says how good each recipe is, how sure that is, and by how much it wins.

What is averaged: a case's value is the mean over its annotators and classes; a run's value is the mean over
its cases; a recipe's value is the mean over its runs (seed, fold). Undefined values (empty masks) are left
out and counted. Intervals are those of ``intervals``.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import yaml
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
}
"""Which way each metric is better. Metrics that are not here describe the raters and rank no recipe."""

OVERVIEW = (
    "truth_dice",
    "confusion_rmse",
    "annotator_nll",
    "annotator_dice",
    "vote_dice",
    "vote_area_ratio",
)
"""What a reader wants to see side by side: is the truth right, are the annotators explained, has it drifted."""

CELL = ["seed", "fold", "case", "annotator", "label"]


def load_runs(folders: Sequence[Path]) -> pd.DataFrame:
    """Every score of every run folder, a row each.

    Columns: run (the folder), experiment, recipe, seed, fold of config.yaml, then those of scores.csv. Where
    two experiments have runs of the same recipe, seed and fold, recipes are named experiment/recipe.
    Raises ValueError where two folders are still runs of the same.
    """
    frame = pd.concat([_load_run(Path(folder)) for folder in folders], ignore_index=True)
    if _same_runs(frame):
        frame["recipe"] = frame["experiment"] + "/" + frame["recipe"]
    if same := _same_runs(frame):
        raise ValueError("runs: expected one per experiment, recipe, seed and fold, got " + " and ".join(same))
    return frame


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


def format_overview(table: pd.DataFrame) -> str:
    """What ``compare`` returns, as one Markdown table: recipes x the metrics of OVERVIEW, ``mean (worst seed)``."""
    metrics = [metric for metric in OVERVIEW if metric in set(table["metric"])]
    rows = []
    for recipe, group in table.groupby("recipe", sort=False):
        records = {record["metric"]: record for record in group.to_dict("records")}
        cells = {
            metric: f"{number_text(records[metric]['mean'])} ({number_text(records[metric]['worst_seed'])})"
            if metric in records
            else ""
            for metric in metrics
        }
        rows.append({"recipe": str(recipe), **cells})
    return markdown(rows)


def _load_run(folder: Path) -> pd.DataFrame:
    config = yaml.safe_load((folder / "config.yaml").read_text("utf-8"))
    scores = pd.read_csv(folder / "scores.csv", dtype="str", keep_default_na=False)
    values = scores["value"].astype(float)
    fold = config["data"].get("split", {}).get("fold", 0)
    origin = {"run": str(folder), "experiment": config["experiment"], "recipe": config["recipe"]}
    return scores.assign(**origin, value=values, seed=int(config.get("seed", 0)), fold=int(fold))


def _same_runs(frame: pd.DataFrame) -> list[str]:
    """The folders of the first two or more runs that have recipe, seed and fold in common."""
    runs = frame[["recipe", "seed", "fold", "run"]].drop_duplicates()
    for _, group in runs.groupby(["recipe", "seed", "fold"], sort=False):
        if len(group) > 1:
            return list(group["run"])
    return []


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
    if metric not in DIRECTION or not (~np.isnan(values)).any():
        return None
    badness = {"higher": -values, "lower": values, "near 1": np.abs(values - 1)}[DIRECTION[metric]]
    return int(np.nanargmax(badness))


def _summary_row(group: pd.DataFrame) -> dict[str, object]:
    values = group["value"].to_numpy(dtype=np.float64)
    undefined = int(np.isnan(values).sum())
    worst = _worst_index(values, str(group["metric"].iloc[0]))
    mean = np.nan if undefined == len(values) else float(np.nanmean(values))
    return {
        "metric": group["metric"].iloc[0],
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
