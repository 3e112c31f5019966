"""What a user needs to know of a cohort to choose by: sizes, intensities, volumes, and how much annotators agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.loading.records import Record, read_record
from medseg.cohorts import read_all
from medseg.contracts import Case, Cohort, Refused
from medseg.evaluation import krippendorff_alpha, mean_of_defined, pairwise_dice

MOST_CASES = 40
"""Are looked into, spread evenly over the manifest: medians move little by more, and volumes take seconds each."""
LOW, HIGH = 1, 99
"""Percentiles that stand for dark and bright: single voxels are artefacts."""
UNITS = {2: "mm2", 3: "ml"}
_PER_UNIT = {"mm2": 1.0, "ml": 1000.0, "px": 1.0}


@dataclass(frozen=True, kw_only=True)
class _CaseSummary:
    """What one case tells."""

    shape: tuple[int, ...]
    """(S,)."""
    spacing_mm: tuple[float, ...] | None
    """(S,) or None."""
    intensities: tuple[float, float]
    """Dark and bright."""
    annotators: int
    """How many labelled it, crowds aside."""
    sizes: NDArray[np.float64]
    """(A,T) in the cohort's unit; nan for an absent annotator."""
    dice: NDArray[np.float64]
    """(A,A) mean over the foreground classes."""
    alpha: float
    """Krippendorff's."""


def described(cohort: Cohort) -> list[str]:
    """Lines of text; cases that cannot be read are left out, and none at all leave none.

    Volumes are in ml, areas in mm2, or both in voxels where an image has no scale; a class is not counted for an
    annotator who did not see the case. Cases without any mask are counted alone, where there are others.
    """
    cases = [case for case in cohort.cases if case.labelled] or cohort.cases
    chosen = np.linspace(0, len(cases) - 1, min(len(cases), MOST_CASES)).round().astype(int)
    read = read_all([cases[i] for i in chosen], lambda case: _looked_into(case, cohort))
    found = [case for case in read if case is not None]
    if not found:
        return []
    some = f" (of {len(found)} of {len(cases)} cases)" if len(found) < len(cases) else ""
    rows = [*_grids(found), *_people(found), *_sizes(found, cohort), *_agreement(found, cohort.annotators)]
    rows += _unlabelled(cohort)
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {text}" for name, text in rows]
    return [lines[0] + some, *lines[1:]]


def _looked_into(case: Case, cohort: Cohort) -> _CaseSummary | None:
    try:
        record = read_record(case, cohort, cohort.annotators)
    except (Refused, ValueError):
        return None
    classes = len(cohort.classes)
    dark, bright = np.nanpercentile(record.image, (LOW, HIGH))
    return _CaseSummary(
        shape=record.image.shape[1:],
        spacing_mm=record.spacing_mm,
        intensities=(float(dark), float(bright)),
        annotators=sum(name in case.annotations for name in cohort.annotators),
        sizes=_class_sizes(record, classes, cohort.annotators),
        dice=pairwise_dice(record.labels, classes),
        alpha=krippendorff_alpha(record.labels, classes),
    )


def _class_sizes(record: Record, classes: int, annotators: Sequence[str]) -> NDArray[np.float64]:
    voxel = float(np.prod(record.spacing_mm)) if record.spacing_mm else 1.0
    unit = UNITS[record.image.ndim - 1] if record.spacing_mm else "px"
    flat = record.labels.reshape(len(record.labels), -1)
    counts = np.stack([(flat == label).sum(axis=1) for label in range(classes)], axis=1).astype(np.float64)
    absent = [name not in record.case.annotations for name in annotators]
    counts[absent] = np.nan
    return counts * voxel / _PER_UNIT[unit]


# ------------------------------------------------------------------------------------------ lines
def _grids(found: Sequence[_CaseSummary]) -> Iterator[tuple[str, str]]:
    shapes = np.array([case.shape for case in found])
    yield "sizes", _range([f"{'x'.join(map(str, row))}" for row in _three(shapes).astype(int)])
    scaled = np.array([case.spacing_mm for case in found if case.spacing_mm])
    missing = len(found) - len(scaled)
    text = f"{_range(['x'.join(f'{mm:.4g}' for mm in row) for row in _three(scaled)])} mm" if len(scaled) else ""
    none = "none: lengths are in pixels" if not len(scaled) else f"; {missing} cases have none" if missing else ""
    yield "spacing", text + none
    dark, bright = np.median([case.intensities for case in found], axis=0)
    yield "intensities", f"{dark:.4g} to {bright:.4g} (percentiles {LOW} and {HIGH}, medians over cases)"


def _people(found: Sequence[_CaseSummary]) -> Iterator[tuple[str, str]]:
    counts = [case.annotators for case in found]
    yield "annotators", f"{_range([str(n) for n in (min(counts), int(np.median(counts)), max(counts))])} per case"


def _sizes(found: Sequence[_CaseSummary], cohort: Cohort) -> Iterator[tuple[str, str]]:
    scaled = [case.spacing_mm is not None for case in found]
    of_space = UNITS[cohort.spatial_dims]
    unit = of_space if all(scaled) else f"px or {of_space}" if any(scaled) else "px"
    sizes = np.stack([case.sizes for case in found])
    for label, each in enumerate(cohort.classes[1:], start=1):
        means = {name: mean_of_defined(sizes[:, index, label]) for index, name in enumerate(cohort.annotators)}
        drew = [name for name, size in means.items() if size > 0]
        alone = f"; {drew[0]} alone draws it" if len(means) > 1 and len(drew) == 1 else ""
        told = ", ".join(f"{name} {size:.4g}" for name, size in means.items())
        yield each.name, f"{told} {unit} (means over cases){alone}"


def _agreement(found: Sequence[_CaseSummary], annotators: Sequence[str]) -> Iterator[tuple[str, str]]:
    dice = np.stack([case.dice for case in found])
    pairs = {
        (a, b): mean_of_defined(dice[:, i, j])
        for i, a in enumerate(annotators)
        for j, b in enumerate(annotators[i + 1 :], start=i + 1)
    }
    known = {pair: value for pair, value in pairs.items() if not np.isnan(value)}
    if not known:
        return
    least, most = min(known, key=lambda pair: known[pair]), max(known, key=lambda pair: known[pair])
    text = f"pairwise Dice {mean_of_defined(list(known.values())):.3f}"
    if len(known) > 1:
        text += f", from {known[least]:.3f} ({' and '.join(least)}) to {known[most]:.3f} ({' and '.join(most)})"
    alpha = mean_of_defined([case.alpha for case in found])
    yield "agreement", text if np.isnan(alpha) else f"{text}; Krippendorff's alpha {alpha:.3f}"


def _unlabelled(cohort: Cohort) -> Iterator[tuple[str, str]]:
    number = sum(not case.labelled for case in cohort.cases)
    if number:
        yield "unlabelled", f"{number} of {len(cohort.cases)} cases have no mask: never scored, learned from if asked"


def _three(rows: NDArray[np.generic]) -> NDArray[np.float64]:
    """(N,S) -> (3,S) least, median, largest along each axis."""
    return np.stack([rows.min(axis=0), np.median(rows.astype(np.float64), axis=0), rows.max(axis=0)])


def _range(three: Sequence[str]) -> str:
    low, middle, high = three
    return low if low == high else f"{low} to {high}, median {middle}"
