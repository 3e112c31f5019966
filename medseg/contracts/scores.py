"""One number about a case, an object or a run, and what its metric means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

LENGTH = "length"
"""Unit of a metric that is in mm, or in px where the image has no scale."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One row of the table of metrics (``medseg.evaluation.metrics``): what a reader needs to read a number."""

    name: str
    """As in the column ``metric`` of scores.csv."""
    meaning: str
    """One sentence: of what, against what."""
    direction: str
    """Which way a value is better: ``higher``, ``lower``, ``near 1``, ``neither``; of a metric that is 0 or 1 for each
    object ``mean near 0.8``, because only its mean can be judged."""
    level: Literal["object", "case", "run"]
    """What one value belongs to, and therefore what values may be averaged over."""
    empty: str
    """What masks without a voxel do to the value."""
    unit: str = "1"
    """``1`` of a pure number, LENGTH of a length, or as it is written."""
    overview: str = ""
    """The heading under which recipes are shown side by side; "" for a metric of the details, or of the data alone."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One row of scores.csv, made by ``medseg.evaluation.metrics.score_of``, which knows all metrics."""

    case: str
    """Case, or ``<case>/<object>``; "" for a score of the whole run."""
    annotator: str
    """Whom it is about; "" for all of them, or for none."""
    label: str
    """Name of the class; "" for all of them."""
    metric: str
    """Name in the table of metrics."""
    value: float
    """nan where empty masks leave the metric undefined; such a row is never left out."""
    unit: str
    """As in the table of metrics; of a length mm or px."""
    direction: str
    """Which way it is better, as in the table of metrics."""
    seen: str = ""
    """Whether the run has seen the case in training: ``train``, ``validation``, ``no``; "" of a whole run, and where
    nobody can tell."""
