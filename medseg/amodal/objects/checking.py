"""`medseg check` of a cohort of objects: how many are unoccluded, occluded and dropped, and why."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import Dropped, read_objects
from medseg.cohorts import FULL, VISIBLE, read_all
from medseg.cohorts.checking import Findings, Fingerprinted, find_duplicates, some
from medseg.contracts import Case, ObjectCohort, Refused, complaint
from medseg.images import length_text

Spacing = tuple[float, ...] | None


@dataclass(frozen=True, kw_only=True)
class _CaseObjects:
    """What one case holds, by class; no mask is kept."""

    case: Case
    """Of the cohort."""
    digest: str
    """Of its files."""
    errors: tuple[str, ...] = ()
    """Why it cannot be taken apart."""
    unoccluded: Counter[str] = field(default_factory=Counter)
    """Class -> objects that nothing hides."""
    amodal_known: Counter[str] = field(default_factory=Counter)
    """Class -> occluded objects whose amodal mask is known."""
    amodal_unknown: Counter[str] = field(default_factory=Counter)
    """Class -> occluded objects whose amodal mask is not known."""
    dropped: tuple[Dropped, ...] = ()
    """What is neither."""
    spacings: frozenset[Spacing] = frozenset()
    """Of its objects, all the same."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How many objects of one class there are."""

    label: str
    """Name of the class."""
    unoccluded: int
    """That nothing hides."""
    amodal_known: int
    """Occluded, with a known amodal mask."""
    amodal_unknown: int
    """Occluded, with an unknown one."""
    dropped: int
    """Neither trained on nor judged."""


@dataclass(frozen=True, kw_only=True)
class ObjectFindings(Findings):
    """Of a cohort of objects."""

    tallies: tuple[Tally, ...]
    """A row per class."""
    reasons: tuple[str, ...]
    """Why objects were dropped, with their number, the most frequent first."""

    def table(self) -> list[str]:
        """How many objects there are, and why others were dropped."""
        return _table_of_classes(self.tallies) + (["", *self.reasons] if self.reasons else [])


def check_objects(cohort: ObjectCohort) -> ObjectFindings:
    """Read every label map of a cohort with rules that ``load_cohort`` accepted."""
    read = read_all(cohort.cases, lambda case: _inspect(case, cohort), "checking")
    same = find_duplicates(
        [Fingerprinted(case=one.case, digest=one.digest) for one in read], "label map", _file, cohort
    )
    errors = [line for one in read for line in one.errors] + [one.line for one in same if one.leak]
    tallies = tuple(_tally(label.name, read) for label in cohort.classes[1:])
    return ObjectFindings(
        errors=tuple(errors or _untrainable(read, cohort)),
        warnings=(
            *(one.line for one in same if not one.leak),
            *_shapeless(tallies, cohort),
            *_mixed_spacing(read, cohort),
        ),
        notes=tuple(_unscaled(read)),
        tallies=tallies,
        reasons=tuple(_reasons(read)),
    )


def chosen_objects(cohort: ObjectCohort, most: int, seed: int) -> list[AmodalObject]:
    """So many objects from cases in a seeded order, half of them occluded if there are as many, the occluded first.

    No more cases are read than that takes; those that cannot be read are passed over.
    """
    occluded: list[AmodalObject] = []
    unoccluded: list[AmodalObject] = []
    for number in np.random.default_rng(seed).permutation(len(cohort.cases)):
        with suppress(Refused):  # `check_objects` says why
            for one in read_objects(cohort.cases[number], cohort).objects:
                (unoccluded if one.unoccluded else occluded).append(one)
        if min(len(occluded), len(unoccluded)) >= most // 2:
            break
    num_occluded = min(len(occluded), max(most // 2, most - len(unoccluded)))
    return occluded[:num_occluded] + unoccluded[: most - num_occluded]


def _file(case: Case) -> Path:
    shown = [case.object_masks[target] for target in (VISIBLE, FULL) if target in case.object_masks]
    return (*shown, *case.instance_masks.values())[0]


def _inspect(case: Case, cohort: ObjectCohort) -> _CaseObjects:
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in case.mask_files)).hexdigest()
    try:
        extraction = read_objects(case, cohort)
    except Refused as refused:
        return _CaseObjects(case=case, digest=digest, errors=refused.complaints)
    occluded = [one for one in extraction.objects if not one.unoccluded]
    return _CaseObjects(
        case=case,
        digest=digest,
        unoccluded=Counter(one.label for one in extraction.objects if one.unoccluded),
        amodal_known=Counter(one.label for one in occluded if one.amodal is not None),
        amodal_unknown=Counter(one.label for one in occluded if one.amodal is None),
        dropped=extraction.dropped,
        spacings=frozenset(one.spacing_mm for one in extraction.objects),
    )


