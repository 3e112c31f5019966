"""What looks wrong with a recovered truth, found without knowing the truth: drift, and classes that swapped."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

DRIFT = 0.75
"""Of the agreement that the annotator in the middle has with all labels together, a sound truth has at least so much:
one who is blank does not make the alarm deaf, nor do good ones make it ring for a network that errs in unseen cases."""


def alarms(
    truth_with_all: NDArray[np.floating],
    annotators_with_all: NDArray[np.floating],
    confusion: NDArray[np.floating],
    *,
    annotators: Sequence[str],
    classes: Sequence[str],
) -> list[str]:
    """Sentences on what looks wrong with a recovered truth, found without knowing the truth.

    truth_with_all: (O,T) joint counts of the recovered truth (O) and of what all labels say together (T): the fused
    truth, or where none is known the vote; annotators_with_all: (A,O,T) the same of each annotator's labels;
    confusion: (A,O,T) estimated. An alarm rings when the recovered truth agrees much less with all labels together
    than the annotator in the middle does (``DRIFT``), for each class that it mostly takes for another, and for each
    in which the mean confusion has lost the dominance of its diagonal.
    """
    return [
        *_drift_alarm(truth_with_all, annotators_with_all, annotators),
        *_taken_for_another(truth_with_all, classes),
        *_swap_alarms(confusion, classes),
    ]


def _drift_alarm(
    truth_with_all: NDArray[np.floating],
    annotators_with_all: NDArray[np.floating],
    annotators: Sequence[str],
) -> list[str]:
    of_annotators = np.array([foreground_dice(joint) for joint in annotators_with_all])
    ranked = [index for index in np.argsort(of_annotators).tolist() if not np.isnan(of_annotators[index])]
    if not ranked:
        return []
    of_truth, middle = foreground_dice(truth_with_all), ranked[len(ranked) // 2]
    if not of_truth < DRIFT * of_annotators[middle]:
        return []
    return [
        f"the recovered truth agrees less with all labels together (Dice {of_truth:.3f}) than {DRIFT:g} times what "
        f"the annotator in the middle does ({annotators[middle]}, {of_annotators[middle]:.3f}): it has drifted, its "
        "classes have swapped, or it was trained too briefly; look at the curves, and train the recipe fused"
    ]


def _taken_for_another(truth_with_all: NDArray[np.floating], classes: Sequence[str]) -> list[str]:
    """A foreground class of all labels together of which the recovered truth makes one other foreground class."""
    sentences = []
    for t in range(1, len(classes)):
        column = truth_with_all[1:, t]
        rival = 1 + int(column.argmax())
        if rival != t and column.max() > truth_with_all[t, t]:
            share = column.max() / truth_with_all[:, t].sum()
            sentences.append(
                f"where all labels together say {classes[t]} the recovered truth says {classes[rival]} ({share:.3f} of "
                "the voxels): the classes have swapped; train again with another seed, or the recipe fused"
            )
    return sentences


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
