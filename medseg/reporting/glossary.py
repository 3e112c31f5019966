"""What the names of metrics mean: the table of metrics as text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import pandas as pd

from medseg.contracts import LENGTH, Metric, Refused, Score, complaint


def explained(metrics: Iterable[Metric], units: Mapping[str, str] | None = None) -> list[dict[str, str]]:
    """A row per metric. units: metric -> the unit that its values have, of lengths for which that is known."""
    known = units or {}
    return [
        {
            "metric": metric.name,
            "what it is": metric.meaning,
            "unit": known.get(metric.name, "mm or px" if metric.unit == LENGTH else metric.unit),
            "better": metric.direction,
            "one value per": metric.level,
            "empty masks": metric.empty,
        }
        for metric in metrics
    ]


def explained_of(scores: Iterable[Score], metrics: Mapping[str, Metric]) -> list[dict[str, str]]:
    """A row per metric of the scores, in their order."""
    units = {score.metric: score.unit for score in scores}
    return explained((metrics[name] for name in units), units)


def refuse_unexplained(frame: pd.DataFrame, metrics: Mapping[str, Metric]) -> None:
    """frame: what ``runs.load_runs`` returns. Raises Refused for a metric that is not in the table ``metrics``."""
    if unknown := set(frame["metric"]) - set(metrics):
        names, where = ", ".join(sorted(unknown)), ", ".join(frame["run"].unique())
        raise Refused([complaint("metric", "a row of the table of metrics", names, where)])
