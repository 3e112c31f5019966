from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torchmetrics.functional.classification import binary_calibration_error

from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.scores import OccludedCalibration, contact_score, front_score, score_object, score_order
from medseg.contracts import ObjectRules, Refused

BAR = np.zeros((5, 9), dtype=bool)
BAR[2] = True
SQUARE = np.zeros_like(BAR)
SQUARE[1:4, 3:6] = True
SEEN = BAR & ~SQUARE
"""A bar of 9 voxels crossed by a square: 6 are visible, 3 occluded."""

ROD = AmodalObject(
    name="c1/rod-1",
    case="c1",
    label="rod",
    class_index=0,
    visible=SEEN,
    occluder=SQUARE,
    amodal=BAR,
    unoccluded=False,
    corner=(0, 0),
    map_shape=BAR.shape,
    affine=np.eye(4),
    spacing_mm=(1.0, 2.0),
)


def adding(*places: tuple[int, int]) -> np.ndarray:
    amodal = SEEN.copy()
    for place in places:
        amodal[place] = True
    return amodal


def completion(amodal: np.ndarray, samples: list[np.ndarray] | None = None, probs=None) -> Completion:
    drawn = np.stack(samples) if samples else np.zeros((0, *BAR.shape), dtype=bool)
    return Completion(
        name="c1/rod-1",
        amodal=amodal,
        probs=amodal.astype(np.float32) if probs is None else probs,
        samples=drawn,
        novelty=0.5,
    )


def values(answer: Completion, amodal_object: AmodalObject = ROD) -> dict[str, float]:
    return {score.metric: score.value for score in score_object(amodal_object, answer)}


def test_two_of_three_occluded_voxels_and_one_wrong_one():
    found = values(completion(adding((2, 3), (2, 4), (1, 3))))
    assert found["amodal_iou"] == pytest.approx(8 / 10)
    assert found["amodal_dice"] == pytest.approx(16 / 18)
    assert found["occluded_iou"] == pytest.approx(2 / 4)
    assert found["area_ratio"] == 1
    assert found["occluded_fraction"] == pytest.approx(3 / 9)
    assert not any("covered" in metric or metric in ("best_of_10_iou", "diversity") for metric in found)


def test_the_visible_part_alone_has_found_nothing_and_is_millimetres_away():
    found = values(completion(SEEN))
    assert (found["amodal_iou"], found["occluded_iou"]) == (pytest.approx(6 / 9), 0)
    assert found["area_ratio"] == pytest.approx(6 / 9)
    # from the nine voxels of the bar to the visible ones: 0 six times, 2, 4 and 2 mm
    assert found["amodal_hd95"] == pytest.approx(0.4 * 2 + 0.6 * 4)
    assert found["amodal_assd"] == pytest.approx((2 + 4 + 2) / (9 + 6))


def test_rows_carry_name_class_and_unit():
    scores = score_object(ROD, completion(BAR))
    assert {(score.case, score.annotator, score.label) for score in scores} == {("c1/rod-1", "", "rod")}
    assert {score.metric: score.unit for score in scores if score.unit != "1"} == {
        "amodal_hd95": "mm",
        "amodal_assd": "mm",
    }
    pixels = score_object(replace(ROD, spacing_mm=None), completion(SEEN))
    assert {score.unit for score in pixels} == {"1", "px"}
    assert {score.metric: score.value for score in pixels}["amodal_assd"] == pytest.approx(4 / 15)


def test_where_nothing_is_occluded_the_occluded_part_is_undefined_even_if_the_answer_grows():
    free = replace(ROD, visible=BAR, occluder=SQUARE & ~BAR, unoccluded=True)
    found = values(completion(BAR | SQUARE, [BAR | SQUARE] * 10), free)
    assert np.isnan([found["occluded_iou"], found["best_of_10_iou"]]).all()
    assert found["occluded_fraction"] == 0
    assert found["area_ratio"] == pytest.approx(15 / 9)
    assert found["covered_90"] == 0


@pytest.mark.parametrize(("smallest_occluded", "contact"), [(1, 0), (3, 0), (4, 1)])
def test_what_hides_less_than_the_rules_ask_of_an_overlap_is_a_contact(smallest_occluded, contact):
    score = contact_score(ROD, ObjectRules(smallest_occluded=smallest_occluded))
    assert (score.case, score.metric, score.value) == (ROD.name, "contact", contact)


def test_in_front_is_what_nothing_hides():
    assert (front_score(ROD).value, front_score(replace(ROD, visible=BAR)).value) == (0, 1)


def test_visible_pieces_are_counted_over_corners_too():
    assert values(completion(SEEN))["pieces"] == 2
    stairs = np.eye(5, 9, dtype=bool)
    assert values(completion(stairs), replace(ROD, visible=stairs, amodal=stairs))["pieces"] == 1


