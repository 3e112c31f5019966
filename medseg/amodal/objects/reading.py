"""The objects of a case of a cohort, and of all cases of a split."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.drawn import read_drawn_object
from medseg.amodal.objects.extraction import Extraction
from medseg.amodal.objects.label_map import objects_of
from medseg.amodal.objects.stack import read_stack
from medseg.cohorts import FULL, VISIBLE, short_path
from medseg.contracts import Case, ObjectCohort, ObjectRules, Split, watched
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


def with_contacts(cohort: ObjectCohort) -> ObjectCohort:
    """The same, in which objects that share hardly anything with their neighbours are objects too.

    ``smallest_occluded`` keeps contacts from being taken for overlaps where known wholes are learnt from; whoever
    completes maps meets them all the same.
    """
    return replace(cohort, rules=replace(cohort.rules, smallest_occluded=1))


def is_contact(amodal_object: AmodalObject, rules: ObjectRules) -> bool:
    """Whether an object of known amodal mask only touches its neighbours: less than ``smallest_occluded`` is hidden."""
    assert amodal_object.amodal is not None
    return int(np.count_nonzero(amodal_object.amodal & ~amodal_object.visible)) < rules.smallest_occluded


def objects_of_split(cohort: ObjectCohort, split: Split) -> list[AmodalObject]:
    """Every object of the cases of one split, in the order of the manifest."""
    cases = cohort.split(split)
    return [
        amodal_object
        for case in watched(cases, "taking label maps apart", len(cases))
        for amodal_object in read_objects(case, cohort).objects
    ]
