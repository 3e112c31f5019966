"""Simulated annotators among real ones: a cohort in which some annotators are replaced, or to which some are added."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from medseg.annotators.consensus import majority_vote
from medseg.annotators.loading.records import read_record
from medseg.annotators.simulation.arguments import replacement_complaints, size_complaints
from medseg.annotators.simulation.cases import (
    ANNOTATOR_STREAM,
    RESULTS,
    KnownCase,
    annotation,
    copied,
    copied_images,
    label_values,
    read_truth,
    write_confusion,
    write_mask,
)
from medseg.annotators.simulation.simulators import annotator_names
from medseg.cohorts import load_cohort, read_all, require_empty, write_cohort
from medseg.contracts import UNLABELLED, Case, Cohort, Refused, Volume, complaint
from medseg.images import place_complaints, suffix_of, whole_or_none, write_labels


@dataclass(frozen=True, kw_only=True)
class Simulated:
    """One simulated annotator of the new cohort."""

    name: str
    """That of the annotator who is replaced, or a new one."""
    spec: str
    """What it gets wrong, as ``simulators`` have it."""
    number: int
    """Of its random numbers: whoever else is simulated does not change what it draws."""
    added: bool
    """It labels every case; otherwise those that the annotator whose place it takes has labelled."""


@dataclass(frozen=True, kw_only=True)
class Original:
    """The cohort that is read, and what a simulated mistake in it is made on."""

    cohort: Cohort
    """As it is on the disk."""
    kept: tuple[str, ...]
    """The persistent annotators who keep their masks."""
    known: bool
    """Whether it has a truth; otherwise the vote of those kept stands for it."""

    def check(self) -> None:
        """Raise Refused with every case that gives no truth."""

        def heard(case: Case) -> None:
            self.truth(case)

        read_all(self.cohort.cases, heard)

    def truth(self, case: Case) -> Volume:
        """Class indices (S...): the known truth, or the vote.

        Raises Refused where there is none, and for values that cohort.yaml does not name.
        """
        if self.known:
            return read_truth(self.cohort, case)
        present = [name for name in self.kept if name in case.annotations]
        if not present:
            raise Refused([complaint("labels", f"those of one of {', '.join(self.kept)} to vote", "none", case.name)])
        record = read_record(case, self.cohort, present)
        strange = {name: int((one == UNLABELLED).sum()) for name, one in zip(present, record.labels, strict=True)}
        if any(strange.values()):
            expected = f"the classes' {', '.join(map(str, label_values(self.cohort).tolist()))}"
            raise Refused(
                complaint("mask values", expected, f"others in {count} voxels", f"{case.name}/{name}")
                for name, count in strange.items()
                if count
            )
        vote = majority_vote(record.labels, len(self.cohort.classes)).astype(np.uint8)
        return Volume(array=vote, affine=record.affine, spacing_mm=record.spacing_mm)

    def written(self, out: Path) -> Iterator[KnownCase]:
        """Each case with its images, its truth and the masks that are kept, in the new folder."""
        for case in self.cohort.cases:
            truth = self.truth(case)
            masks = {name: case.annotations[name] for name in self.kept if name in case.annotations}
            kept = {name: copied(path, out / "annotations" / name, case.name) for name, path in masks.items()}
            if case.truth is None:
                place = out / "truth" / (case.name + suffix_of(next(iter(masks.values()))))
                path = write_labels(place, replace(truth, array=label_values(self.cohort)[truth.array.astype(int)]))
            else:
                path = copied(case.truth, out / "truth", case.name)
            images = copied_images(case, out)
            yield KnownCase(case=replace(case, images=images, annotations=kept, truth=path), truth=truth)


def simulate_among(
    source: Path,
    out: Path,
    *,
    replaced: Sequence[str] = (),
    added: Sequence[str] = (),
    seed: int,
    cases: int | None = None,
) -> Path:
    """Write the first ``cases`` of ``source`` to ``out`` with some of its annotators simulated; returns ``out``.

    replaced: ``annotator=spec`` ("bob=over:2"): who keeps the name and the cases, and not the labels. added: specs of
    annotators of every case. All others keep their masks, byte by byte; slots of a crowd are left out unless replaced.
    What a mistake is made on is the truth of the new cohort: the known one, or where no case of ``source`` has one,
    the majority vote of those persistent annotators who keep their masks.
    Beside the cohort, confusion.csv holds p(observed|true) of the simulated annotators.
    Raises Refused for bad arguments, an ``out`` that is not empty, and cases without a usable truth or vote; nothing is
    left.
    """
    cohort = load_cohort(source)
    cohort = replace(cohort, cases=cohort.cases[:cases])
    if found := [*size_complaints(cases, seed), *replacement_complaints(cohort, replaced, added)]:
        raise Refused(found)
    require_empty(out)
    if found := place_complaints(out, source):
        raise Refused(found)
    simulated = _simulated(cohort, replaced, added)
    kept = [name for name in cohort.annotators if name not in {one.name for one in simulated}]
    original = Original(cohort=cohort, kept=tuple(kept), known=any(case.truth for case in cohort.cases))
    original.check()
    with whole_or_none(out, RESULTS):
        return _annotate(original, out, simulated=simulated, seed=seed)


def _simulated(cohort: Cohort, replaced: Sequence[str], added: Sequence[str]) -> list[Simulated]:
    """In the order of the cohort's annotators, the added ones last."""
    real = (*cohort.annotators, *cohort.crowd)
    specs = {name: spec for name, _, spec in (text.rpartition("=") for text in replaced)}
    taken = [
        Simulated(name=name, spec=specs[name], number=number, added=False)
        for number, name in enumerate(real)
        if name in specs
    ]
    names = annotator_names(added, taken=real)
    return taken + [
        Simulated(name=name, spec=spec, number=number, added=True)
        for number, (name, spec) in enumerate(zip(names, added, strict=True), start=len(real))
    ]


def _annotate(original: Original, out: Path, *, simulated: Sequence[Simulated], seed: int) -> Path:
    """Write everything but the images, the truths and the masks that are kept, which ``Original.written`` does."""
    cohort, cases = original.cohort, []
    counts = np.zeros((len(simulated), len(cohort.classes), len(cohort.classes)), np.int64)
    frame = replace(cohort, root=out, name=f"{cohort.name}_simulated")
    for index, (before, item) in enumerate(zip(cohort.cases, original.written(out), strict=True)):
        masks = dict(item.case.annotations)
        for row, one in enumerate(simulated):
            if one.added or one.name in before.annotations:
                made = annotation(frame, item, one.spec, stream=(seed, index, ANNOTATOR_STREAM, one.number))
                counts[row] += made.counts
                masks[one.name] = write_mask(frame, one.name, item, made.observed)
        cases.append(replace(item.case, annotations=masks))
    write_confusion(frame, [one.name for one in simulated], counts)
    labelled = {name for case in cases for name in case.annotations}
    named = [name for name in (*cohort.annotators, *(one.name for one in simulated if one.added)) if name in labelled]
    crowd = [name for name in cohort.crowd if name in labelled]
    people = {name: said for name, said in cohort.people.items() if name in original.kept and name in labelled}
    write_cohort(replace(frame, annotators=tuple(named), crowd=tuple(crowd), people=people, cases=tuple(cases)))
    return out
