"""The scores of one run -> a row per metric, annotator and class, for the terminal and the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from medseg.contracts import Score
from medseg.reporting.directions import worst_index
from medseg.reporting.tables import number_text, plain, value_text

COLUMNS = {
    "metric": "its name in scores.csv",
    "annotator": "whom it is about; empty: all of them, or none",
    "class": "empty: all of them",
    "mean": "over the test cases (or objects) where the metric is defined; n/a: there is none; "
    "(3 of 12 empty): so many are undefined because masks are empty, and are not averaged",
    "worst": "of the test cases; empty: no single value of the metric is worse than another, or it is one of the run",
    "worst case": "where it is",
    "cases": "how many the mean is over",
    "unit": "1: a pure number",
    "better": "which way",
}
"""The columns of ``summarise``, explained."""


def summarise(frame: pd.DataFrame) -> list[dict[str, str]]:
    """Scores of one run (the columns of scores.csv) -> rows of text with the columns COLUMNS."""
    keys = ["metric", "annotator", "label", "unit", "direction"]
    return [_row(group) for _, group in frame.groupby(keys, sort=False)]


def score_frame(scores: Sequence[Score]) -> pd.DataFrame:
    """The columns of scores.csv."""
    return pd.DataFrame([asdict(score) for score in scores])


def overall_means(scores: Sequence[Score]) -> dict[str, float]:
    """Metric -> its mean over cases (objects) of the means over their annotators and classes, where it is defined."""
    defined = score_frame(scores).dropna(subset="value")
    means = defined.groupby(["metric", "case"], sort=False)["value"].mean().groupby("metric", sort=False).mean()
    return {str(metric): float(value) for metric, value in means.items()}


def format_summary(scores: Sequence[Score]) -> str:
    """``summarise`` for the terminal."""
    return plain(summarise(score_frame(scores)))


def _row(group: pd.DataFrame) -> dict[str, str]:
    values = group["value"].to_numpy(dtype=np.float64)
    first, undefined = group.iloc[0], int(np.isnan(values).sum())
    worst = worst_index(values, str(first["direction"])) if first["case"] else None  # "": one value, of the whole run
    mean = np.nan if undefined == len(values) else float(np.nanmean(values))
    cells = (
        first["metric"],
        first["annotator"],
        first["label"],
        value_text(mean, undefined, len(values)),
        "" if worst is None else number_text(values[worst]),
        "" if worst is None else group["case"].iloc[worst],
        str(len(values) - undefined),
        first["unit"],
        first["direction"],
    )
    return dict(zip(COLUMNS, cells, strict=True))
