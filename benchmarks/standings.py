"""From the runs of several worlds to one table: how good each recipe is in each, and what the default one costs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from styles import area_slope, median_areas

from medseg.experiment.methods import metrics
from medseg.experiment.sweeping.one_run import cpu_seconds
from medseg.reporting import compare, interval_text, load_runs, markdown, number_text

Row = Mapping[Hashable, Any]
"""Of a table: column -> value."""

TRUTH, VOTE, NATS = "truth_dice", "vote_dice", "annotator_nll"
GED = "ged2_v"
OTHERS = (NATS, "annotator_dice", GED, "vote_area_ratio")
HD95 = {TRUTH: "truth_hd95", VOTE: "vote_hd95"}
"""Beside the Dice with the same."""
CEILING = "oracle"
"""Shown, and no rival of anybody: it sees what nobody has."""


def standings(runs: Mapping[str, Sequence[Path]], defaults: Mapping[str, str]) -> pd.DataFrame:
    """A row per world and recipe; worlds without evaluated runs have none.

    runs: world -> evaluated run folders. defaults: world -> the recipe that all others are fixed beside. Columns:
    world, recipe, runs, metric (Dice with the truth, where none is known with the vote), mean, worst_seed,
    hd95 (to the same, px or mm; of runs that were scored before there was one to the vote nan), annotator_nll,
    annotator_dice, ged2_v, vote_area_ratio, area_slope, cpu_seconds of a run, best_fixed, and the differences to
    that one, paired by seed, fold, case and class, with their intervals: of the metric, and of annotator_nll.
    """
    parts = [_world(name, folders, defaults[name]) for name, folders in runs.items() if folders]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()


def _world(world: str, folders: Sequence[Path], default: str) -> pd.DataFrame:
    frame = load_runs(folders)
    metric = TRUTH if (frame["metric"] == TRUTH).any() else VOTE
    judged = frame[frame["metric"].isin([metric, HD95[metric], *OTHERS])]
    best = _best_fixed(compare(judged[judged["metric"] == metric], metrics()), default)
    compared = compare(judged, metrics(), best).to_dict("records")
    found: dict[tuple[str, str], Row] = {(record["metric"], record["recipe"]): record for record in compared}
    rows = []
    for name, of_recipe in frame.groupby("recipe", sort=False):
        recipe = str(name)
        of_metric = found[metric, recipe]
        seconds = [cpu_seconds(Path(run)) for run in of_recipe["run"].unique()]
        rows.append(
            {"world": world, "recipe": recipe, "runs": of_metric["runs"], "metric": metric}
            | {"mean": of_metric["mean"], "worst_seed": of_metric["worst_seed"]}
            | {"hd95": found.get((HD95[metric], recipe), {}).get("mean", np.nan)}
            | {other: found.get((other, recipe), {}).get("mean", np.nan) for other in OTHERS}
            | {"area_slope": area_slope(median_areas(of_recipe)), "cpu_seconds": np.mean(seconds), "best_fixed": best}
            | _difference(of_metric, "difference")
            | _difference(found.get((NATS, recipe), {}), "nats_difference")
        )
    return pd.DataFrame(rows)


def _best_fixed(of_metric: pd.DataFrame, default: str) -> str:
    """The recipe of the greatest mean beside the default and the ceiling; of no other the first that there is."""
    rivals = of_metric[~of_metric["recipe"].isin([default, CEILING])]
    chosen = rivals if len(rivals) else of_metric
    return str(chosen.sort_values("mean", ascending=False, kind="stable")["recipe"].iloc[0])


def _difference(row: Row, name: str) -> dict[str, float]:
    """To the best fixed recipe, with its interval; nan where a metric was not measured."""
    ends = {"": "difference", "_low": "difference_low", "_high": "difference_high"}
    return {name + end: row.get(column, np.nan) for end, column in ends.items()}


# ---------------------------------------------------------------------------------------------- text
def format_standings(table: pd.DataFrame, defaults: Mapping[str, str]) -> str:
    """What ``standings`` returns as two Markdown tables: every recipe, and the default beside the best fixed one."""
    if table.empty:
        return "no evaluated runs yet"
    rows = [_cells(row) for row in table.to_dict("records")]
    chosen = table[table["recipe"] == table["world"].map(defaults)]
    differences = [_difference_cells(row) for row in chosen.to_dict("records")]
    parts = [markdown(rows)]
    if differences:
        parts += ["The default recipe minus the best fixed one, paired, with 95 % intervals", markdown(differences)]
    return "\n\n".join(parts)


def _cells(row: Row) -> dict[str, str]:
    numbers = {"mean": "mean", "worst_seed": "worst seed", "hd95": "HD95", NATS: "nats", GED: "GED",
               "annotator_dice": "Dice of labels", "vote_area_ratio": "area ratio", "area_slope": "area slope",
               "cpu_seconds": "CPU s"}  # fmt: skip
    words = {name: str(row[name]) for name in ("world", "recipe", "runs", "metric")}
    return words | {shown: number_text(row[name]) for name, shown in numbers.items()}


def _difference_cells(row: Row) -> dict[str, str]:
    def text(name: str) -> str:
        interval = interval_text(row[f"{name}_low"], row[f"{name}_high"], sign=True)
        return f"{number_text(row[name], sign=True)} {interval}".strip()

    words = {"world": "world", "recipe": "default", "best_fixed": "best fixed", "metric": "metric"}
    cells = {shown: str(row[name]) for name, shown in words.items()}
    return cells | {"difference": text("difference"), "nats": text("nats_difference")}
