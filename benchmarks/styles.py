"""Are the annotators' styles recovered? Median relative area of each annotator, drawn and predicted, over runs.

python benchmarks/styles.py RUN [RUN ...]

The relative area of an annotator in a case is the foreground that was drawn over the mean of all annotators of that
case; predicted: the same of the labels that the model expects. Only test cases count. Spearman's rank correlation
over the annotators stands below, and the slope of predicted on drawn: 1 where styles are recovered in full, 0 where
all annotators are taken to draw alike.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

DRAWN, PREDICTED = "relative_area", "predicted_relative_area"


def median_areas(scores: pd.DataFrame) -> pd.DataFrame:
    """Rows of scores.csv -> a row per annotator, with the medians DRAWN and PREDICTED; the smallest drawn first."""
    areas = scores[scores["metric"].isin([DRAWN, PREDICTED])]
    table = areas.pivot_table(index="annotator", columns="metric", values="value", aggfunc="median")
    return table.reindex(columns=[DRAWN, PREDICTED]).sort_values(DRAWN)


def area_slope(medians: pd.DataFrame) -> float:
    """Least squares slope of PREDICTED on DRAWN over the annotators; nan where those do not differ."""
    known = medians.dropna()
    deviation = known - known.mean()
    spread = float((deviation[DRAWN] ** 2).sum())
    return float((deviation[DRAWN] * deviation[PREDICTED]).sum()) / spread if spread > 0 else float(np.nan)


def main() -> None:
    """Print one row per annotator, smallest first, the rank correlation and the slope."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("runs", nargs="+", type=Path)
    scores = pd.concat([pd.read_csv(run / "scores.csv") for run in parser.parse_args().runs])
    table = median_areas(scores)
    print(table.rename(columns={DRAWN: "drawn", PREDICTED: "predicted"}).round(3))
    correlation = table.corr(method="spearman").loc[DRAWN, PREDICTED]
    print(f"Spearman's rank correlation over {len(table)} annotators: {correlation:.2f}; slope {area_slope(table):.2f}")


if __name__ == "__main__":
    main()