def test_the_best_of_the_first_ten_and_their_volumes():
    adds = [(), (), (), ((2, 3),), ((2, 3),), ((2, 3), (2, 4)), ((2, 3), (2, 4))]
    samples = [adding(*places) for places in adds] + [BAR] * 3
    found = values(completion(SEEN, samples))
    assert found["best_of_10_iou"] == 1
    # volumes 6 6 6 7 7 8 8 9 9 9, the truth is 9: the 75th percentile is 8.75, the 90th 9
    assert (found["covered_50"], found["covered_80"], found["covered_90"]) == (0, 1, 1)
    late = values(completion(SEEN, [samples[5]] * 10 + [BAR]))
    assert late["best_of_10_iou"] == pytest.approx(2 / 3)


def test_fewer_than_ten_samples_have_no_best_of_ten():
    assert np.isnan(values(completion(SEEN, [BAR] * 9))["best_of_10_iou"])


def test_diversity_is_what_two_samples_do_not_share_of_what_they_add():
    left, right = adding((2, 3), (2, 4)), adding((2, 4), (2, 5))
    assert values(completion(BAR, [left, right]))["diversity"] == pytest.approx(1 - 1 / 3)
    assert values(completion(BAR, [left, right, left]))["diversity"] == pytest.approx(1 - (1 / 3 + 1 + 1 / 3) / 3)
    assert values(completion(BAR, [SEEN, SEEN]))["diversity"] == 0
    assert values(completion(BAR, [SEEN, BAR]))["diversity"] == 1
    assert np.isnan(values(completion(BAR, [BAR]))["diversity"])


def test_volumes_are_scored_in_3d_by_the_same_code():
    def deep(mask: np.ndarray) -> np.ndarray:
        return np.stack([mask] * 2, axis=-1)

    amodal_object = replace(
        ROD, visible=deep(SEEN), occluder=deep(SQUARE), amodal=deep(BAR), map_shape=(5, 9, 2), spacing_mm=(1, 2, 1)
    )
    answer = Completion(
        name="c1/rod-1",
        amodal=deep(SEEN),
        probs=deep(SEEN).astype(np.float32),
        samples=deep(SEEN)[None],
        novelty=0.1,
    )
    found = values(answer, amodal_object)
    assert found["amodal_iou"] == pytest.approx(12 / 18)
    assert found["amodal_assd"] == pytest.approx(16 / 30)
    assert found["covered_90"] == 0


def test_an_unknown_amodal_mask_and_another_grid_are_refused_together():
    with pytest.raises(Refused) as refusal:
        score_object(replace(ROD, amodal=None), completion(BAR[:4], [BAR[:4]]))
    assert refusal.value.complaints == (
        "shape of amodal: expected (5, 9), got (4, 9) (c1/rod-1)",
        "shape of probs: expected (5, 9), got (4, 9) (c1/rod-1)",
        "shape of samples: expected ('N', 5, 9), got (1, 4, 9) (c1/rod-1)",
        "amodal mask: expected known, got unknown (c1/rod-1)",
    )


def test_calibration_counts_behind_the_occluder_and_over_all_objects_at_once():
    probs = np.where(SQUARE, 0.5, 1).astype(np.float32)
    first = OccludedCalibration.of(ROD, completion(BAR, probs=probs))
    assert (first.voxels.sum(), first.hits.sum(), first.probs.sum()) == (9, 3, 4.5)
    assert first.score().value == pytest.approx(1.5 / 9)
    # another amodal mask of which six voxels lie behind the square: together the halves are right
    other = replace(ROD, amodal=SEEN | (SQUARE & (np.arange(5) < 3)[:, None]))
    both = first + OccludedCalibration.of(other, completion(BAR, probs=probs))
    assert both.score().value == 0
    assert (both.score().case, both.score().metric, both.score().unit) == ("", "occluded_ece", "1")


def test_an_unknown_occluder_may_hide_all_that_is_not_visible_and_none_leaves_nothing_to_calibrate():
    unknown = OccludedCalibration.of(replace(ROD, occluder=None), completion(BAR))
    assert unknown.voxels.sum() == BAR.size - 6
    free = replace(ROD, visible=BAR, occluder=np.zeros_like(BAR))
    assert np.isnan(OccludedCalibration.of(free, completion(BAR)).score().value)


def test_the_calibration_error_is_that_of_torchmetrics():
    rng = np.random.default_rng(0)
    shape = (40, 50)
    probs, amodal = rng.random(shape).astype(np.float32), rng.random(shape) < 0.3
    nothing = np.zeros(shape, dtype=bool)
    amodal_object = replace(ROD, visible=nothing, occluder=~nothing, amodal=amodal, map_shape=shape)
    answer = Completion(
        name="c1/rod-1", amodal=amodal, probs=probs, samples=np.zeros((0, *shape), dtype=bool), novelty=0.0
    )
    expected = binary_calibration_error(torch.from_numpy(probs.ravel()), torch.from_numpy(amodal.ravel()), n_bins=15)
    assert OccludedCalibration.of(amodal_object, answer).score().value == pytest.approx(float(expected), abs=1e-6)


@pytest.mark.parametrize(("front", "right"), [("c1/a-1", 1), ("c1/b-1", 0), ("undecided", 0)])
def test_an_order_is_right_if_it_names_the_one_in_front(front, right):
    score = score_order("c1/a-1+b-1", front, "c1/a-1")
    assert (score.case, score.metric, score.value) == ("c1/a-1+b-1", "order_correct", right)
