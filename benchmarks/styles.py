"""Are the annotators' styles recovered? Median relative area of each annotator, drawn and predicted, over runs.

python benchmarks/styles.py RUN [RUN ...]

The relative area of an annotator in a case is the foreground that was drawn over the mean of all annotators of that
case; predicted: the same of the labels that the model expects. Only test cases count. Spearman's rank correlation
over the annotators stands below.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import pandas as pd


def main() -> None:
    """Print one row per annotator, smallest first, and the rank correlation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    scores = pd.concat([pd.read_csv(run / "scores.csv") for run in parser.parse_args().runs])
    areas = scores[scores["metric"].isin(["relative_area", "predicted_relative_area"])]
    table = areas.pivot_table(index="annotator", columns="metric", values="value", aggfunc="median")
    table = table.sort_values("relative_area")
    print(table.rename(columns={"relative_area": "drawn", "predicted_relative_area": "predicted"}).round(3))
    correlation = table.corr(method="spearman").loc["relative_area", "predicted_relative_area"]
    print(f"Spearman's rank correlation over {len(table)} annotators: {correlation:.2f}")


if __name__ == "__main__":
    main()
