"""The table of metrics: of each its unit, which way is better, what it is averaged over, what empty masks do to it.

Scores are made by ``score_of``, which takes unit and direction from the table; the terminal, the page of a run,
``medseg compare`` and W&B take all they say of a metric from here. A method of its own brings its own rows::

    table = table_of(*METRICS.values(), Metric(name="boundary_f1", ...))
    score_of("boundary_f1", 0.8, case="c07", metrics=table)

Needs no torch.
"""

from __future__ import annotations

from collections.abc import Mapping

from medseg.contracts import LENGTH, Metric, Score, complaint
from medseg.evaluation.metrics_of_annotators import METRICS_OF_ANNOTATORS
from medseg.evaluation.metrics_of_completions import METRICS_OF_COMPLETIONS


def table_of(*metrics: Metric) -> dict[str, Metric]:
    """Name -> row, in the order given, which is that of every table and page.

    Raises ValueError where two rows have one name.
    """
    table = {metric.name: metric for metric in metrics}
    if len(table) < len(metrics):
        names = [metric.name for metric in metrics]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(complaint("metrics", "one row for each", f"several for {', '.join(twice)}", "table_of"))
    return table


METRICS: Mapping[str, Metric] = table_of(*METRICS_OF_ANNOTATORS, *METRICS_OF_COMPLETIONS)
"""The shipped table: the rows of both methods."""


def score_of(
    metric: str,
    value: float,
    *,
    case: str = "",
    annotator: str = "",
    label: str = "",
    unit: str = "",
    metrics: Mapping[str, Metric] = METRICS,
) -> Score:
    """One score, with unit and direction of its metric.

    unit: mm or px, for lengths alone (``surface.length_unit``); metrics: the table, where a method has its own.
    Raises ValueError for a metric that is not in the table, and where a length has no unit or another metric has one.
    """
    where = f"score of {case or 'the run'}"
    if metric not in metrics:
        raise ValueError(complaint("metric", "a row of the table of metrics", metric, where))
    row = metrics[metric]
    units = ("mm", "px") if row.unit == LENGTH else ("",)
    if unit not in units:
        raise ValueError(complaint(f"unit of {metric}", " or ".join(units) or "none", unit or "none", where))
    return Score(
        case=case,
        annotator=annotator,
        label=label,
        metric=metric,
        value=value,
        unit=unit or row.unit,
        direction=row.direction,
    )
