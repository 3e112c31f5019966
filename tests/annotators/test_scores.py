from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.areas import areas_of_case
from medseg.annotators.nouns import Prediction
from medseg.annotators.scores import score_case, score_run, tally_case
from medseg.contracts import Refused, Score

CLASSES, ANNOTATORS = ("background", "cell"), ("ann", "ben", "cid")
TRUTH = np.zeros((4, 6), dtype=np.int64)
TRUTH[1:3, 1:5] = 1  # 8 voxels
WIDE = np.zeros_like(TRUTH)
WIDE[1:4, 1:5] = 1  # 12 voxels
LABELS = np.stack([TRUTH, WIDE, np.full_like(TRUTH, -1)])


def certain(labels: np.ndarray) -> np.ndarray:
    return np.stack([labels == 0, labels == 1]).astype(np.float32)


def predict(truth=TRUTH, annotators=(TRUTH, WIDE, TRUTH), spacing_mm=None) -> Prediction:
    joint = np.stack([np.diag([2 / 3, 1 / 3])] * 3).astype(np.float32)
    probs = np.stack([certain(labels) for labels in annotators])
    return Prediction(
        case="c1",
        truth_probs=certain(truth),
        annotator_probs=probs,
        joint_probs=joint,
        affine=np.eye(4),
        spacing_mm=spacing_mm,
    )


def table(scores: list[Score]) -> dict[tuple[str, str, str], float]:
    return {(score.metric, score.annotator, score.label): score.value for score in scores}


def test_every_metric_has_its_name_and_belongs_to_the_case():
    scores = score_case(predict(), LABELS, TRUTH, classes=CLASSES, annotators=ANNOTATORS)
    assert {score.metric for score in scores} == {
        *("truth_dice", "truth_iou", "truth_hd95", "truth_assd", "truth_ece"),
        *("vote_dice", "vote_hd95", "vote_area_ratio"),
        *("annotator_dice", "annotator_nll", "annotator_ece"),
        *("relative_area", "predicted_relative_area", "expected_relative_area"),
        *("ged2_v", "ged2_u", "hm_iou", "dice_max", "dice_match", "soft_dice", "agreement_dice", "agreement_alpha"),
    }
    assert {score.case for score in scores} == {"c1"}
    assert len(table(scores)) == len(scores)


def test_values_by_hand():
    # the vote of ann and ben is the truth: their ties go to the background
    values = table(score_case(predict(truth=WIDE), LABELS, TRUTH, classes=CLASSES, annotators=ANNOTATORS))
    assert values["truth_dice", "", "cell"] == pytest.approx(2 * 8 / 20)
    assert values["truth_iou", "", "cell"] == pytest.approx(8 / 12)
    assert values["truth_hd95", "", "cell"] == pytest.approx(1)
    assert values["truth_ece", "", ""] == pytest.approx(4 / 24)
    assert values["vote_dice", "", "cell"] == pytest.approx(2 * 8 / 20)
    assert values["vote_hd95", "", "cell"] == 1  # a row of WIDE lies one below the vote
    assert values["vote_area_ratio", "", ""] == pytest.approx(12 / 8)
    assert values["annotator_dice", "ben", "cell"] == 1
    assert values["annotator_nll", "ben", ""] == 0
    assert values["relative_area", "ann", ""] == pytest.approx(8 / 10)
    assert values["predicted_relative_area", "ben", ""] == pytest.approx(12 / 10)
    assert values["agreement_dice", "", ""] == pytest.approx(2 * 8 / 20)
    assert values["ged2_v", "", ""] == 0


def test_an_absent_annotator_has_no_row_and_an_unknown_truth_no_score():
    scores = score_case(predict(), LABELS, None, classes=CLASSES, annotators=ANNOTATORS)
    assert {score.annotator for score in scores} == {"", "ann", "ben"}
    assert not any(score.metric.startswith("truth_") for score in scores)


