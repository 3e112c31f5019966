"""Which cases of a cohort a run has seen in training: a score of one of those is no test."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.cohort import find_cohort, load_cohort
from medseg.cohorts.splits import read_splits
from medseg.contracts import Case, Cohort, Refused, Score

TRAINED, VALIDATED, UNSEEN, NOT_KNOWN = "train", "validation", "no", ""
"""Trained on; its weights or a calibration chosen by it; neither; nobody can tell."""

_OF_SPLIT = {"train": TRAINED, "val": VALIDATED}


def seen_by_split(cohort: Cohort) -> dict[str, str]:
    """Case -> what its split makes of it, for the cohort that the run was trained on."""
    return {case.name: _OF_SPLIT.get(case.split, UNSEEN) for case in cohort.cases}


def seen_in_training(splits: Path, own: str, cohort: Cohort) -> dict[str, str]:
    """Case of another cohort -> whether it is one of the run's own.

    It is where its images (of a cohort of objects: its label maps) are the same bytes as those of one, or where case,
    patient and cohort have the same names. Where the run's own cohort is not to be found, its names in ``splits``
    decide if all are the same; else it is not known.

    splits: splits.json of the run. own: ``data.cohort`` of its config.
    """
    try:
        assigned = read_splits(splits).splits
    except Refused:
        return dict.fromkeys((case.name for case in cohort.cases), NOT_KNOWN)
    try:
        trained = load_cohort(find_cohort(own))
    except Refused:
        same = {case.name for case in cohort.cases} == set(assigned)
        return {case.name: _OF_SPLIT.get(assigned[case.name], UNSEEN) if same else NOT_KNOWN for case in cohort.cases}
    used = [(case, _OF_SPLIT[assigned[case.name]]) for case in trained.cases if assigned.get(case.name) in _OF_SPLIT]
    names = {(case.name, case.patient): word for case, word in used} if trained.name == cohort.name else {}
    sizes = {_sizes(case) for case in cohort.cases}
    contents = {_digests(case): word for case, word in used if _sizes(case) in sizes}
    return {
        case.name: names.get((case.name, case.patient)) or contents.get(_digests(case), UNSEEN) for case in cohort.cases
    }


def marked(scores: Iterable[Score], seen: Mapping[str, str]) -> list[Score]:
    """The scores with what is known of their cases in ``Score.seen``; a score of the whole run has ""."""
    return [replace(score, seen=seen.get(score.case.partition("/")[0], NOT_KNOWN)) for score in scores]


def warnings_of(seen: Mapping[str, str]) -> tuple[str, ...]:
    """What a reader of the scores must know, a line each."""
    known = [case for case, word in seen.items() if word in (TRAINED, VALIDATED)]
    found = []
    if known:
        shown = ", ".join(known[:3]) + (", ..." if len(known) > 3 else "")
        found.append(f"warning: {len(known)} cases were seen in training: no test ({shown})")
    if NOT_KNOWN in seen.values():
        found.append(
            "warning: the run's own cohort is not at its place: whether it was trained on these cases is not known"
        )
    return tuple(found)


def _shown(case: Case) -> Sequence[Path]:
    """The files that a method is shown of a case, masks of annotators apart."""
    return (*case.object_masks.values(), *case.instance_masks.values()) or case.images


def _sizes(case: Case) -> tuple[int, ...]:
    return tuple(path.stat().st_size for path in _shown(case))


def _digests(case: Case) -> tuple[bytes, ...]:
    return tuple(hashlib.sha256(path.read_bytes()).digest() for path in _shown(case))
