"""The objects of a case of a cohort, and of all cases of a split."""

from __future__ import annotations

from medseg.amodal.objects.drawn import read_drawn_object
from medseg.amodal.objects.extraction import Extraction
from medseg.amodal.objects.label_map import objects_of
from medseg.cohorts.manifest import LABELS, VISIBLE, short_path
from medseg.contracts import AmodalObject, Case, Cohort, Split
from medseg.images.files import read_labels


def read_objects(case: Case, cohort: Cohort) -> Extraction:
    """The objects of one case of a cohort with rules: those of its label map, or the one that its masks show.

    Raises Refused as ``read_labels``, ``objects_of`` and ``read_drawn_object`` do.
    """
    if VISIBLE in case.masks:
        return read_drawn_object(case, cohort)
    volume = read_labels(case.masks[LABELS], f"{case.name}, {short_path(case.masks[LABELS], cohort)}")
    return objects_of(volume.array, cohort, case.name, volume.affine, volume.spacing_mm)


def objects_of_split(cohort: Cohort, split: Split) -> list[AmodalObject]:
    """Every object of the cases of one split, in the order of the manifest."""
    return [thing for case in cohort.split(split) for thing in read_objects(case, cohort).objects]
