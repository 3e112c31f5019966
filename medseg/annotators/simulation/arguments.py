"""What a simulation is asked for, looked at before anything is written."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.annotators.simulation.simulators import annotator_names
from medseg.contracts import Refused, complaint


def argument_complaints(
    annotators: Sequence[str], cases: int | None, labels_per_image: int | None, *, noise: float, seed: int
) -> list[str]:
    """A line for every argument of ``simulate_cohort`` that is out of its range; none where all are good."""
    complaints = []
    if cases is not None and cases < 1:
        complaints.append(complaint("number of cases", "at least 1", cases, "cases"))
    if labels_per_image is not None and not 1 <= labels_per_image <= len(annotators):
        limit = f"1 to {len(annotators)}, the number of annotators"
        complaints.append(complaint("labels per image", limit, labels_per_image, "labels_per_image"))
    if not 0 <= noise < np.inf:
        complaints.append(complaint("noise", "a standard deviation >= 0", noise, "noise"))
    if seed < 0:
        complaints.append(complaint("seed", "a whole number >= 0", seed, "seed"))
    if not annotators:
        complaints.append(complaint("annotators", "at least one", "none", "annotators"))
    try:
        annotator_names(annotators)
    except Refused as refused:
        complaints.extend(refused.complaints)
    return complaints