# ------------------------------------------------------------------------------- the whole cohort
def _tally(label: str, read: Sequence[_CaseObjects]) -> Tally:
    return Tally(
        label=label,
        unoccluded=sum(one.unoccluded[label] for one in read),
        amodal_known=sum(one.amodal_known[label] for one in read),
        amodal_unknown=sum(one.amodal_unknown[label] for one in read),
        dropped=sum(dropped.label == label for one in read for dropped in one.dropped),
    )


def _reasons(read: Sequence[_CaseObjects]) -> Iterator[str]:
    """Why objects were dropped, the most frequent reason first."""
    dropped = [one for case in read for one in case.dropped]
    for reason, count in Counter(one.reason for one in dropped).most_common():
        yield f"dropped, {reason}: {count} ({some([one.name for one in dropped if one.reason == reason])})"


def _untrainable(read: Sequence[_CaseObjects], cohort: ObjectCohort) -> Iterator[str]:
    """No object to learn from as a complete one; a cohort that is all val and test has none to learn."""
    trainable = [one for one in read if one.case.split in ("train", "")]
    known = sum(one.amodal_known.total() for one in trainable)
    if not trainable or any(one.unoccluded for one in trainable) or (known and _known_are_complete(cohort)):
        return
    cure = f"; complete: known would learn from the {known} whose amodal mask is known" if known else ""
    yield complaint("unoccluded objects", "at least one to train on", f"none{cure}", cohort.name)


def _shapeless(tallies: Sequence[Tally], cohort: ObjectCohort) -> Iterator[str]:
    known = _known_are_complete(cohort)
    names = [tally.label for tally in tallies if not (tally.unoccluded or (known and tally.amodal_known))]
    if names:
        yield f"classes without an unoccluded object: {len(names)}, whose shape cannot be learnt ({some(names)})"


def _known_are_complete(cohort: ObjectCohort) -> bool:
    """See ``complete_objects``."""
    return cohort.rules.complete == "known"


def _mixed_spacing(read: Sequence[_CaseObjects], cohort: ObjectCohort) -> Iterator[str]:
    """Frames of a fixed size in mm, or in voxels, mean another thing from case to case."""
    cases: dict[Spacing, list[str]] = {}
    for one in read:
        for spacing_mm in one.spacings:
            cases.setdefault(spacing_mm and tuple(round(mm, 4) for mm in spacing_mm), []).append(one.case.name)
    if len(cases) > 1:
        got = " and ".join(
            f"{length_text(spacing)} in {len(names)} ({some(names)})" for spacing, names in cases.items()
        )
        yield complaint("voxel sizes", "one in all cases", got, cohort.name)


def _unscaled(read: Sequence[_CaseObjects]) -> Iterator[str]:
    names = [one.case.name for one in read if None in one.spacings]
    if names:
        yield f"no voxel size: {len(names)} label maps; their lengths are in pixels ({some(names)})"


def _table_of_classes(tallies: Sequence[Tally]) -> list[str]:
    """A row per class, and where there are several one for all."""
    total = Tally(
        label="all",
        unoccluded=sum(row.unoccluded for row in tallies),
        amodal_known=sum(row.amodal_known for row in tallies),
        amodal_unknown=sum(row.amodal_unknown for row in tallies),
        dropped=sum(row.dropped for row in tallies),
    )
    rows = [*tallies, *([total] if len(tallies) > 1 else [])]
    width = max(len("class"), *(len(row.label) for row in rows))
    lines = [f"{'class':<{width}}  objects  unoccluded  occluded, amodal known  occluded, amodal unknown  dropped"]
    for row in rows:
        objects = row.unoccluded + row.amodal_known + row.amodal_unknown + row.dropped
        kept = f"{row.unoccluded:>10}  {row.amodal_known:>22}  {row.amodal_unknown:>24}"
        lines.append(f"{row.label:<{width}}  {objects:>7}  {kept}  {row.dropped:>7}")
    return lines