def test_each_annotator_is_compared_with_his_own_prediction():
    empty = np.zeros_like(TRUTH)
    prediction = predict(annotators=(empty, TRUTH, WIDE))
    values = table(score_case(prediction, LABELS[[2, 0, 1]], None, classes=CLASSES, annotators=ANNOTATORS))
    assert values["annotator_dice", "ben", "cell"] == values["annotator_dice", "cid", "cell"] == 1
    assert values["annotator_nll", "cid", ""] == 0
    assert values["predicted_relative_area", "cid", ""] == pytest.approx(12 / 10)


def test_an_empty_truth_is_nan_and_never_left_out():
    empty = np.zeros_like(TRUTH)
    prediction = predict(truth=empty, annotators=(empty,) * 3)
    values = table(score_case(prediction, np.stack([empty] * 3), empty, classes=CLASSES, annotators=ANNOTATORS))
    for name in ("truth_dice", "truth_hd95", "vote_dice", "vote_hd95"):
        assert np.isnan(values[name, "", "cell"])
    assert np.isnan(values["vote_area_ratio", "", ""])
    assert np.isnan(values["annotator_dice", "ann", "cell"])
    assert values["ged2_v", "", ""] == 0


def test_areas_are_compared_where_somebody_labelled():
    labels = LABELS.copy()
    labels[:, :, 4:] = -1  # the vote keeps 6 of its 8 voxels, and so does the recovered truth
    values = table(score_case(predict(), labels, None, classes=CLASSES, annotators=ANNOTATORS))
    assert values["vote_area_ratio", "", ""] == 1
    assert values["vote_hd95", "", "cell"] == 0


def test_lengths_are_in_mm_where_the_image_has_a_scale():
    def units(spacing_mm):
        scores = score_case(predict(WIDE, spacing_mm=spacing_mm), LABELS, TRUTH, classes=CLASSES, annotators=ANNOTATORS)
        return {(score.value, score.unit) for score in scores if score.metric in ("truth_hd95", "vote_hd95")}

    assert units(None) == {(1.0, "px")}
    assert units((2.0, 2.0)) == {(2.0, "mm")}


def test_a_case_that_nobody_labelled_gets_undefined_votes_only():
    scores = score_case(predict(), np.full_like(LABELS, -1), None, classes=CLASSES, annotators=ANNOTATORS)
    assert {score.metric for score in scores} == {"vote_dice", "vote_hd95", "vote_area_ratio"}
    assert np.isnan([score.value for score in scores]).all()


def test_three_dimensions_and_three_classes():
    truth = np.zeros((4, 5, 6), dtype=np.int64)
    truth[1:3, 1:3, 1:3], truth[3, 3, 3:5] = 1, 2
    probs = np.stack([truth == label for label in range(3)]).astype(np.float32)
    joint = np.eye(3, dtype=np.float32)[None] / 3
    prediction = Prediction(
        case="v",
        truth_probs=probs,
        annotator_probs=probs[None],
        joint_probs=joint,
        affine=np.eye(4),
        spacing_mm=(1.0, 1.0, 2.5),
    )
    values = table(score_case(prediction, truth[None], truth, classes=("bg", "organ", "lesion"), annotators=("ann",)))
    assert values["truth_dice", "", "lesion"] == 1
    assert values["truth_assd", "", "organ"] == 0
    assert np.isnan(values["agreement_dice", "", ""])


def test_shapes_that_do_not_fit_are_refused_all_at_once():
    with pytest.raises(Refused) as refusal:
        score_case(predict(), LABELS[:, :3], TRUTH[:, :5], classes=CLASSES, annotators=ANNOTATORS)
    assert refusal.value.complaints == (
        "shape of labels: expected (3, 4, 6), got (3, 3, 6) (c1)",
        "shape of truth: expected (4, 6), got (4, 5) (c1)",
    )


