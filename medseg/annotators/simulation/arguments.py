"""What a simulation is asked for, looked at before anything is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from medseg.annotators.simulation.simulators import annotator_names
from medseg.cohorts import did_you_mean
from medseg.contracts import Cohort, Refused, complaint


def argument_complaints(
    annotators: Sequence[str], cases: int | None, labels_per_image: int | None, *, noise: float, seed: int
) -> list[str]:
    """A line for every argument of ``simulate_cohort`` that is out of its range; none where all are good."""
    complaints = size_complaints(cases, seed)
    if labels_per_image is not None and not 1 <= labels_per_image <= len(annotators):
        limit = f"1 to {len(annotators)}, the number of annotators"
        complaints.append(complaint("labels per image", limit, labels_per_image, "labels_per_image"))
    if not 0 <= noise < np.inf:
        complaints.append(complaint("noise", "a standard deviation >= 0", noise, "noise"))
    if not annotators:
        complaints.append(complaint("annotators", "at least one", "none", "annotators"))
    return complaints + _spec_complaints(annotators)


def size_complaints(cases: int | None, seed: int) -> list[str]:
    """A number of cases and a seed that are none."""
    complaints = []
    if cases is not None and cases < 1:
        complaints.append(complaint("number of cases", "at least 1", cases, "cases"))
    if seed < 0:
        complaints.append(complaint("seed", "a whole number >= 0", seed, "seed"))
    return complaints


def replacement_complaints(cohort: Cohort, replaced: Sequence[str], added: Sequence[str]) -> list[str]:
    """A line for whatever ``simulate_among`` cannot make of this cohort; none where all is good."""
    if not replaced and not added:
        return [complaint("simulated annotators", "at least one, in place of another or added", "none", "annotators")]
    parts = {text: text.rpartition("=") for text in replaced}
    complaints = [
        complaint("replacement", "annotator=mistake", repr(text), "replace")
        for text, (name, _, spec) in parts.items()
        if not name or not spec
    ]
    whole = {text: (name, spec) for text, (name, _, spec) in parts.items() if name and spec}
    known = (*cohort.annotators, *cohort.crowd)
    for text, (name, _) in whole.items():
        if name not in known:
            expected = f"one of {', '.join(known)}" if known else "none, the cohort has no annotators"
            complaints.append(complaint("replaced annotator", expected, f"{name}{did_you_mean(name, known)}", text))
    times = Counter(text.rpartition("=")[0] for text in replaced)
    complaints += [
        complaint("replaced annotator", "each once", f"{name} {count} times", "replace")
        for name, count in times.items()
        if name and count > 1
    ]
    if not set(cohort.annotators) - set(times) and not any(case.truth for case in cohort.cases):
        expected = "at least one, whose vote stands for the truth"
        complaints.append(complaint("annotators who keep their masks", expected, "none", cohort.name))
    return complaints + _spec_complaints([*(spec for _, spec in whole.values()), *added])


def _spec_complaints(annotators: Sequence[str]) -> list[str]:
    try:
        annotator_names(annotators)
    except Refused as refused:
        return list(refused.complaints)
    return []
