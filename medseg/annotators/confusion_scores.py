"""What was learned about each annotator, against what is known, and the alarms that need no truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torchmetrics.functional.classification import multiclass_confusion_matrix

from medseg.contracts import UNLABELLED
from medseg.evaluation.agreement import present


def joint_counts(labels: NDArray[np.integer], truth: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """(A,O,T) voxels that annotator A called O and that are T.

    labels: (A,S...), truth: (S...). Voxels UNLABELLED in either are skipped; counts of several cases
    may be added.
    """
    counts = np.zeros((len(labels), num_classes, num_classes))
    for annotator, drawn in enumerate(labels):
        known = (drawn != UNLABELLED) & (truth != UNLABELLED)
        observed, true = (torch.from_numpy(classes[known].astype(np.int64)) for classes in (drawn, truth))
        # torchmetrics counts (target, prediction): with the observed class as the target that is (O,T)
        counts[annotator] = multiclass_confusion_matrix(true, observed, num_classes, validate_args=False).numpy()
    return counts


def mean_confusion(joint: NDArray[np.floating]) -> NDArray[np.float64]:
    """(A,O,T) confusion C[a,o,t] = p(o|t): every column of the joint divided by its sum.

    joint: (A,O,T) probabilities or counts. A true class that does not occur has a column of nan.
    """
    joint = np.asarray(joint, dtype=np.float64)
    of_truth = np.einsum("aot->at", joint)[:, None, :]
    return np.divide(joint, of_truth, out=np.full_like(joint, np.nan), where=of_truth > 0)


def empirical_confusion(
    labels: NDArray[np.integer], truth: NDArray[np.integer], num_classes: int
) -> NDArray[np.float64]:
    """(A,O,T) confusion counted on labels (A,S...) with a known truth (S...); see ``mean_confusion``."""
    return mean_confusion(joint_counts(labels, truth, num_classes))


def confusion_rmse(estimated: NDArray[np.floating], empirical: NDArray[np.floating]) -> float:
    """Root mean squared difference of two confusion matrices (O,T) of one annotator; lower is better.

    Over the true classes whose columns are defined in both; nan if there is none. Without unit, 0 to 1;
    average it over annotators.
    """
    squared = (estimated - empirical) ** 2
    occurring = ~np.isnan(squared).any(axis=0)
    return float(np.sqrt(squared[:, occurring].mean())) if occurring.any() else float("nan")


def dominance(confusion: NDArray[np.floating]) -> NDArray[np.bool_]:
    """(T,) whether the mean over annotators of C[:,t] is largest at o = t (Zhang et al. 2020, Theorem 1).

    confusion: (A,O,T); nan columns are left out of the mean. A class that never occurs has not lost
    dominance. Where False, the learned classes may have swapped.
    """
    defined = ~np.isnan(confusion).any(axis=1)
    total = np.einsum("aot->ot", np.nan_to_num(confusion, nan=0.0))
    rivals = np.where(np.eye(len(total), dtype=bool), -np.inf, total)
    return (np.diagonal(total) > rivals.max(axis=0)) | ~defined.any(axis=0)


def foreground_dice(joint: NDArray[np.floating]) -> float:
    """Dice of the foreground classes, pooled over all voxels counted in one joint (O,T) matrix.

    2 sum_{t>0} n[t,t] / (sum_{o>0} n[o,:] + sum_{t>0} n[:,t]); higher is better; nan without foreground.
    """
    size = joint[1:, :].sum() + joint[:, 1:].sum()
    return float(2 * np.trace(joint[1:, 1:]) / size) if size else float("nan")


def relative_area(labels: NDArray[np.integer]) -> NDArray[np.float64]:
    """(A,) foreground area of each annotator divided by the mean over those who saw the case.

    labels: (A,S...). Without unit; 1 is the average style, above it over-segments. nan for an absent
    annotator, and for all when nobody drew anything.
    """
    seen = present(labels)
    area = (labels > 0).reshape(len(labels), -1).sum(axis=1).astype(np.float64)
    mean_area = area[seen].mean() if seen.any() else 0.0
    return np.where(seen, area / mean_area, np.nan) if mean_area > 0 else np.full(len(labels), np.nan)


def alarms(
    truth_with_vote: NDArray[np.floating],
    annotators_with_vote: NDArray[np.floating],
    confusion: NDArray[np.floating],
    *,
    annotators: Sequence[str],
    classes: Sequence[str],
) -> list[str]:
    """Sentences on what looks wrong with a recovered truth, found without knowing the truth.

    truth_with_vote: (O,T) joint counts of the recovered truth and the majority vote;
    annotators_with_vote: (A,O,T) the same of each annotator's labels; confusion: (A,O,T) estimated.
    An alarm rings when the recovered truth agrees less with the vote than the least agreeing annotator
    does, and for each class in which the mean confusion has lost the dominance of its diagonal.
    """
    return _drift_alarm(truth_with_vote, annotators_with_vote, annotators) + _swap_alarms(confusion, classes)


def _drift_alarm(
    truth_with_vote: NDArray[np.floating],
    annotators_with_vote: NDArray[np.floating],
    annotators: Sequence[str],
) -> list[str]:
    of_annotators = np.array([foreground_dice(joint) for joint in annotators_with_vote])
    if np.isnan(of_annotators).all():
        return []
    of_truth, least = foreground_dice(truth_with_vote), int(np.nanargmin(of_annotators))
    if not of_truth < of_annotators[least]:
        return []
    return [
        f"the recovered truth agrees less with the vote (Dice {of_truth:.3f}) than any annotator does "
        f"(least: {annotators[least]}, {of_annotators[least]:.3f}): "
        "it may have drifted, or its classes may have swapped"
    ]


def _swap_alarms(confusion: NDArray[np.floating], classes: Sequence[str]) -> list[str]:
    sentences = []
    for t in np.flatnonzero(~dominance(confusion)).tolist():
        column = np.nanmean(confusion[:, :, t], axis=0)
        rival = int(np.argmax(np.where(np.arange(len(column)) == t, -np.inf, column)))
        sentences.append(
            f"the mean confusion has lost dominance: true {classes[t]} is called {classes[rival]} "
            f"({column[rival]:.3f}) at least as often as {classes[t]} ({column[t]:.3f}): "
            "the classes may have swapped"
        )
    return sentences