def test_the_run_compares_confusion_pooled_over_cases():
    # ben calls 4 of 16 background voxels cell in one case and none in the other: C[1,0] = 4/32; estimated 0
    other = np.stack([TRUTH, TRUTH, np.full_like(TRUTH, -1)])
    tally = tally_case(predict(), LABELS, TRUTH) + tally_case(predict(), other, TRUTH)
    values = table(score_run(tally, ANNOTATORS))
    assert values["confusion_rmse", "ann", ""] == pytest.approx(0, abs=1e-6)
    assert values["confusion_rmse", "ben", ""] == pytest.approx(np.sqrt(2 * (4 / 32) ** 2 / 4))
    assert ("confusion_rmse", "cid", "") not in values


def test_without_any_known_truth_the_run_has_no_confusion_error():
    unknown, known = tally_case(predict(), LABELS, None), tally_case(predict(), LABELS, TRUTH)
    assert score_run(unknown + unknown, ANNOTATORS) == []
    assert len(score_run(unknown + known, ANNOTATORS)) == 2


def test_the_alarm_rings_for_swapped_classes():
    honest = tally_case(predict(), LABELS, None)
    assert honest.alarms(ANNOTATORS, CLASSES) == []
    swapped = tally_case(predict(truth=1 - TRUTH), LABELS, None)
    assert len(swapped.alarms(ANNOTATORS, CLASSES)) == 1
    assert "agrees less with all labels together (Dice 0.000)" in swapped.alarms(ANNOTATORS, CLASSES)[0]


def test_one_large_object_that_is_missed_does_not_make_a_run_drift():
    large = np.ones((30, 40), int)
    everybody = np.stack([large] * len(ANNOTATORS))
    missed = tally_case(predict(truth=large * 0), everybody, None)
    found = [tally_case(predict(), LABELS, None) for _ in range(4)]
    assert sum(found, missed).alarms(ANNOTATORS, CLASSES) == []
    assert len((missed + missed + found[0]).alarms(ANNOTATORS, CLASSES)) == 1


def test_an_annotator_who_is_never_sure_has_an_expected_area_though_his_predicted_labels_are_empty():
    """Of ben foreground has the probability .4 on 12 voxels: 4.8 are expected, none predicted; ann's 8 are certain."""
    prediction = predict(annotators=(TRUTH, WIDE, TRUTH))
    prediction.annotator_probs[1] = np.stack([1 - 0.4 * WIDE, 0.4 * WIDE])
    values = table(score_case(prediction, LABELS, TRUTH, classes=CLASSES, annotators=ANNOTATORS))
    assert values["predicted_relative_area", "ben", ""] == 0
    assert values["expected_relative_area", "ben", ""] == pytest.approx(4.8 / 6.4)
    assert values["expected_relative_area", "ann", ""] == pytest.approx(8 / 6.4)
    assert values["annotator_ece", "ben", ""] == pytest.approx(0.3)  # on half of the voxels .6, never right
    areas = areas_of_case(prediction, LABELS) + areas_of_case(predict(), LABELS)
    assert areas.empty.tolist() == [0, 1, 0] and areas.cases.tolist() == [2, 2, 0]
    assert areas.notes(ANNOTATORS, one_matrix=True) == [
        "ben draws, but in 1 of 2 cases no voxel is more likely than not his foreground, so that his predicted labels "
        "are empty (one matrix for all voxels cannot say where he draws); expected of him over all cases: 17 voxels, "
        "drawn: 24"
    ]


def test_soft_dice_is_of_the_mean_probability_and_the_share():
    """Where ann and ben agree the share is 1, on ben's margin 1/2; predicted for both is what ann drew."""
    values = table(score_case(predict(annotators=(TRUTH, TRUTH, TRUTH)), LABELS, None, classes=CLASSES,
                              annotators=ANNOTATORS))  # fmt: skip
    assert values["soft_dice", "", "cell"] == pytest.approx((3 * 16 / 20 + 2 * 1) / 5)
    assert values["dice_max", "", ""] == pytest.approx((1 + 16 / 20) / 2) == values["dice_match", "", ""]
    assert values["hm_iou", "", ""] == pytest.approx((1 + 8 / 12) / 2)
