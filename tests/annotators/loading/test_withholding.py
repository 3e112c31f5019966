"""The share of training cases that keep their labels: exact, nested, and drawn by seed and names alone."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import pytest

from medseg.annotators.loading.withholding import with_labelled_share
from medseg.contracts import Case, ClassLabel, Cohort, Split


def case(name: str, split: Split = "train", annotator: str = "ann") -> Case:
    masks = {annotator: Path("mask.png")} if annotator else {}
    return Case(name=name, patient=name, split=split, annotations=masks, truth=Path("truth.png") if masks else None)


COHORT = Cohort(
    root=Path("toy"),
    name="toy",
    classes=(ClassLabel(name="background", value=0), ClassLabel(name="object", value=1)),
    spatial_dims=2,
    annotators=("ann", "bob"),
    cases=(
        *(case(f"c{number:02d}") for number in range(20)),
        case("by_bob", annotator="bob"),
        case("unlabelled", annotator=""),
        *(case(f"v{number}", "val") for number in range(3)),
        *(case(f"t{number}", "test") for number in range(3)),
    ),
)


def kept(share: float, seed: int = 0, cohort: Cohort = COHORT) -> set[str]:
    found = with_labelled_share(cohort, ("ann",), share, seed).cases
    return {case.name for case in found if case.split == "train" and "ann" in case.annotations}


@pytest.mark.parametrize(("share", "number"), [(0.001, 1), (0.1, 2), (0.24, 5), (0.5, 10), (1.0, 20)])
def test_the_share_is_of_the_labelled_training_cases(share: float, number: int) -> None:
    assert len(kept(share)) == number


def test_a_smaller_share_is_among_a_larger_one_and_a_seed_is_a_draw() -> None:
    nested = [kept(share) for share in (0.05, 0.1, 0.25, 0.6, 1.0)]
    assert all(smaller < larger for smaller, larger in itertools.pairwise(nested))
    assert kept(0.25, seed=1) != kept(0.25)
    assert kept(0.25, cohort=replace(COHORT, cases=COHORT.cases[::-1])) == kept(0.25)


def test_other_cases_stay_as_they_are_and_withheld_ones_have_no_mask_at_all() -> None:
    found = {case.name: case for case in with_labelled_share(COHORT, ("ann",), 0.1, 0).cases}
    assert list(found) == [case.name for case in COHORT.cases]
    for case in COHORT.cases:
        if case.split != "train" or "ann" not in case.annotations or case.name in kept(0.1):
            assert found[case.name] == case
        else:
            assert not found[case.name].labelled
