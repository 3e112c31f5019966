"""Predictions and labels -> the tidy table of scores, one row per case, annotator, class and metric.

Metrics by their names are explained in ``medseg.evaluation.metrics``. An annotator who did not see a case has no row
for it; a metric that empty masks leave undefined has a row with the value nan.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.alarms import alarms
from medseg.annotators.confusion_scores import (
    confusion_rmse,
    expected_area,
    joint_counts,
    mean_confusion,
    relative_area,
    relative_to_mean,
)
from medseg.annotators.consensus import majority_vote
from medseg.annotators.nouns import Prediction
from medseg.annotators.set_scores import set_scores
from medseg.contracts import UNLABELLED, Refused, Score, complaint
from medseg.evaluation import (
    assd,
    dice,
    ece,
    hd95,
    iou,
    length_unit,
    negative_log_likelihood,
    present,
    score_of,
)


@dataclass(frozen=True, kw_only=True)
class Tally:
    """Joint voxel counts, summed over cases by ``+``: all that the scores of a whole run need."""

    estimated: NDArray[np.float64]
    """(A,O,T) joint_probs * voxels."""
    empirical: NDArray[np.float64] | None
    """(A,O,T) labels (O) against the known truth (T); None where no truth is known."""
    truth_with_all: NDArray[np.float64]
    """(O,T) recovered truth (O) against what all labels say together (T), every case weighing the same."""
    annotators_with_all: NDArray[np.float64]
    """(A,O,T) labels (O) against the same (T)."""

    def __add__(self, other: Tally) -> Tally:
        """Both together; the empirical counts are of those cases alone whose truth is known."""
        known = [counts for counts in (self.empirical, other.empirical) if counts is not None]
        return Tally(
            estimated=self.estimated + other.estimated,
            empirical=np.sum(known, axis=0) if known else None,
            truth_with_all=self.truth_with_all + other.truth_with_all,
            annotators_with_all=self.annotators_with_all + other.annotators_with_all,
        )

    def alarms(self, annotators: Sequence[str], classes: Sequence[str]) -> list[str]:
        """What looks wrong with the recovered truth of the whole run (``annotators.alarms``)."""
        confusion = mean_confusion(self.estimated)
        return alarms(self.truth_with_all, self.annotators_with_all, confusion, annotators=annotators, classes=classes)


def score_case(
    prediction: Prediction,
    labels: NDArray[np.integer],
    truth: NDArray[np.integer] | None,
    *,
    classes: Sequence[str],
    annotators: Sequence[str],
) -> list[Score]:
    """All scores of one case.

    labels: (A,S...) class indices, UNLABELLED all over for an absent annotator; truth: (S...) or None;
    classes: names in the order of T; annotators: names in the order of A.
    Raises Refused where shapes do not fit one another.
    """
    _refuse_unfit(prediction, labels, truth, classes=classes, annotators=annotators)
    recovered = prediction.truth_probs.argmax(axis=0)
    scores = _vote_scores(prediction, recovered, labels, classes)
    if truth is not None:
        scores += _truth_scores(prediction, recovered, truth, classes)
    seen = [int(index) for index in np.flatnonzero(present(labels))]
    if seen:
        scores += _annotator_scores(prediction, labels, seen=seen, classes=classes, annotators=annotators)
    return scores


def tally_case(
    prediction: Prediction,
    labels: NDArray[np.integer],
    truth: NDArray[np.integer] | None,
    fused: NDArray[np.integer] | None = None,
) -> Tally:
    """The counts of one case, to be added to those of the others; arguments as in ``score_case``.

    fused: (S...) the truth that is fused of all labels; where it is not known the majority vote stands for it.
    """
    num_classes = len(prediction.truth_probs)
    recovered = prediction.truth_probs.argmax(axis=0)
    together = majority_vote(labels, num_classes) if fused is None else fused
    return Tally(
        estimated=prediction.joint_probs.astype(np.float64) * recovered.size,
        empirical=None if truth is None else joint_counts(labels, truth, num_classes),
        truth_with_all=_as_one_case(joint_counts(recovered[None], together, num_classes))[0],
        annotators_with_all=_as_one_case(joint_counts(labels, together, num_classes)),
    )


def _as_one_case(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """Joint counts (N,O,T) over the voxels that either side calls foreground: a large object weighs as a small one."""
    union = joint.sum(axis=(1, 2)) - joint[:, 0, 0]
    return joint / np.maximum(union, 1)[:, None, None]


def score_run(tally: Tally, annotators: Sequence[str]) -> list[Score]:
    """Scores of a whole run, ``case`` = "": confusion_rmse of every annotator with labels on cases of known truth."""
    if tally.empirical is None:
        return []
    estimated, empirical = mean_confusion(tally.estimated), mean_confusion(tally.empirical)
    return [
        score_of("confusion_rmse", confusion_rmse(estimated[index], empirical[index]), annotator=name)
        for index, name in enumerate(annotators)
        if tally.empirical[index].any()
    ]


def _truth_scores(
    prediction: Prediction,
    recovered: NDArray[np.integer],
    truth: NDArray[np.integer],
    classes: Sequence[str],
) -> list[Score]:
    case, spacing_mm = prediction.case, prediction.spacing_mm
    unit = length_unit(spacing_mm)
    scores = [score_of("truth_ece", ece(prediction.truth_probs, truth), case=case)]
    visible = np.where(truth == UNLABELLED, UNLABELLED, recovered)  # a surface ends where nobody knows the truth
    for label, name in enumerate(classes[1:], start=1):
        fractions = {"truth_dice": dice(recovered, truth, label), "truth_iou": iou(recovered, truth, label)}
        lengths = {
            "truth_hd95": hd95(visible, truth, label, spacing_mm),
            "truth_assd": assd(visible, truth, label, spacing_mm),
        }
        scores += [score_of(metric, value, case=case, label=name) for metric, value in fractions.items()]
        scores += [score_of(metric, value, case=case, label=name, unit=unit) for metric, value in lengths.items()]
    return scores


def _vote_scores(
    prediction: Prediction, recovered: NDArray[np.integer], labels: NDArray[np.integer], classes: Sequence[str]
) -> list[Score]:
    case, spacing_mm, vote = prediction.case, prediction.spacing_mm, majority_vote(labels, len(classes))
    visible, area = np.where(vote == UNLABELLED, UNLABELLED, recovered), np.count_nonzero(vote > 0)
    ratio = np.count_nonzero(visible > 0) / area if area else float("nan")
    scores, unit = [score_of("vote_area_ratio", ratio, case=case)], length_unit(spacing_mm)
    for label, name in enumerate(classes[1:], start=1):
        far, overlap = hd95(visible, vote, label, spacing_mm), dice(recovered, vote, label)
        scores.append(score_of("vote_dice", overlap, case=case, label=name))
        scores.append(score_of("vote_hd95", far, case=case, label=name, unit=unit))
    return scores


def _annotator_scores(
    prediction: Prediction,
    labels: NDArray[np.integer],
    *,
    seen: list[int],
    classes: Sequence[str],
    annotators: Sequence[str],
) -> list[Score]:
    """Each annotator who saw the case, one after the other, and all of them as a set."""
    case, drawn = prediction.case, labels[seen]
    predicted = np.where(drawn == UNLABELLED, UNLABELLED, prediction.annotator_labels[seen])
    mean, expected, stated = np.zeros(prediction.annotator_probs.shape[1:], np.float32), [], []
    for index, given in zip(seen, drawn, strict=True):
        probs = prediction.annotator_probs[index]
        mean += probs
        expected.append(expected_area(probs[None], given[None])[0])
        stated.append({"annotator_nll": negative_log_likelihood(probs, given), "annotator_ece": ece(probs, given)})
    scores = set_scores(case, drawn, predicted, mean=mean / len(seen), classes=classes)
    areas = {"relative_area": relative_area(drawn), "predicted_relative_area": relative_area(predicted)}
    areas["expected_relative_area"] = relative_to_mean(np.array(expected))
    for row, name in enumerate(annotators[index] for index in seen):
        of_one = {**stated[row], **{metric: float(area[row]) for metric, area in areas.items()}}
        scores += [score_of(metric, value, case=case, annotator=name) for metric, value in of_one.items()]
        for label, class_name in enumerate(classes[1:], start=1):
            value = dice(predicted[row], drawn[row], label)
            scores.append(score_of("annotator_dice", value, case=case, annotator=name, label=class_name))
    return scores


def _refuse_unfit(
    prediction: Prediction,
    labels: NDArray[np.integer],
    truth: NDArray[np.integer] | None,
    *,
    classes: Sequence[str],
    annotators: Sequence[str],
) -> None:
    grid = prediction.truth_probs.shape[1:]
    shapes = {
        "truth_probs": (prediction.truth_probs.shape, (len(classes), *grid)),
        "annotator_probs": (prediction.annotator_probs.shape, (len(annotators), len(classes), *grid)),
        "joint_probs": (prediction.joint_probs.shape, (len(annotators), len(classes), len(classes))),
        "labels": (labels.shape, (len(annotators), *grid)),
        "truth": (grid if truth is None else truth.shape, grid),
    }
    complaints = [
        complaint(f"shape of {what}", expected, got, prediction.case)
        for what, (got, expected) in shapes.items()
        if got != expected
    ]
    if complaints:
        raise Refused(complaints)
