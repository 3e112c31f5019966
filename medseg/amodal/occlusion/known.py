"""Objects that are really hidden in part and whose whole is known: what training may be told beside what is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import with_contacts
from medseg.amodal.objects.ordinary import ordinary_cases, read_ordinary_map
from medseg.amodal.occlusion.frames import fits
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import ObjectCohort, Split

KEPT = 4
"""Of so many patients of training one is told nothing of, so that his objects can calibrate intervals."""


def untold_cases(cohort: ObjectCohort, told: float) -> set[str]:
    """Names of training and validation cases of which training sees the visible parts alone.

    told: ``data.occlusion.known``. If 0 those are all; else the validation cases, and the training cases of every
    ``KEPT``-th patient, in the order of their names.
    """
    seen, judged = cohort.split("train"), cohort.split("val")
    patients = sorted({case.patient for case in seen})
    kept = patients[KEPT - 1 :: KEPT] if told else patients
    return {case.name for case in judged} | {case.name for case in seen if case.patient in kept}


def known_scenes(
    cohort: ObjectCohort, split: Split, occluded: Sequence[AmodalObject], rules: FrameConfig
) -> list[AmodalObject]:
    """Those of the ``occluded`` objects of a split whose amodal mask is known, and, where the rules know overlaps,
    the same maps as every segmenter gives them: objects behind, and objects in front, of which nothing is hidden.
    Training objects of ``untold_cases`` are left out.

    Raises Refused as ``read_ordinary_map`` does.
    """
    shown = with_contacts(cohort)
    ordinary = [one for case in ordinary_cases(shown, split) for one in read_ordinary_map(case, shown).objects]
    untold = untold_cases(cohort, 1) if split == "train" else set[str]()
    everything = (one for one in (*occluded, *ordinary) if one.case not in untold)
    return [one for one in everything if one.amodal is not None and fits(one, rules)]
