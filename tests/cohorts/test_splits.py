"""Splits: whole groups, the manifest first, the same from any order of cases; and the refusals."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from medseg.cohorts import splits
from medseg.cohorts.splits import Assignment, SplitConfig, apply, read_splits, write_splits
from medseg.contracts import Case, Cohort, Refused, Split

MASKS = {"ann": Path("mask.png")}


def case(name: str, patient: str = "", split: Split = "", **covariates: str) -> Case:
    return Case(name=name, patient=patient or name, split=split, annotations=MASKS, covariates=covariates)


def patients(number: int, each: int = 1) -> list[Case]:
    return [case(f"c{p:03d}_{k}", f"p{p:03d}") for p in range(number) for k in range(each)]


def counts(assignment: Assignment) -> Counter[str]:
    return Counter(assignment.splits.values())


def split_cases(cases: Sequence[Case], **how: Any) -> Assignment:
    return splits.split_cases(cases, SplitConfig(**{"val": 0.15, "test": 0.2, **how}))


def refusals(cases: Sequence[Case], **how: Any) -> tuple[str, ...]:
    with pytest.raises(Refused) as caught:
        split_cases(cases, **how)
    return caught.value.complaints


def test_fractions_are_of_the_patients() -> None:
    assert counts(split_cases(patients(20, 2), seed=0)) == {"test": 8, "val": 6, "train": 26}


@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(0, 9), min_size=12, max_size=40), st.integers(0, 99), st.randoms())
def test_no_patient_straddles_and_the_order_of_cases_is_indifferent(owners, seed: int, random) -> None:
    cases = [case(f"c{i}", f"p{owner}") for i, owner in enumerate([*range(5), *owners])]
    assigned = split_cases(cases, seed=seed).splits
    assert len({(c.patient, assigned[c.name]) for c in cases}) == len({c.patient for c in cases})
    random.shuffle(cases)
    assert split_cases(cases, seed=seed).splits == assigned


def test_a_seed_is_a_split_everywhere() -> None:
    """Frozen: published results name nothing but the seed."""
    assigned = split_cases(patients(10), seed=0).splits
    assert [name for name, split in assigned.items() if split == "test"] == ["c004_0", "c006_0"]
    assert split_cases(patients(10), seed=1).splits != assigned


def test_what_the_manifest_states_stays() -> None:
    cases = [*patients(10), case("t1", split="test"), case("t2", split="test")]
    assigned = split_cases(cases, seed=0).splits
    assert {name for name, split in assigned.items() if split == "test"} == {"t1", "t2"}
    assert counts(split_cases(cases, seed=0)) == {"test": 2, "val": 2, "train": 8}


def test_a_case_without_a_split_follows_its_patient() -> None:
    cases = [*patients(6), case("a", "p", "test"), case("b", "p")]
    assert split_cases(cases, seed=0).splits["b"] == "test"


def test_cases_without_a_mask_are_trained_on_and_change_no_other_split() -> None:
    bare = [replace(case(name), annotations={}) for name in ("a0", "p003b", "z9")]
    with_them, without = split_cases([*bare, *patients(10)], seed=0).splits, split_cases(patients(10), seed=0).splits
    assert {name: with_them[name] for name in without} == without
    assert {with_them[each.name] for each in bare} == {"train"}
    for fold in range(5):
        folds = split_cases([*bare, *patients(10)], folds=5, fold=fold).splits
        assert {folds[each.name] for each in bare} == {"train"} and list(folds.values()).count("test") == 2


def test_a_case_without_a_mask_follows_its_patient_and_the_manifest() -> None:
    follower, stated = (replace(each, annotations={}) for each in (case("b", "p"), case("c", split="test")))
    assigned = split_cases([*patients(6), case("a", "p", "val"), follower, stated], seed=0).splits
    assert (assigned["b"], assigned["c"]) == ("val", "test")
    assert list(assigned.values()).count("test") == 2  # that of the manifest cannot be scored: another one is drawn


def test_a_limit_takes_cases_without_a_mask_last() -> None:
    bare = [replace(case(f"a{number}"), annotations={}) for number in range(3)]
    assigned = split_cases([*bare, *patients(10)], seed=0, limit={"train": 7}).splits
    assert sum(assigned[each.name] == "train" for each in bare) == 1
    assert sum(assigned[each.name] == "train" for each in patients(10)) == 6


def test_a_full_manifest_is_left_alone() -> None:
    cases = [case("a", split="train"), case("b", split="val")]
    assert split_cases(cases, seed=0).splits == {"a": "train", "b": "val"}


def test_a_covariate_can_be_the_group() -> None:
    cases = [case(f"c{i}", site=f"s{i % 4}") for i in range(20)]
    assigned = split_cases(cases, seed=0, by="site").splits
    assert len({(c.covariates["site"], assigned[c.name]) for c in cases}) == 4
    assert counts(split_cases(cases, seed=0, by="site")) == {"test": 5, "val": 5, "train": 10}


@pytest.mark.parametrize("folds", [2, 5])
def test_over_all_folds_each_case_is_tested_once(folds: int) -> None:
    cases = patients(13, 2)
    tested: Counter[str] = Counter()
    for fold in range(folds):
        assignment = split_cases(cases, seed=3, folds=folds, fold=fold)
        tested.update(name for name, split in assignment.splits.items() if split == "test")
        rest = [name for name, split in assignment.splits.items() if split != "test"]
        assert counts(assignment)["val"] == 2 * round(0.15 * len(rest) / 2)
    assert tested == Counter(c.name for c in cases)


def test_a_limit_keeps_the_first_of_the_seeded_order() -> None:
    cases = patients(30)
    full = split_cases(cases, seed=0).splits
    few = split_cases(cases, seed=0, limit={"train": 5, "val": 2}).splits
    some = split_cases(cases, seed=0, limit={"train": 9}).splits
    assert Counter(few.values()) == {"train": 5, "val": 2, "test": 6, "": 17}
    assert all(full[name] == split for name, split in few.items() if split)
    assert {n for n, s in few.items() if s == "train"} < {n for n, s in some.items() if s == "train"}


# --------------------------------------------------------------------------------------- complaints
def test_too_few_patients() -> None:
    assert refusals(patients(2), seed=0) == (
        "groups by patient to split: expected at least 3 (train, val, test), got 2, "
        "of which 1 test and 1 val (data.split)",
    )


def test_folds_that_cannot_be() -> None:
    assert refusals(patients(3), seed=0, folds=5, fold=7) == (
        "fold: expected 0..4, got 7 (data.split.fold)",
        "folds: expected 2..3, the number of groups by patient, got 5 (data.split.folds)",
    )


def test_an_unknown_column() -> None:
    assert refusals([case("c", site="x")], seed=0, by="sites") == (
        "column to split by: expected patient site, got sites; did you mean site? (data.split.by)",
    )


def test_a_group_that_straddles_the_manifest() -> None:
    cases = [case("a", split="train", site="x"), case("b", split="test", site="x")]
    assert refusals(cases, seed=0, by="site") == ("splits of site x: expected one, got train and test (manifest.csv)",)


# ------------------------------------------------------------------------------------- on the disk
def test_what_is_written_is_what_is_read(tmp_path: Path) -> None:
    assignment = split_cases(patients(12), seed=7, folds=4, fold=2, limit={"train": 3})
    write_splits(tmp_path / "run" / "splits.json", assignment)
    assert read_splits(tmp_path / "run" / "splits.json") == assignment
    content = json.loads((tmp_path / "run" / "splits.json").read_text())
    assert (content["seed"], content["by"], content["folds"], content["fold"]) == (7, "patient", 4, 2)
    assert len(content["splits"]["train"]) == 3


def test_a_broken_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "splits.json"
    path.write_text('{"splits": {')
    with pytest.raises(Refused, match=r"^splits: expected JSON as written into a run folder, got JSONDecode"):
        read_splits(path)
    path.write_text('{"splits": {"train": ["a"]}}')
    with pytest.raises(Refused, match=r"got KeyError 'val' \("):
        read_splits(path)


def test_apply_puts_cases_into_their_splits_and_names_strangers() -> None:
    cohort = Cohort(
        root=Path(),
        name="tiny",
        classes=(),
        channels=(),
        spatial_dims=2,
        annotators=(),
        crowd=(),
        cases=(case("a", split="test"), case("b")),
    )
    applied = apply(cohort, Assignment(splits={"a": "train", "b": "val"}, seed=0, by="patient", folds=None, fold=0))
    assert [c.split for c in applied.cases] == ["train", "val"]
    with pytest.raises(Refused) as caught:
        apply(cohort, Assignment(splits={"a": "train", "z": "val"}, seed=0, by="patient", folds=None, fold=0))
    assert caught.value.complaints == (
        "case: expected a split in splits.json, got none (b)",
        "case of splits.json: expected a case of tiny, got none of that name (z)",
    )
