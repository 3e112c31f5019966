"""Which case is trained on, validated on, tested on: drawn from a seed, by patient, kept in a JSON file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import numpy as np
from pydantic import Field

from medseg.cohorts.manifest import SPLITS, did_you_mean
from medseg.contracts import Case, Cohort, Fraction, Positive, Refused, Section, Seed, Split, complaint


class SplitConfig(Section):
    """How cases are divided: the section ``data.split``."""

    val: Fraction = 0.15
    """Of the drawn groups, rounded, at least one group unless 0; with folds of those that are not tested."""
    test: Fraction = 0.2
    """Of the drawn groups, rounded, at least one group unless 0; without a meaning beside folds."""
    by: str = "patient"
    """What makes a group, whose cases stay together: the patient, or a covariate of the manifest."""
    seed: Seed = 0
    """Of the order in which groups are drawn, which depends on it and on their names alone."""
    folds: Positive | None = None
    """The drawn groups are cut into so many equal parts, so that each is tested exactly once over all folds."""
    fold: Annotated[int, Field(ge=0)] = 0
    """The part that is tested, from 0."""
    limit: dict[Literal["train", "val", "test"], Positive] = Field(default_factory=dict)
    """Split -> at most so many cases, the first of the seeded order, those without a mask last; the rest is unused
    ("")."""


AnyCohort = TypeVar("AnyCohort", bound=Cohort)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """Which case is in which split, and what that was drawn from: the content of splits.json."""

    splits: Mapping[str, Split]
    """Case -> split ("": unused)."""
    seed: int
    """As in SplitConfig, like the next three."""
    by: str
    """What made a group."""
    folds: int | None
    """How many parts."""
    fold: int
    """The part that is tested."""


def split_cases(cases: Sequence[Case], how: SplitConfig) -> Assignment:
    """Assign every case to a split; cases of one group stay together.

    A group with a split in the manifest keeps it, and a split of test or val that the manifest states is not drawn.
    A group without any mask is trained on, comes last in the order, and changes nothing for the others.
    Raises Refused for an unknown column, groups that straddle the manifest's splits, and too few groups.
    """
    groups = _grouped(cases, how.by)
    stated = _stated(cases, groups, how.by)
    labelled = {case.name for case in cases if case.labelled}
    names = sorted(group for group, members in groups.items() if not labelled.isdisjoint(members))
    order = [names[i] for i in np.random.default_rng(how.seed).permutation(len(names))]
    drawn = [group for group in order if group not in stated]
    chosen: dict[str, Split] = dict.fromkeys(groups, "train")
    chosen |= stated | _drawn(drawn, how, {stated[group] for group in names if group in stated})
    ordered = [case for group in (*order, *sorted({*groups} - {*names})) for case in sorted(groups[group])]
    split_of: dict[str, Split] = {case: chosen[group] for group, members in groups.items() for case in members}
    for split, most in how.limit.items():
        members = [case for case in ordered if split_of[case] == split]
        split_of.update((case, "") for case in members[most:])
    return Assignment(
        splits={case.name: split_of[case.name] for case in cases},
        seed=how.seed,
        by=how.by,
        folds=how.folds,
        fold=how.fold,
    )


def _grouped(cases: Sequence[Case], by: str) -> dict[str, list[str]]:
    """Group -> names of its cases."""
    groups: dict[str, list[str]] = {}
    for case in cases:
        if by != "patient" and by not in case.covariates:
            known = ["patient", *case.covariates]
            got = f"{by}{did_you_mean(by, known)}"
            raise Refused([complaint("column to split by", " ".join(known), got, "data.split.by")])
        groups.setdefault(case.patient if by == "patient" else case.covariates[by], []).append(case.name)
    return groups


def _stated(cases: Sequence[Case], groups: Mapping[str, Sequence[str]], by: str) -> dict[str, Split]:
    """Group -> the split that the manifest gives to any of its cases."""
    split_of = {case.name: case.split for case in cases}
    stated: dict[str, Split] = {}
    complaints = []
    for group, members in groups.items():
        held = {split_of[name] for name in members}
        splits: list[Split] = [split for split in SPLITS[:3] if split in held]
        if len(splits) > 1:
            complaints.append(complaint(f"splits of {by} {group}", "one", " and ".join(splits), "manifest.csv"))
        elif splits:
            stated[group] = splits[0]
    if complaints:
        raise Refused(complaints)
    return stated


def _drawn(groups: Sequence[str], how: SplitConfig, stated: set[Split]) -> dict[str, Split]:
    """Cut the ordered groups into test, val and train."""
    if not groups:
        return {}
    if how.folds is not None:
        _check_folds(len(groups), how.folds, how)
        test = groups[how.fold :: how.folds]
    else:
        test = groups[: 0 if "test" in stated else _number(how.test, len(groups))]
    taken = set(test)
    rest = [group for group in groups if group not in taken]
    val = rest[: 0 if "val" in stated else _number(how.val, len(rest if how.folds else groups))]
    parts: dict[Split, Sequence[str]] = {"test": test, "val": val, "train": rest[len(val) :]}
    if not parts["train"] and "train" not in stated:
        wanted = [split for split in ("train", "val", "test") if split == "train" or parts[split]]
        expected = f"at least {len(wanted)} ({', '.join(wanted)})"
        got = f"{len(groups)}, of which {len(test)} test and {len(val)} val"
        raise Refused([complaint(f"groups by {how.by} to split", expected, got, "data.split")])
    return {group: split for split, members in parts.items() for group in members}


def _number(fraction: float, groups: int) -> int:
    return max(1, round(fraction * groups)) if fraction else 0


def _check_folds(groups: int, folds: int, how: SplitConfig) -> None:
    complaints = []
    if not how.fold < folds:
        complaints.append(complaint("fold", f"0..{folds - 1}", how.fold, "data.split.fold"))
    if not 2 <= folds <= groups:
        expected = f"2..{groups}, the number of groups by {how.by}"
        complaints.append(complaint("folds", expected, folds, "data.split.folds"))
    if complaints:
        raise Refused(complaints)


# ------------------------------------------------------------------------------------- on the disk
def write_splits(path: Path, assignment: Assignment) -> None:
    """JSON: split -> cases ("unused" for ""), and what it was drawn from."""
    content = asdict(assignment)
    content["splits"] = {
        split or "unused": [case for case, own in assignment.splits.items() if own == split] for split in SPLITS
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    temporary.write_text(json.dumps(content, indent=1), "utf-8")
    os.replace(temporary, path)


def read_splits(path: Path) -> Assignment:
    """Raises Refused if there is no such file, or it is not what ``write_splits`` writes."""
    try:
        content = json.loads(path.read_text("utf-8"))
        listed = content.pop("splits")
        splits: dict[str, Split] = {case: split for split in SPLITS for case in listed[split or "unused"]}
        return Assignment(splits=splits, **content)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__} {error}"
        raise Refused([complaint("splits", "JSON as written into a run folder", reason, str(path))]) from error


def apply(cohort: AnyCohort, assignment: Assignment) -> AnyCohort:
    """The cohort with every case in its assigned split.

    Raises Refused if cohort and assignment do not hold the same cases.
    """
    names = {case.name for case in cohort.cases}
    complaints = [
        complaint("case", "a split in splits.json", "none", name) for name in sorted(names - set(assignment.splits))
    ] + [
        complaint("case of splits.json", f"a case of {cohort.name}", "none of that name", name)
        for name in sorted(set(assignment.splits) - names)
    ]
    if complaints:
        raise Refused(complaints)
    return replace(cohort, cases=tuple(replace(case, split=assignment.splits[case.name]) for case in cohort.cases))
