"""Objects that are really hidden in part and whose whole is known: what training may be told beside what is drawn."""

from __future__ import annotations

from collections.abc import Sequence

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import with_contacts
from medseg.amodal.objects.ordinary import ordinary_cases, read_ordinary_map
from medseg.amodal.occlusion.frames import fits
from medseg.amodal.occlusion.sections import FrameConfig
from medseg.contracts import ObjectCohort, Split


def known_scenes(
    cohort: ObjectCohort, split: Split, occluded: Sequence[AmodalObject], rules: FrameConfig
) -> list[AmodalObject]:
    """Those of the ``occluded`` objects of a split whose amodal mask is known, and, where the rules know overlaps,
    the same maps as every segmenter gives them: objects behind, and objects in front, of which nothing is hidden.

    Raises Refused as ``read_ordinary_map`` does.
    """
    shown = with_contacts(cohort)
    ordinary = [one for case in ordinary_cases(shown, split) for one in read_ordinary_map(case, shown).objects]
    return [one for one in (*occluded, *ordinary) if one.amodal is not None and fits(one, rules)]
