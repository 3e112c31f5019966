"""Shapes stretched and bent by numbers that can be followed by hand, and what is drawn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from medseg.amodal.nouns import Hider
from medseg.amodal.occlusion.deforming import (
    WAVES,
    Deformation,
    DeformedShapes,
    deformed,
    deformed_object,
    deformed_scene,
    draw_deformation,
)
from medseg.amodal.occlusion.sections import DeformationConfig
from medseg.amodal.occlusion.source import OcclusionSource
from medseg.contracts import Cohort

from .conftest import SHOWING, extent, rod, source, square

ALWAYS = DeformationConfig(probability=1)


def straight(*factors: float) -> Deformation:
    """Shows these many times smaller along each axis, and does not bend."""
    dims = len(factors)
    return Deformation(matrix=np.diag(factors), waves=np.zeros((dims, *(WAVES,) * dims)))


def bent(share: float, voxels: int = 2) -> Deformation:
    """Along the last axis the object is moved along the first, by this share of its length, a whole wave."""
    deformation = straight(*(1.0,) * voxels)
    deformation.waves[(0, *(0,) * (voxels - 1), 2)] = share
    return deformation


# ------------------------------------------------------------------------------------------- masks
def test_what_is_not_deformed_stays_as_it_is_in_its_box():
    mask = np.pad(np.array([[1, 1, 0], [1, 0, 0], [1, 1, 1]], bool), 3)
    for deformation in (None, straight(1, 1)):
        np.testing.assert_array_equal(deformed(mask, deformation), mask[3:6, 3:6])


def test_half_the_step_makes_a_rod_twice_as_long():
    assert extent(deformed(rod(6, 14).visible, straight(0.5, 1))) == [12, 14]
    assert extent(deformed(rod(6, 12).visible, straight(1, 2))) == [6, 6]
    assert extent(deformed(square(9, 2, 6, dims=3), straight(1, 0.5, 2))) == [4, 8, 2]


def test_a_wave_along_a_rod_bends_it_and_leaves_it_as_thick():
    mask = deformed(rod(6, 14).visible, bent(3 / 14))
    middles = [float(np.flatnonzero(column).mean()) for column in mask.T]
    # at the ends cos(2 pi t) is nearly 1, so that what lies 3 rows below is shown, in the middle it is -1
    assert middles[7] - middles[0] == pytest.approx(6, abs=0.6) == middles[7] - middles[-1]
    assert set(mask.sum(0)) <= {5, 6, 7} and mask.sum() == pytest.approx(84, abs=4)


def test_slices_of_twice_the_thickness_are_deformed_alike():
    fine, coarse = np.ones((24, 40), bool), np.ones((12, 40), bool)
    for deformation in (straight(0.5, 1), bent(0.1)):
        whole, thick = deformed(fine, deformation), deformed(coarse, deformation, (2.0, 1.0))
        assert thick.shape[1] == whole.shape[1] and abs(2 * thick.shape[0] - whole.shape[0]) <= 2
        assert 2 * thick.sum() == pytest.approx(whole.sum(), rel=0.05)


@pytest.mark.parametrize("dims", [2, 3])
def test_nothing_is_cut_off_however_strong_it_is(dims: int):
    """Stretched by M^-1 a volume is divided by det M; an even displacement changes it by little."""
    config = DeformationConfig(probability=1, stretch=0.4, bend=0.01)
    for seed in range(12):
        deformation = draw_deformation(dims, config, np.random.default_rng(seed))
        assert deformation is not None
        mask = square(16, 0, 16, dims)
        assert deformed(mask, deformation).sum() * np.linalg.det(deformation.matrix) == pytest.approx(16**dims, rel=0.1)


def test_a_speck_that_would_vanish_stays_and_no_object_is_refused():
    assert deformed(square(9, 4, 5), straight(9, 9)).tolist() == [[True]]
    assert extent(deformed(square(9, 4, 6), Deformation(matrix=np.eye(2), waves=np.full((2, 4, 4), 9.0)))) == [2, 2]
    with pytest.raises(ValueError, match="^mask to deform: expected an object, got an empty mask$"):
        deformed(np.zeros((4, 4), bool), None)


# ------------------------------------------------------------------------------------------- draws
def test_as_many_are_deformed_as_the_config_says():
    half = DeformationConfig(probability=0.5)
    found = [draw_deformation(2, half, np.random.default_rng(seed)) is not None for seed in range(400)]
    assert 0.4 < np.mean(found) < 0.6
    assert all(draw_deformation(2, DeformationConfig(), np.random.default_rng(seed)) is None for seed in range(20))


@pytest.mark.parametrize("dims", [2, 3])
def test_factors_and_displacements_spread_as_the_config_says(dims: int):
    config = DeformationConfig(probability=1, stretch=0.2, bend=0.05)
    drawn = [draw_deformation(dims, config, np.random.default_rng(seed)) for seed in range(400)]
    factors = np.log([np.linalg.eigvalsh(one.matrix) for one in drawn if one])
    assert abs(factors.mean()) < 0.02 and factors.std() == pytest.approx(0.2, rel=0.06)
    cosines = np.cos(np.pi * np.outer((np.arange(20) + 0.5) / 20, np.arange(WAVES)))
    letters = "xyz"[:dims]
    sums = ",".join(f"{letter}{wave}" for letter, wave in zip(letters, "abc", strict=False))
    fields = [
        np.einsum(f"s{'abc'[:dims]},{sums}->s{letters}", one.waves, *[cosines] * dims) for one in drawn[:60] if one
    ]
    assert np.std(fields) == pytest.approx(0.05, rel=0.06)
    assert all(abs(field.mean()) < 1e-9 for field in fields)  # nothing is moved as a whole


def test_a_deformed_object_is_as_complete_as_it_was_and_alone():
    nothing = np.zeros((6, 14), bool)
    one = replace(rod(), occluder=nothing, hiders=(Hider(name="m/bar-1", mask=nothing),))
    changed = deformed_object(one, straight(0.5, 1))
    assert changed.visible is changed.amodal and changed.visible.sum() == 168 and changed.unoccluded
    assert (changed.occluder, changed.hiders, changed.name) == (None, (), one.name)
    assert deformed_object(one, None) is one


def test_a_neighbour_is_deformed_always_in_the_same_way_and_each_in_its_own():
    objects = [rod(), rod(), rod(4, 9)]
    one, again = (DeformedShapes(objects, ALWAYS, (5, 8)) for _ in range(2))
    other = DeformedShapes(objects, ALWAYS, (6, 8))
    assert len(one) == 3 and [mask.shape for mask in one[:2]] == [one[0].shape, one[1].shape]
    np.testing.assert_array_equal(one[1], again[1])
    assert not np.array_equal(one[0], one[1]) and not np.array_equal(one[1], other[1])
    assert [mask.shape for mask in DeformedShapes(objects, DeformationConfig(), (5,))] == [(6, 14), (6, 14), (4, 9)]


# ----------------------------------------------------------------------------------------- batches
def test_complete_shapes_are_deformed_in_training_and_nothing_else_is(cohort: Cohort):
    plain, one, again = source(cohort), source(cohort, deformation=ALWAYS), source(cohort, deformation=ALWAYS)
    for target in ("complete", "occluded"):
        shown, told = one.batch(target, 0, 1), again.batch(target, 0, 1)
        assert torch.equal(shown.amodal, told.amodal) and torch.equal(shown.occluder, told.occluder)
        assert not torch.equal(shown.amodal, plain.batch(target, 0, 1).amodal)
        assert torch.equal(shown.case_index, plain.batch(target, 0, 1).case_index)
    assert torch.equal(one.batch("visible", 0, 1).visible, plain.batch("visible", 0, 1).visible)  # really occluded
    for target in ("complete", "occluded", "visible"):
        for mine, its in zip(one.validation(target), plain.validation(target), strict=True):
            assert torch.equal(mine.visible, its.visible) and torch.equal(mine.occluder, its.occluder)


def test_what_is_deformed_stays_behind_its_occluder(cohort: Cohort):
    """Object and neighbour are deformed before one is laid over the other: a contact stays one."""
    batch = source(cohort, batch_size=16, deformation=ALWAYS).batch("occluded", 0, 0)
    lost = batch.amodal - batch.visible
    assert lost.max() > 0.9 and (lost <= batch.occluder + 1e-4).all() and lost.min() > -1e-4


def test_a_scene_is_deformed_as_one():
    amodal, occluder = np.zeros((20, 30), bool), np.zeros((20, 30), bool)
    amodal[8:12, 4:24], occluder[4:16, 14:18] = True, True
    scene = replace(rod(), visible=amodal & ~occluder, amodal=amodal, occluder=occluder, unoccluded=False)
    found = deformed_scene(scene, straight(1.0, 0.5))  # twice as long along the rod
    assert found.amodal is not None and found.occluder is not None
    assert extent(found.amodal)[1] == pytest.approx(40, abs=1) and extent(found.amodal)[0] == 4
    assert extent(found.occluder)[1] == pytest.approx(8, abs=1)
    assert not (found.visible & ~found.amodal).any() and not (found.amodal & ~found.visible & ~found.occluder).any()
    assert np.count_nonzero(found.amodal & ~found.visible) == pytest.approx(4 * 8, abs=4)
    assert deformed_scene(scene, None) is scene
    gone = replace(scene, visible=np.zeros_like(amodal))
    assert deformed_scene(gone, bent(0.1)) is gone


def test_known_scenes_are_deformed_in_training_alone(cohort: Cohort, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(OcclusionSource, "told", 1.0)
    known = SHOWING.occlusion.model_copy(update={"known": 1.0})
    plain, bending = source(cohort, occlusion=known), source(cohort, occlusion=known, deformation=ALWAYS)
    one, other = plain.batch("occluded", 0, 0), bending.batch("occluded", 0, 0)
    assert torch.equal(one.case_index, other.case_index) and not torch.equal(one.amodal, other.amodal)
    assert (other.amodal + 1e-5 >= other.visible).all()
    pairs = zip(plain.validation("occluded"), bending.validation("occluded"), strict=True)
    assert all(torch.equal(a.amodal, b.amodal) and torch.equal(a.visible, b.visible) for a, b in pairs)
