"""What looks wrong with a recovered truth, found without knowing the truth: drift, and classes that swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray


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
