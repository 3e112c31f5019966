"""Objects that are really hidden in part and whose whole is known: what training may be told beside what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import with_contacts
from medseg.amodal.objects.ordinary import ordinary_cases, read_ordinary_map
from medseg.amodal.occlusion.frames import fits
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import ObjectCohort, Split

KEPT = 4
"""Of so many patients of training one is told nothing of, so that his objects can calibrate intervals."""


def without_told(cohort: ObjectCohort, told: float) -> ObjectCohort:
    """The same, without the training cases of whose objects more than the visible parts is told.

    told: ``data.occlusion.known``. If 0 nothing is; else the training cases of every ``KEPT``-th patient stay, in the
    order of their names.
    """
    patients = sorted({case.patient for case in cohort.split("train")})
    left_out = {*patients} - {*patients[KEPT - 1 :: KEPT]} if told else set[str]()
    stay = (case for case in cohort.cases if case.split != "train" or case.patient not in left_out)
    return replace(cohort, cases=tuple(stay))


def known_scenes(
    cohort: ObjectCohort, split: Split, occluded: Sequence[AmodalObject], rules: FrameConfig
) -> list[AmodalObject]:
    """Those of the ``occluded`` objects of a split whose amodal mask is known, and, where the rules know overlaps,
    the same maps as every segmenter gives them: objects behind, and objects in front, of which nothing is hidden.
    Of training they are those of which all is told, see ``without_told``.

    Raises Refused as ``read_ordinary_map`` does.
    """
    shown = with_contacts(cohort)
    kept = {case.name for case in without_told(cohort, 1).split("train")}
    cases = [case for case in ordinary_cases(shown, split) if case.name not in kept]
    ordinary = [one for case in cases for one in read_ordinary_map(case, shown).objects]
    everything = (*(one for one in occluded if one.case not in kept), *ordinary)
    return [one for one in everything if one.amodal is not None and fits(one, rules)]
