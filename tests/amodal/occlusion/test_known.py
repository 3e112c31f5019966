"""Objects of known whole: whose are told, and whose are kept for the calibration."""

from __future__ import annotations

from medseg.amodal.objects import objects_of_split, with_contacts
from medseg.amodal.occlusion.known import known_scenes, without_told
from medseg.contracts import Cohort

from .conftest import SHOWING, divided


def test_of_every_fourth_patient_nothing_is_told(cohort: Cohort):
    seen = divided(cohort, "train", "train", "train", "train")
    names = [case.name for case in seen.cases]
    assert untold(seen, 0.0) == set(names) and untold(seen, 0.5) == {names[3]}
    occluded = [one for one in objects_of_split(with_contacts(seen), "train") if not one.unoccluded]
    told = known_scenes(seen, "train", occluded, SHOWING.frame)
    assert {one.case for one in told} == set(names[:3])


def test_all_of_the_validation_cases_is_known_to_validation_and_told_to_nobody(cohort: Cohort):
    parted = divided(cohort, "train", "train", "val", "test")
    names = [case.name for case in parted.cases]
    assert untold(parted, 0.5) == {names[2]} and untold(parted, 0.0) == set(names[:3])
    assert {one.case for one in known_scenes(parted, "val", [], SHOWING.frame)} == {names[2]}


def untold(cohort: Cohort, told: float) -> set[str]:
    """Of training and validation."""
    left = without_told(cohort, told)
    return {case.name for split in ("train", "val") for case in left.split(split)}
