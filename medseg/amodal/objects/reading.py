"""The objects of a case of a cohort, and of all cases of a split."""

from __future__ import annotations

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.drawn import read_drawn_object
from medseg.amodal.objects.extraction import Extraction
from medseg.amodal.objects.label_map import objects_of
from medseg.amodal.objects.stack import read_stack
from medseg.cohorts import FULL, VISIBLE, short_path
from medseg.contracts import Case, ObjectCohort, Split, watched
from medseg.images import read_labels


def read_objects(case: Case, cohort: ObjectCohort) -> Extraction:
    """The objects of one case of a cohort with rules: those of its label map or of its stack, or the one that is drawn.

    Raises Refused as ``read_labels``, ``objects_of``, ``read_stack`` and ``read_drawn_object`` do.
    """
    if case.instance_masks:
        return read_stack(case, cohort)
    if VISIBLE in case.object_masks:
        return read_drawn_object(case, cohort)
    path = case.object_masks[FULL]
    return objects_of(read_labels(path, f"{case.name}, {short_path(path, cohort)}"), cohort.scheme, case.name)


def objects_of_split(cohort: ObjectCohort, split: Split) -> list[AmodalObject]:
    """Every object of the cases of one split, in the order of the manifest."""
    cases = cohort.split(split)
    return [
        amodal_object
        for case in watched(cases, "taking label maps apart", len(cases))
        for amodal_object in read_objects(case, cohort).objects
    ]
