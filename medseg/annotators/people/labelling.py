"""A run or a cohort -> who labelled what, and by what truth each annotator is measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.assembly import Signature, read_annotator_run
from medseg.annotators.drawn import around_drawn
from medseg.annotators.fusion import Fusion
from medseg.annotators.loading.grid import Grid, labels_to_grid
from medseg.annotators.loading.placement import probs_to_native
from medseg.annotators.loading.records import Record, look_at_case, read_record
from medseg.annotators.pictures.heatmaps import Confusion, read_confusion
from medseg.annotators.reliance import fusion_of_run
from medseg.annotators.truths import fit_truth
from medseg.cohorts import MANIFEST, apply, find_cohort, fingerprint, load_cohort, read_all, read_splits
from medseg.config import refuse_other_data
from medseg.contracts import UNLABELLED, Case, Cohort, ObjectCohort, Refused, complaint
from medseg.evaluation import present

KNOWN, FUSED = "the known truth", "what the labels of the others say together (never his own)"


@dataclass(frozen=True, kw_only=True)
class Labelling:
    """The labels of a cohort, and what is known of those who wrote them."""

    cohort: Cohort
    """With those cases alone that somebody labelled."""
    annotators: tuple[str, ...]
    """In the order of axis A."""
    voters: tuple[str, ...]
    """Whose vote is the known truth; none: the cohort's own is, where it has one."""
    fusion: Fusion
    """What all labels say of the annotators."""
    grid: Grid | None
    """On which the fusion was learned; None: on each case's own."""
    known: bool
    """Whether every case has a known truth: then each is measured by it."""
    estimated: tuple[Confusion, ...] = ()
    """Each annotator's matrix as a network learned it, where an evaluation left it."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names in the order of axes O and T."""
        return tuple(label.name for label in self.cohort.classes)

    @property
    def measured_by(self) -> str:
        """The truth that annotators are measured by, in words."""
        return KNOWN if self.known else FUSED

    def record(self, case: Case) -> Record:
        """One case as its files have it. Raises Refused for files that cannot be read."""
        return read_record(case, self.cohort, self.annotators, self.voters)

    def references(self, record: Record) -> NDArray[np.integer]:
        """(A,S...) the truth that each annotator is measured by: the known one, or that fused of the others' labels.

        UNLABELLED where nobody else said anything, and everywhere of an annotator who did not see the case.
        """
        seen = present(record.labels)
        if self.known and record.truth is not None:
            absent = np.expand_dims(~seen, tuple(range(1, record.labels.ndim)))
            return np.where(absent, UNLABELLED, record.truth)
        found, here = np.full_like(record.labels, UNLABELLED), np.flatnonzero(seen)
        for row in here:
            if len(others := here[here != row]):
                found[row] = self._fused(record, others)
        return found

    def on_grid(self, record: Record) -> NDArray[np.integer]:
        """(A,S...) the labels of a case where the fusion sees them."""
        if self.grid is None:
            return record.labels
        return labels_to_grid(record.labels, self.grid.place(record.image.shape[1:], record.affine, record.spacing_mm))

    def _fused(self, record: Record, whose: NDArray[np.intp]) -> NDArray[np.integer]:
        """(S...) the most probable truth given the labels of some."""
        labels = replace(record, labels=record.labels[whose])
        probs = self.fusion(self.on_grid(labels), whose)
        if self.grid is not None:
            placement = self.grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
            probs = probs_to_native(probs, placement)
        return np.where((labels.labels != UNLABELLED).any(axis=0), probs.argmax(axis=0), UNLABELLED)


def labelling_of(source: Path) -> Labelling:
    """Of a run folder, with its cohort, split, classes and fusion; or of a cohort.

    Raises Refused for a folder that is neither, for label maps, for a run of another method or one whose data have
    changed, and where there is nobody to compare an annotator with.
    """
    if (source / "config.yaml").is_file():
        return _of_run(source)
    if (source / MANIFEST).is_file():
        return _of_cohort(source)
    expected = f"config.yaml of a trained run, or {MANIFEST} of a cohort"
    raise Refused([complaint("run or cohort", expected, "neither", str(source))])


def _of_cohort(folder: Path) -> Labelling:
    whole = load_cohort(folder)
    if isinstance(whole, ObjectCohort):
        raise Refused([complaint("cohort", "annotated images", "label maps", whole.name)])
    annotators = whole.annotators or whole.crowd
    cohort = _labelled(whole, annotators)
    known = all(case.truth for case in cohort.cases)
    if len(annotators) < 2 and not known:
        raise Refused([complaint("annotators", "two or more, or a known truth", len(annotators), cohort.name)])
    labels = read_all(cohort.cases, lambda case: _cut_out(read_record(case, cohort, annotators).labels))
    whose = [np.flatnonzero(present(each)) for each in labels]
    compact = [each[here] for each, here in zip(labels, whose, strict=True)]
    looks = [partial(look_at_case, case, cohort, annotators) for case in cohort.cases]
    classes = len(cohort.classes)
    fusion = fit_truth(compact, classes, looks, annotator_index=whose, annotators=len(annotators))
    return Labelling(cohort=cohort, annotators=annotators, voters=(), fusion=fusion, grid=None, known=known)


def _of_run(run: Path) -> Labelling:
    config, signature = read_annotator_run(run), Signature.read(run)
    whole = load_cohort(find_cohort(config.data.cohort))
    if whole.classes != signature.classes:
        expected, got = (", ".join(label.name for label in each.classes) for each in (signature, whole))
        raise Refused([complaint("classes", expected, got, whole.name)])
    refuse_other_data(run, fingerprint(whole))
    assigned = apply(whole, read_splits(run / "splits.json"))
    cohort, voters = _labelled(assigned, signature.annotators), config.data.truth
    fusion = fusion_of_run(run, assigned)
    assert fusion is not None  # a run that has none gets one of its cohort
    return Labelling(
        cohort=cohort,
        annotators=signature.annotators,
        voters=voters,
        fusion=fusion,
        grid=config.data.grid,
        known=all(case.truth or set(voters) & set(case.annotations) for case in cohort.cases),
        estimated=tuple(read_confusion(run / "confusion.csv")),
    )


def _labelled(cohort: Cohort, annotators: Sequence[str]) -> Cohort:
    """The cases that one of these has labelled. Raises Refused where there is none."""
    cases = tuple(case for case in cohort.cases if set(case.annotations) & set(annotators))
    if not cases:
        raise Refused([complaint("cases with labels", "at least one", "none", cohort.name)])
    return replace(cohort, cases=cases)


def _cut_out(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """The box around all that anybody drew (A,S...), with what a fusion looks at around it."""
    if not (labels > 0).any():
        return labels
    return around_drawn(labels)
