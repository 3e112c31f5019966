"""Batches of occluded objects: functions of their place, the truth where it may be seen and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, replace

import numpy as np
import pytest
import torch

from medseg.amodal.nouns import MaskBatch
from medseg.amodal.occlusion import source as module
from medseg.amodal.occlusion.frames import frame_of
from medseg.amodal.occlusion.source import OcclusionSource
from medseg.contracts import Cohort

from .conftest import SHOWING, rod, showing, source


def same(one: MaskBatch, other: MaskBatch) -> bool:
    pairs = zip(astuple(one), astuple(other), strict=True)
    return all(torch.equal(a, b) if isinstance(a, torch.Tensor) else a == b for a, b in pairs)


def joined(parts: Sequence[MaskBatch]) -> MaskBatch:
    """The shares of all ranks in the order of the global batch."""
    names = ("visible", "occluder", "amodal", "class_index", "case_index")
    stacked = {name: torch.stack([getattr(part, name) for part in parts], 1).flatten(0, 1) for name in names}
    return replace(parts[0], **stacked)


# ------------------------------------------------------------------------------------------ batches
@pytest.mark.parametrize("target", ["complete", "occluded", "visible"])
def test_a_batch_is_a_function_of_view_epoch_and_step(cohort: Cohort, target):
    one, other = source(cohort, mask_jitter=1), source(cohort, mask_jitter=1)
    later = other.batch(target, 1, 1)
    assert same(one.batch(target, 0, 1), other.batch(target, 0, 1)) and same(one.batch(target, 1, 1), later)
    assert not torch.equal(one.batch(target, 0, 1).visible, later.visible)
    assert later.visible.shape == later.occluder.shape == later.amodal.shape == (4, 1, 16, 16)
    assert later.visible.dtype == torch.float32 and later.class_index.dtype == torch.int64
    seeded = OcclusionSource(cohort, showing(mask_jitter=1), 8, batch_size=4)
    assert not same(seeded.batch(target, 1, 1), later)


def test_the_ranks_share_one_global_batch(cohort: Cohort):
    found = source(cohort)
    for target in ("complete", "occluded", "visible"):
        alone = found.batch(target, 0, 2)
        assert same(joined([found.batch(target, 0, 2, rank=rank, world=2) for rank in range(2)]), alone)
    kept = [list(found.validation("visible", rank, 2)) for rank in range(2)]
    numbers = [set(torch.cat([batch.case_index for batch in part]).tolist()) for part in kept]
    everything = torch.cat([batch.case_index for batch in found.validation("visible")])
    assert not numbers[0] & numbers[1] and numbers[0] | numbers[1] == set(everything.tolist())
    assert len(everything) == len(found.occluded["val"])


def test_every_object_is_seen_once_before_any_is_seen_again(cohort: Cohort):
    found = source(cohort, batch_size=3)
    number = len(found.unoccluded["train"])
    assert found.steps_per_epoch() == -(-number // 3)
    steps = [found.batch("complete", *divmod(n, found.steps_per_epoch())) for n in range(2 * found.steps_per_epoch())]
    seen = torch.cat([batch.case_index for batch in steps]).tolist()
    assert len(set(seen[:number])) == number  # the second round goes on in the batch in which the first has ended
    assert len(set(seen[number : 2 * number])) == len(seen[number : 2 * number])
    assert {found.names[index] for index in seen} == {amodal_object.name for amodal_object in found.unoccluded["train"]}
    assert source(cohort, 4, objects_per_epoch=10).steps_per_epoch() == 3


def test_an_index_names_the_object(cohort: Cohort):
    found = source(cohort)
    batch = found.batch("visible", 0, 0)
    occluded = {amodal_object.name: amodal_object for amodal_object in found.occluded["train"]}
    objects = [occluded[found.names[index]] for index in batch.case_index.tolist()]
    assert batch.class_index.tolist() == [amodal_object.class_index for amodal_object in objects]
    areas = batch.visible.sum((1, 2, 3)) * 4  # frames of 2 pixels
    reduced = [frame_of(amodal_object, SHOWING.frame).reduction for amodal_object in objects]
    expected = [amodal_object.visible.sum() / factor**2 for amodal_object, factor in zip(objects, reduced, strict=True)]
    np.testing.assert_allclose(areas, expected, rtol=0.1)


def test_an_object_may_have_a_name_like_that_of_a_simulated_one(cohort: Cohort, monkeypatch: pytest.MonkeyPatch):
    cup = rod(name="cup~bar")
    monkeypatch.setattr(module, "objects_of_split", lambda cohort, split: [cup, replace(cup, unoccluded=False)])
    found = source(cohort, batch_size=1)
    for target in ("complete", "occluded", "visible"):
        assert [found.names[index] for index in found.batch(target, 0, 0).case_index.tolist()] == ["cup~bar"]


# -------------------------------------------------------------------------------------------- targets
def test_the_truth_is_told_of_synthetically_occluded_objects_and_never_of_really_occluded_ones(cohort: Cohort):
    found = source(cohort)
    shown = found.batch("visible", 0, 0)
    assert torch.equal(shown.amodal, shown.visible)
    for target in ("complete", "occluded"):
        batch = found.batch(target, 0, 0)
        assert (batch.amodal + 1e-5 >= batch.visible).all() and (batch.amodal > batch.visible + 0.5).any()
    swapped = {
        split: [replace(amodal_object, amodal=~amodal_object.visible) for amodal_object in objects]
        for split, objects in found.occluded.items()
    }
    told = found.batch("visible", 0, 0)
    found.occluded = swapped
    assert same(found.batch("visible", 0, 0), told)  # another truth changes nothing


def test_what_is_occluded_lies_in_the_occluder(cohort: Cohort):
    batch = source(cohort).batch("occluded", 0, 0)
    lost = batch.amodal - batch.visible
    assert lost.max() > 0.9 and (lost <= batch.occluder + 1e-4).all()


def test_a_cohort_without_occluded_objects_hides_unoccluded_ones_and_keeps_their_amodal_masks_to_itself(cohort: Cohort):
    found = source(cohort)
    found.occluded = {"train": [], "val": []}
    batch = found.batch("visible", 0, 0)
    assert torch.equal(batch.amodal, batch.visible) and batch.occluder.sum() > 0
    names = {found.names[index] for index in batch.case_index.tolist()}
    assert names <= {amodal_object.name for amodal_object in found.unoccluded["train"]}
    occluded = found.batch("occluded", 0, 0)
    assert torch.equal(batch.visible, occluded.visible) and not torch.equal(batch.amodal, occluded.amodal)


# --------------------------------------------------------------------------------------- validation
@pytest.mark.parametrize("enough", [1, 1000])
def test_stage_three_is_judged_on_objects_of_known_whole(cohort: Cohort, monkeypatch: pytest.MonkeyPatch, enough: int):
    monkeypatch.setattr("medseg.amodal.occlusion.source.ENOUGH", enough)
    found = source(cohort)
    shown = list(found.validation("visible"))
    names = {found.names[index] for batch in shown for index in batch.case_index.tolist()}
    assert any((batch.amodal > batch.visible + 0.5).any() for batch in shown)
    really = {amodal_object.name for amodal_object in found.occluded["val"] if amodal_object.amodal is not None}
    assert (names == really) if enough == 1 else not (names & really)


def test_validation_shows_the_same_in_every_epoch_and_nothing_of_training(cohort: Cohort):
    found = source(cohort, mask_jitter=2)
    for target in ("complete", "occluded", "visible"):
        first, again = list(found.validation(target)), list(found.validation(target))
        assert all(same(one, other) for one, other in zip(first, again, strict=True))
        names = {found.names[index] for batch in first for index in batch.case_index.tolist()}
        assert names and all(name.startswith("shapes_002/") for name in names)


def test_no_more_validation_objects_than_are_needed(cohort: Cohort, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "VALIDATION", 2)
    found = source(cohort)
    assert len(found.unoccluded["val"]) == len(found.occluded["val"]) == 2
    assert len(found.unoccluded["train"]) > 2


def test_masks_are_sloppy_in_training_only(cohort: Cohort):
    sharp, sloppy = source(cohort), source(cohort, mask_jitter=2)
    for one, other in zip(sharp.validation("occluded"), sloppy.validation("occluded"), strict=True):
        assert torch.equal(one.visible, other.visible) and torch.equal(one.occluder, other.occluder)
    areas = [[float(s.batch("visible", 0, step).visible.sum()) for step in range(3)] for s in (sharp, sloppy)]
    assert areas[0] != areas[1]
    complete = [s.batch("complete", 0, 0) for s in (sharp, sloppy)]
    assert torch.equal(complete[0].amodal.sum((1, 2, 3)), complete[1].amodal.sum((1, 2, 3)))


def test_mirror_images_are_shown_only_where_they_may_be(cohort: Cohort):
    mirrored, plain = source(cohort), source(cohort, mirror=False)
    pairs = zip(mirrored.batch("visible", 0, 0).visible, plain.batch("visible", 0, 0).visible, strict=True)
    flips = [()], [(1,), (2,), (1, 2)]
    seen = []
    for one, other in pairs:  # a mirror image lies in a frame that is mirrored along one axis or both, or is turned
        seen.append([flip for group in flips for flip in group if torch.allclose(one.flip(flip), other, atol=0.3)])
    assert all(seen) and any(() not in found for found in seen)


# ------------------------------------------------------------------------------- known wholes, told
def test_objects_of_known_whole_are_told_where_a_config_asks_for_it(cohort: Cohort, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(OcclusionSource, "told", property(lambda found: found.showing.occlusion.known))
    none, half, all_known = (told(cohort, share) for share in (0.0, 0.5, 1.0))
    assert none.known == {"train": [], "val": []}
    names = {one.name for one in half.known["train"]}
    really = {one.name for one in half.occluded["train"] if one.amodal is not None}
    assert really < names and names - really == {n for n in names if n.endswith(("~front", "~back"))}
    shares = [np.mean([name in names for name in shown(found, 12)]) for found in (none, half, all_known)]
    assert shares[0] == 0 and 0.25 < shares[1] < 0.75 and shares[2] == 1
    batch = all_known.batch("occluded", 0, 0)
    assert (batch.amodal + 1e-5 >= batch.visible).all() and (batch.amodal > batch.visible + 0.5).any()
    assert same(batch, told(cohort, 1.0).batch("occluded", 0, 0))
    whole = {shape.name for shape in all_known.unoccluded["train"]}
    assert {all_known.names[index] for index in all_known.batch("complete", 0, 0).case_index.tolist()} <= whole


def test_an_object_of_known_whole_is_shown_no_more_often_than_a_complete_one(cohort: Cohort):
    found = told(cohort, 1.0)
    found.known["train"] = found.known["train"][:2]
    assert found.told == 2 / (2 + len(found.unoccluded["train"]))
    names = {one.name for one in found.known["train"]}
    assert 0 < np.mean([name in names for name in shown(found, 60)]) < 3 * found.told
    found.known["train"] = []
    assert found.told == 0


def test_of_known_objects_in_front_nothing_is_hidden_and_of_those_behind_something_is(cohort: Cohort):
    for one in told(cohort, 1.0).known["train"]:
        assert one.amodal is not None and one.occluder is not None
        hidden = one.amodal & ~one.visible
        assert hidden.any() != one.name.endswith("~front") and not (hidden & ~one.occluder).any()


def test_validation_has_as_many_objects_of_known_whole_as_training(cohort: Cohort):
    found = told(cohort, 0.5)
    names = {one.name for one in found.known["val"]}
    shown_names = [found.names[n] for batch in found.validation("occluded") for n in batch.case_index.tolist()]
    assert sum(name in names for name in shown_names) == min(round(len(shown_names) * found.told), len(names)) > 0
    assert all(name.startswith("shapes_002/") for name in shown_names)


def test_stage_three_is_judged_on_patients_of_whom_nothing_is_told_too(cohort: Cohort, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "ENOUGH", 1)
    monkeypatch.setattr("medseg.amodal.occlusion.known.KEPT", 2)  # of two training patients the second
    kept = cohort.cases[1].name
    for share, cases in ((0.5, {kept, "shapes_002"}), (0.0, {"shapes_002"})):
        found = told(cohort, share)
        names = {found.names[n] for batch in found.validation("visible") for n in batch.case_index.tolist()}
        assert {name.partition("/")[0] for name in names} == cases
        assert not any(one.case == kept for one in found.known["train"])


def told(cohort: Cohort, share: float) -> OcclusionSource:
    return source(cohort, occlusion=SHOWING.occlusion.model_copy(update={"known": share}))


def shown(found: OcclusionSource, steps: int) -> list[str]:
    """The names of what the first steps of stage II show."""
    batches = [found.batch("occluded", *divmod(step, found.steps_per_epoch())) for step in range(steps)]
    return [found.names[index] for batch in batches for index in batch.case_index.tolist()]
