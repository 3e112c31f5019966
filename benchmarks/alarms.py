"""Which figures tell drifted runs from sound ones: the AUROC of each over runs that were evaluated.

    python benchmarks/alarms.py runs/worlds/*/*

A run counts as drifted where its truth_dice (vote_dice where no truth is known) is more than ``LOSS`` below that of the
best recipe of the same experiment, seed and fold. The figures need no truth; all are in scores.csv:
agreement = mean fused_dice over that of the annotator in the middle; area = |log of the mean fused_area_ratio|;
vote = mean vote_dice. Of area a large value is suspect, of the others a small one. ``rings``: alarms that were written.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import mannwhitneyu

from medseg.reporting import load_runs

LOSS = 0.05
FIGURES = {"agreement": -1, "area": 1, "vote": -1}
"""Which way each is suspect."""


def figures_of(run: Path) -> dict[str, object]:
    """One row of the table."""
    frame = load_runs([run])
    mean = frame.groupby("metric")["value"].mean()
    of_annotators = frame.loc[frame["metric"] == "annotator_fused_dice"].groupby("annotator")["value"].mean()
    alarms = (run / "report" / "alarms.txt").read_text("utf-8").splitlines()
    first = frame.iloc[0]
    return {
        "experiment": first["experiment"],
        "recipe": first["recipe"],
        "seed": first["seed"],
        "fold": first["fold"],
        "judged": mean.get("truth_dice", mean["vote_dice"]),
        "agreement": mean["fused_dice"] / of_annotators.median(),
        "area": abs(np.log(mean["fused_area_ratio"])),
        "vote": mean["vote_dice"],
        "rings": len(alarms),
    }


def table_of_runs(runs: list[Path]) -> pd.DataFrame:
    """A row per run, and whether it has drifted."""
    table = pd.DataFrame([figures_of(run) for run in runs])
    best = table.groupby(["experiment", "seed", "fold"])["judged"].transform("max")
    return table.assign(drifted=table["judged"] < best - LOSS)


def auroc(table: pd.DataFrame) -> dict[str, float]:
    """Of each figure; nan where no run has drifted, or each has."""
    if table["drifted"].nunique() < 2:
        return dict.fromkeys(FIGURES, float("nan"))
    drifted, sound = table.loc[table["drifted"]], table.loc[~table["drifted"]]
    pairs = len(drifted) * len(sound)
    return {
        name: float(mannwhitneyu(sign * drifted[name], sign * sound[name]).statistic) / pairs
        for name, sign in FIGURES.items()
    }


def main() -> None:
    """Print the runs, and the AUROC of each figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    table = table_of_runs([run for run in parser.parse_args().runs if (run / "scores.csv").exists()])
    print(table.to_string(index=False, float_format="{:.3f}".format))
    print("AUROC:", ", ".join(f"{name} {value:.3f}" for name, value in auroc(table).items()))


if __name__ == "__main__":
    main()
