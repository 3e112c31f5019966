"""What looks wrong with a recovered truth, found without knowing the truth: drift, classes that swapped, no styles."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Score

DRIFT = 0.75
"""Of the agreement that the annotator in the middle has with all labels together, a sound truth has at least so much:
one who is blank does not make the alarm deaf, nor do good ones make it ring for a network that errs in unseen cases."""

AT_IDENTITY = 0.2
"""Matrices that tell of less than this part of the errors that are counted never left the identity, their start; and
where the areas that are expected of annotators differ by less than this part of those drawn, no style is learned."""
STYLES_DIFFER = 4
"""Annotators have styles where the variance of their mean areas is more than so many times what cases make of it."""


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
    than the annotator in the middle does (``DRIFT``), for each class that it mostly takes for another, for each
    in which the mean confusion has lost the dominance of its diagonal, and where that never left the identity.
    """
    return [
        *_drift_alarm(truth_with_all, annotators_with_all, annotators),
        *_taken_for_another(truth_with_all, classes),
        *_swap_alarms(confusion, classes),
        *_identity_alarm(confusion, annotators_with_all),
    ]


NEVER_LEFT = (
    "the confusion matrices never left the identity ({}): no annotator's style is learned; train again with more "
    "training.steps or a larger training.learning_rate"
)


def _identity_alarm(confusion: NDArray[np.floating], counts: NDArray[np.floating]) -> list[str]:
    """confusion (A,O,T) estimated; counts (A,O,T) of labels (O) against all labels together (T).

    A recipe without matrices has the identity itself, and is not meant.
    """
    told, counted = _missing(confusion), _missing(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))
    if not 0 < told < AT_IDENTITY * counted:
        return []
    return [NEVER_LEFT.format(f"they tell of errors in {told:.2%} of the voxels of a class; counted are {counted:.2%}")]


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
            "the classes may have swapped, or it was trained too briefly"
        )
    return sentences


def style_alarm(scores: Sequence[Score], confusion: NDArray[np.floating]) -> list[str]:
    """A sentence where annotators clearly draw smaller or larger than one another, and the model expects it of nobody.

    scores: the rows of scores.csv, of which those of ``relative_area`` are compared over the annotators: the slope of
    the mean predicted on the mean drawn ones. confusion: (A,O,T) estimated; that of a recipe without matrices is the
    identity itself, and is not meant.
    """
    drawn, expected = _areas(scores, "relative_area"), _areas(scores, "predicted_relative_area")
    names = [name for name, values in drawn.items() if len(values) > 1 and expected.get(name)]
    if len(names) < 2 or not _missing(confusion) > 0:
        return []
    of_drawn = np.array([np.mean(drawn[name]) for name in names])
    of_expected = np.array([np.mean(expected[name]) for name in names])
    by_chance = np.mean([np.var(drawn[name], ddof=1) / len(drawn[name]) for name in names])
    deviation = of_drawn - of_drawn.mean()
    slope = float(deviation @ of_expected / max(deviation @ deviation, 1e-12))
    if of_drawn.var(ddof=1) <= STYLES_DIFFER * by_chance or slope >= AT_IDENTITY:
        return []
    least, most = (names[int(place)] for place in (of_drawn.argmin(), of_drawn.argmax()))
    return [
        f"no annotator's style is learned: they draw from {of_drawn.min():.2f} ({least}) to {of_drawn.max():.2f} "
        f"({most}) times the mean area, of which {slope:.2f} times the differences are expected; train again with more "
        "training.steps or a larger training.learning_rate"
    ]


def _areas(scores: Sequence[Score], metric: str) -> dict[str, list[float]]:
    """Annotator -> the values of a metric that are defined, case by case."""
    found: dict[str, list[float]] = {}
    for score in scores:
        if score.metric == metric and not np.isnan(score.value):
            found.setdefault(score.annotator, []).append(score.value)
    return found


def _missing(confusion: NDArray[np.floating]) -> float:
    """The mean of 1 - C[t,t] over annotators and classes (A,O,T); columns of nan, and of 0, are left out."""
    defined = np.nan_to_num(confusion).sum(axis=1) > 0
    diagonal = np.einsum("att->at", confusion)
    return float(1 - diagonal[defined].mean()) if defined.any() else 0.0


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
