"""Reliability diagrams of a run: stated probability against observed share, of the truth and of the annotators."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.nouns import Prediction
from medseg.contracts import UNLABELLED
from medseg.evaluation import shares_by_prob, write_table

CALIBRATION = "calibration.csv"
TRUTH, ANNOTATORS = "known truth", "annotators' labels"
"""Against what: p(t|x) against the truth, where it is known; q^(a)[o] against the labels of all annotators together."""

Counts = Mapping[str, NDArray[np.float64]]
"""Against what -> (3,bins) of ``evaluation.shares_by_prob``, all foreground classes together."""


def counts_of_case(prediction: Prediction, labels: NDArray[np.integer], truth: NDArray[np.integer] | None) -> Counts:
    """labels (A,S...), truth (S...) or None; voxels UNLABELLED are skipped, and so is what is absent."""
    pairs = [(ANNOTATORS, probs, drawn) for probs, drawn in zip(prediction.annotator_probs, labels, strict=True)]
    pairs += [] if truth is None else [(TRUTH, prediction.truth_probs, truth)]
    found: dict[str, NDArray[np.float64]] = {}
    for name, probs, known in pairs:
        at = known != UNLABELLED
        for label in range(1, len(probs)):
            counts = shares_by_prob(probs[label][at], known[at] == label)
            found[name] = found.get(name, 0) + counts
    return found


def summed(cases: Sequence[Counts]) -> Counts:
    """Of all cases together."""
    names = dict.fromkeys(name for counts in cases for name in counts)
    return {name: np.sum([counts[name] for counts in cases if name in counts], axis=0) for name in names}


def write_calibration(path: Path, counts: Counts) -> None:
    """A row per bin that has voxels: against,low,high,voxels,stated,observed; the two are means over its voxels."""
    rows = [
        (name, number / len(bins), (number + 1) / len(bins), int(voxels), stated / voxels, observed / voxels)
        for name, table in counts.items()
        for bins in (table.T,)
        for number, (voxels, stated, observed) in enumerate(bins.tolist())
        if voxels
    ]
    write_table(path, ("against", "low", "high", "voxels", "stated", "observed"), rows)
