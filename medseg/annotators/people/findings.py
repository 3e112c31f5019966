"""All that is found about the annotators of a run or a cohort, case by case and together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medseg.annotators.labelled_case import Floats
from medseg.annotators.loading.records import Record
from medseg.annotators.people.agreement import CaseAgreement, Repeat, case_agreement, repeats
from medseg.annotators.people.asking import information_gains, open_voxels
from medseg.annotators.people.errors import CaseErrors, case_errors
from medseg.annotators.people.labelling import Labelling
from medseg.annotators.people.outliers import Outliers, find_outliers
from medseg.annotators.people.space import SpaceMaps
from medseg.annotators.people.styles import Styles, find_styles
from medseg.cohorts import read_all
from medseg.evaluation import present


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What the label of one annotator who did not see a case would tell."""

    case: int
    """Index of the case,"""
    annotator: int
    """and of the annotator."""
    gain: float
    """Nats, see ``asking.information_gains``."""
    present: int
    """How many labelled the case."""
    voxels: int
    """So many are asked about."""


@dataclass(frozen=True, kw_only=True)
class Findings:
    """About all annotators; the cases are those of ``labelling.cohort``, in their order."""

    labelling: Labelling
    """Who labelled what."""
    seen: Floats
    """(N,A) 1 where an annotator labelled the case."""
    errors: Sequence[CaseErrors]
    """(N,)."""
    agreement: Sequence[CaseAgreement]
    """(N,)."""
    styles: Styles
    """Who errs alike."""
    outliers: Outliers
    """The Dice of every mask, and which are unlike all others."""
    asks: Sequence[Ask]
    """The largest gain first."""
    repeats: Sequence[Repeat]
    """What was labelled again."""
    space: SpaceMaps
    """Where each errs."""
    unit: str
    """Of the boundary bias: mm, or px where a case has no scale."""

    @property
    def patients(self) -> list[str]:
        """(N,) whose case it is."""
        return [case.patient for case in self.labelling.cohort.cases]

    def stacked(self, name: str) -> Floats:
        """(N,A...) a field of ``CaseErrors`` of all cases."""
        return np.stack([getattr(errors, name) for errors in self.errors])


def find(labelling: Labelling) -> Findings:
    """Read every case, then measure each annotator case by case.

    Raises Refused with the complaints about all files that cannot be read.
    """
    cohort, annotators = labelling.cohort, labelling.annotators
    classes = len(cohort.classes)
    space = SpaceMaps(len(annotators), classes, cohort.spatial_dims)
    errors, agreement, seen, asks = [], [], [], []
    scaled = all(read_all(cohort.cases, lambda case: labelling.record(case).spacing_mm))
    for number, case in enumerate(cohort.cases):
        record = labelling.record(case)
        references = labelling.references(record)
        errors.append(case_errors(record.labels, references, classes, record.spacing_mm if scaled else None))
        agreement.append(case_agreement(record.labels, classes))
        seen.append(present(record.labels))
        asks += _asks(labelling, number, record)
        space.add(record, references)
    return Findings(
        labelling=labelling,
        seen=np.array(seen, float),
        errors=errors,
        agreement=agreement,
        styles=find_styles(labelling.fusion),
        outliers=find_outliers(np.stack([of_case.dice for of_case in errors])),
        asks=sorted(asks, key=lambda ask: -ask.gain),
        repeats=repeats(labelling),
        space=space,
        unit="mm" if scaled else "px",
    )


def _asks(labelling: Labelling, number: int, record: Record) -> list[Ask]:
    """Of one case, a row per annotator who did not see it."""
    here = present(record.labels)
    who, absent = np.flatnonzero(here), np.flatnonzero(~here).tolist()
    if not (len(who) and absent):
        return []
    labels = labelling.on_grid(record)[who]
    gains = information_gains(labelling.fusion, labels, who, absent)
    voxels = int(np.count_nonzero(open_voxels(labels)))
    return [
        Ask(case=number, annotator=annotator, gain=gain, present=len(who), voxels=voxels)
        for annotator, gain in zip(absent, gains.tolist(), strict=True)
    ]
