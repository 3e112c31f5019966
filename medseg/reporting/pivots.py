"""The scores of one run, turned so that they can be compared at a glance: metrics x classes, annotators x classes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from medseg.contracts import Metric
from medseg.reporting.intervals import bootstrap_mean
from medseg.reporting.tables import Table, interval_text, value_text

CELL = "mean over the test cases (or objects) [95 % interval]; n/a: nowhere defined; (3 of 12 empty): so many are \
undefined because masks are empty, and are not averaged"
"""What stands in a cell."""
ALL = "all classes"


def pivots(frame: pd.DataFrame, metrics: Mapping[str, Metric]) -> list[Table]:
    """Scores of one run (``runs.load_runs``) -> tables of CELL.

    The first has a row per metric that is about no single annotator, the next a row per annotator and a column per
    metric, both over all classes; where there are several classes the first has a column for each, and further tables
    have annotators x classes, one per metric. metrics: their order, and which way each is better.
    """
    names = [name for name in metrics if name in set(frame["metric"])]
    of_metric = {name: frame[frame["metric"] == name] for name in names}
    classes = [label for label in frame["label"].unique() if label]
    shown = classes if len(classes) > 1 else []
    whole = {name: rows[rows["annotator"] == ""] for name, rows in of_metric.items()}
    people = {name: rows[rows["annotator"] != ""] for name, rows in of_metric.items()}
    whole = {name: rows for name, rows in whole.items() if len(rows)}
    people = {name: rows for name, rows in people.items() if len(rows)}
    found = [_of_metrics(whole, shown, metrics)] if whole else []
    if people:
        found += _of_annotators(people, list(dict.fromkeys(pd.concat(people.values())["annotator"])), shown)
    return found


def _of_metrics(of_metric: Mapping[str, pd.DataFrame], classes: Sequence[str], metrics: Mapping[str, Metric]) -> Table:
    rows = [
        (name, metrics[name].direction, _cell(group), *_of_classes(group, classes)) for name, group in of_metric.items()
    ]
    return Table(heading="As a whole", columns=("metric", "better", ALL, *classes), rows=rows)


def _of_annotators(
    of_metric: Mapping[str, pd.DataFrame], annotators: Sequence[str], classes: Sequence[str]
) -> Iterator[Table]:
    """All classes together, and metric by metric where a metric has classes."""
    rows = [(name, *(_cell(group[group["annotator"] == name]) for group in of_metric.values())) for name in annotators]
    yield Table(heading=f"Of each annotator: {ALL}", columns=("annotator", *of_metric), rows=rows)
    for metric, group in of_metric.items() if classes else ():
        if (group["label"] != "").any():
            rows = [(name, *_of_classes(group[group["annotator"] == name], classes)) for name in annotators]
            yield Table(heading=f"Of each annotator: {metric}", columns=("annotator", *classes), rows=rows)


def _of_classes(group: pd.DataFrame, classes: Sequence[str]) -> tuple[str, ...]:
    return tuple(_cell(group[group["label"] == label]) for label in classes)


def _cell(group: pd.DataFrame) -> str:
    """Of scores of one metric; "" where there is none, and no interval of a score of the whole run."""
    if group.empty:
        return ""
    estimate, undefined = bootstrap_mean(group), int(group["value"].isna().sum())
    interval = "" if group["case"].iloc[0] == "" else interval_text(estimate.low, estimate.high)
    mean = np.nan if undefined == len(group) else estimate.mean
    value, _, empty = value_text(mean, undefined, len(group)).partition(" ")
    return " ".join(part for part in (value, interval, empty) if part)
