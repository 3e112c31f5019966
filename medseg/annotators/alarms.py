"""What looks wrong with a run, found without knowing the truth: drift, swapped classes, too few steps, no styles."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medseg.config import written_by_training

DRIFT = 0.75
"""Of the agreement that the annotator in the middle has with all labels together, a sound truth has at least so much:
one who is blank does not make the alarm deaf, nor do good ones make it ring for a network that errs in unseen cases."""

STILL_FALLING = 0.05
"""A run that has converged does not fall by more than this part in the second half of its last stage, on validation
cases. The last quarter does not tell: the learning rate that goes to 0 makes every curve end flat."""
FEWEST_LOOKS = 4
"""At validation cases: a curve of fewer has no halves."""
AT_IDENTITY = 0.2
"""Matrices that tell of less than this part of the errors that are counted never left the identity, their start."""
BEGINNING = math.exp(-6)
"""C[o,t] / C[t,t] of the matrices at their beginning (``mathematics.heads.identity_logits``)."""


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


def doubts_of_training(run: Path, num_classes: int, disputed: bool) -> list[str]:
    """Sentences on the curves of a run, as metrics.jsonl has them; none where it is not there.

    disputed: whether there is a voxel that annotators label differently; where not, the identity is what they are.
    Raises Refused for a metrics.jsonl that is no such file.
    """
    path = run / "metrics.jsonl"
    if not path.is_file():
        return []
    with written_by_training(path):
        rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
        last = [row for row in rows if row["stage"] == rows[-1]["stage"]]
        return [*_convergence_alarm(last), *(_trace_alarm(last, num_classes) if disputed else ())]


def _convergence_alarm(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """rows: of one stage. It rings where the best weights are those of the second half, much better than those of the
    first, and no better on training cases than on others: nothing was learned by heart yet, and more can be learned."""
    criterion = next(key for key in rows[0] if key.startswith("best/")).removeprefix("best/")
    val, train = f"val/{criterion}", f"train/{criterion}"
    known = [row for row in rows if row[val] is not None and row[train] is not None]
    if len(known) < FEWEST_LOOKS:
        return []
    before = min(row[val] for row in known[: len(known) // 2])
    best = min(known, key=lambda row: row[val])
    if not (before - best[val] > STILL_FALLING * before and best[val] <= best[train]):
        return []
    return [
        f"not converged: {criterion} on validation cases fell from {before:.4f} to {best[val]:.4f} in the second half "
        f"of the training, and is still below that on training cases ({best[train]:.4f}); train again with more "
        "training.steps"
    ]


def _trace_alarm(rows: Sequence[Mapping[str, Any]], num_classes: int) -> list[str]:
    """The mean over validation voxels of C[t,t], against twice the distance from 1 that it begins with."""
    best, beginning = rows[-1].get("val/trace"), BEGINNING * (num_classes - 1)
    if best is None or 1 - best > 2 * beginning / (1 + beginning):
        return []
    return [_AT_IDENTITY.format(f"their diagonal is {best:.4f} on average")]


_AT_IDENTITY = (
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
    return [
        _AT_IDENTITY.format(f"they tell of errors in {told:.2%} of the voxels of a class; counted are {counted:.2%}")
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
