"""Labels that a run does without: the share of the training cases that keeps them, and those that are held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from medseg.contracts import Case, Cohort

SHARE, HELD_OUT = 4, 7
"""What is drawn, beside the seed."""


def with_labelled_share(cohort: Cohort, annotators: Sequence[str], share: float, seed: int) -> Cohort:
    """The cohort in which so many of the training cases that annotators labelled keep their masks, one at least.

    They are the first of one order that ``seed`` and the cases' names alone decide: those of a smaller share are among
    those of a larger one. The others lose the masks of all, and the known truth.
    """
    labelled = [case.name for case in cohort.split("train") if set(case.annotations) & set(annotators)]
    kept = first_of(labelled, share, seed, SHARE)
    withheld = {*labelled} - {*kept}
    return replace(cohort, cases=tuple(_bare(case) if case.name in withheld else case for case in cohort.cases))


def first_of(names: Sequence[str], share: float, seed: int, what: int) -> list[str]:
    """round(share * N) of N names, one at least: the first of their order by ``seed`` and ``what`` is drawn."""
    ordered = sorted(names)
    order = np.random.default_rng((seed, what)).permutation(len(ordered))
    return [ordered[position] for position in order[: max(1, round(share * len(ordered)))]]


def _bare(case: Case) -> Case:
    return replace(case, annotations={}, truth=None)
