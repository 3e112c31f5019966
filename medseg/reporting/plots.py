"""Lines and dots: the training curves of a run, and a metric of several recipes side by side."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medseg.reporting.intervals import bootstrap_mean, seed_means
from medseg.reporting.names import shown_name

DOTS_PER_INCH = 110
ORIGINS = {"train": "C0", "val": "C1"}


@rc_context({"text.parse_math": False})
def draw_curves(run_folder: Path) -> list[Path]:
    """Draw report/curves.png from metrics.jsonl: one plot per metric, train and val in the same one.

    A row is {"step": 12, "epoch": 1, "stage": "joint", "train/nll": .3, "val/nll": .4, ...}; what has no
    "train/" or "val/" before its name is left out. Returns the files written, none where there is nothing.
    """
    source = run_folder / "metrics.jsonl"
    lines = source.read_text("utf-8").splitlines() if source.is_file() else []
    rows = [json.loads(line) for line in lines]
    keys = {key.partition("/") for row in rows for key in row}
    names = sorted({name for origin, _, name in keys if origin in ORIGINS})
    if not names:
        return []
    num_columns = min(len(names), 3)
    num_rows = -(-len(names) // num_columns)
    figure = Figure(figsize=(4.2 * num_columns, 2.8 * num_rows), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(num_rows, num_columns, squeeze=False)
    for axis in axes.flat[len(names) :]:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, names, strict=False):
        _draw_metric(axis, rows, name)
    path = run_folder / "report" / "curves.png"
    path.parent.mkdir(exist_ok=True)
    figure.savefig(path)
    return [path]


@rc_context({"text.parse_math": False})
def draw_comparison(frame: pd.DataFrame, metric: str, path: Path) -> Path:
    """Draw one metric of every recipe: mean and 95 % interval as a bar, each seed's mean as a dot.

    frame: what ``runs.load_runs`` returns. Raises KeyError where no run has the metric.
    """
    of_metric = dict(list(frame.groupby("metric")))[metric]
    groups = dict(list(of_metric.groupby("recipe", sort=False)))
    figure = Figure(figsize=(7.0, 1.0 + 0.45 * len(groups)), layout="constrained", dpi=DOTS_PER_INCH)
    axis = figure.subplots()
    for place, group in enumerate(groups.values()):
        _draw_recipe(axis, group, place)
    axis.set_yticks(range(len(groups)), [shown_name(str(recipe)) for recipe in groups])
    axis.set_ylim(len(groups) - 0.5, -0.5)
    unit = str(of_metric["unit"].iloc[0])
    axis.set_xlabel(metric if unit == "1" else f"{metric} ({unit})")
    axis.grid(axis="x", alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path)
    return path


def _draw_metric(axis: Axes, rows: Sequence[dict[str, Any]], name: str) -> None:
    for origin, colour in ORIGINS.items():
        key = f"{origin}/{name}"
        known = [row for row in rows if row.get(key) is not None]
        if known:
            steps, values = [row["step"] for row in known], [row[key] for row in known]
            axis.plot(steps, values, ".-" if len(known) < 30 else "-", color=colour, label=origin)
    _mark_stages(axis, rows)
    axis.set_title(shown_name(name, 48), fontsize=10)
    axis.set_xlabel("step", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)
    axis.legend(fontsize=8, frameon=False)


def _mark_stages(axis: Axes, rows: Sequence[dict[str, Any]]) -> None:
    """A line where each stage begins, with its name; none if there is only one."""
    begins: dict[str, float] = {}
    for row in rows:
        begins.setdefault(row.get("stage", ""), row["step"])
    for stage, step in begins.items() if len(begins) > 1 else ():
        axis.axvline(step, color="0.7", linewidth=0.8, zorder=0)
        axis.text(step, 0.98, f" {stage}", transform=axis.get_xaxis_transform(), fontsize=7, color="0.4", va="top")


def _draw_recipe(axis: Axes, group: pd.DataFrame, place: int) -> None:
    estimate, seeds = bootstrap_mean(group), seed_means(group)
    if np.isnan(estimate.mean):
        axis.annotate("n/a", (0.5, place), xycoords=("axes fraction", "data"), va="center", color="0.4")
        return
    axis.plot([estimate.low, estimate.high], [place, place], color="C0", linewidth=2)
    axis.plot(estimate.mean, place, "D", color="C0", markersize=6)
    axis.plot(seeds, np.full(len(seeds), place + 0.18), "o", color="0.35", markersize=3.5, alpha=0.8)
