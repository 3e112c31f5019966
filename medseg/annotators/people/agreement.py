"""Who agrees with whom, and with himself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.labelled_case import Floats
from medseg.annotators.people.labelling import Labelling
from medseg.annotators.reliance import overall_dice
from medseg.contracts import Case
from medseg.evaluation import fleiss_kappa, krippendorff_alpha, mean_of_defined, pairwise_dice


@dataclass(frozen=True, kw_only=True)
class CaseAgreement:
    """How far those who saw a case agree in it."""

    dice: Floats
    """(A,A) of every pair, mean over the foreground classes; nan of who did not see it."""
    kappa: float
    """Fleiss', of the voxels that all who saw the case labelled."""
    alpha: float
    """Krippendorff's, which takes voxels with the labels that they have."""


@dataclass(frozen=True, kw_only=True)
class Repeat:
    """Two masks of one image by one annotator."""

    annotator: str
    """Who drew both."""
    first: str
    """Name of one case,"""
    second: str
    """and of the other, which has the same image files."""
    dice: float
    """Of all foreground together; nan where both are empty."""
    others_dice: float
    """Mean of the same of either mask with those that others drew of this image; nan where nobody else did."""


def case_agreement(labels: NDArray[np.integer], num_classes: int) -> CaseAgreement:
    """labels (A,S...), UNLABELLED everywhere of who did not see the case."""
    return CaseAgreement(
        dice=pairwise_dice(labels, num_classes),
        kappa=fleiss_kappa(labels, num_classes),
        alpha=krippendorff_alpha(labels, num_classes),
    )


def repeats(labelling: Labelling) -> list[Repeat]:
    """Whatever one annotator labelled in two cases that have the same image files: so a manifest says "again"."""
    sharing: dict[tuple[str, ...], list[Case]] = {}
    for case in labelling.cohort.cases:
        sharing.setdefault(tuple(str(path.resolve()) for path in case.images), []).append(case)
    return [found for cases in sharing.values() for found in _repeats(labelling, cases)]


def _repeats(labelling: Labelling, cases: Sequence[Case]) -> list[Repeat]:
    found = []
    for first, second in combinations(cases, 2):
        names = [name for name in labelling.annotators if name in first.annotations and name in second.annotations]
        if not names:
            continue
        before, after = (labelling.record(case).labels for case in (first, second))
        for name in names:
            row = labelling.annotators.index(name)
            others = [other for labels in (before, after) for other in np.delete(labels, row, axis=0)]
            beside = [overall_dice(own[row], other) for own in (before, after) for other in others]
            found.append(
                Repeat(
                    annotator=name,
                    first=first.name,
                    second=second.name,
                    dice=overall_dice(before[row], after[row]),
                    others_dice=mean_of_defined(np.array(beside)),
                )
            )
    return found
