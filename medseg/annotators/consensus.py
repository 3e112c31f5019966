"""From several annotators' labels of one case to one: vote, soft mean, STAPLE, one annotator at random.

Labels are class indices (A,S...); UNLABELLED marks voxels about which an annotator said nothing. An
annotator whose labels are UNLABELLED everywhere is absent, and counts for nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.staple import StapleEstimate, estimate
from medseg.contracts import UNLABELLED

Labels = NDArray[np.integer]


def _votes(labels: Labels, num_classes: int) -> NDArray[np.int64]:
    """(A,S...) -> (T,S...) how many annotators wrote each class."""
    return np.stack([(labels == label).sum(axis=0) for label in range(num_classes)])


def majority_vote(labels: Labels, num_classes: int) -> Labels:
    """The class (S...) that most annotators wrote, of equals the one with the lowest class index.

    A voxel that nobody labelled stays UNLABELLED.

    >>> majority_vote(np.array([[0, 1, 1], [0, 1, 0], [1, 1, -1]]), num_classes=2).tolist()
    [0, 1, 0]
    """
    votes = _votes(labels, num_classes)
    return np.where(votes.any(axis=0), votes.argmax(axis=0), UNLABELLED).astype(labels.dtype)


def unanimous(labels: Labels) -> Labels:
    """What all who labelled a voxel wrote (S...), UNLABELLED where they differ or nobody said anything.

    >>> unanimous(np.array([[0, 1, 1, -1], [0, 1, 0, -1], [0, -1, 0, -1]])).tolist()
    [0, 1, -1, -1]
    """
    return np.where(disputed(labels), UNLABELLED, labels.max(axis=0)).astype(labels.dtype)


def soft_mean(labels: Labels, num_classes: int) -> NDArray[np.float32]:
    """p[t] = share of the annotators who labelled the voxel that wrote t, (T,S...).

    Where nobody labelled, all p[t] are 0, so that a cross-entropy against it costs nothing there.

    >>> soft_mean(np.array([[0, 1], [1, 1], [1, -1], [1, 1]]), num_classes=2).tolist()
    [[0.25, 0.0], [0.75, 1.0]]
    """
    votes = _votes(labels, num_classes)
    return (votes / np.maximum(votes.sum(axis=0), 1)).astype(np.float32)


def vote_fraction(labels: Labels, num_classes: int) -> NDArray[np.float32]:
    """max_t p[t] (S...), p the soft mean: the share of annotators behind the vote; nan without labels."""
    share = soft_mean(labels, num_classes).max(axis=0)
    return np.where(share > 0, share, np.nan).astype(np.float32)


def disputed(labels: Labels) -> NDArray[np.bool_]:
    """(S...) where two of those who labelled a voxel differ.

    >>> disputed(np.array([[0, 1, 1], [0, 0, -1], [-1, 1, 1]])).tolist()
    [False, True, False]
    """
    most = labels.max(axis=0)
    return most != np.where(labels == UNLABELLED, most, labels).min(axis=0)


def _present(labels: Labels) -> Labels:
    return labels[(labels != UNLABELLED).reshape(len(labels), -1).any(axis=1)]


def staple(labels: Labels, num_classes: int) -> Labels:
    """STAPLE consensus (S...): Warfield et al., TMI 2004; several classes: Rohlfing et al., TMI 2004.

    Two classes: foreground where its posterior is >= 0.5. Voxels are independent in STAPLE, so it runs on
    those that every annotator present labelled. Everywhere else, where STAPLE cannot decide between classes,
    and where it has nothing to estimate (fewer than two annotators, one class in all masks: the library
    returns nan), the majority vote stands.

    >>> labels = np.array([[0, 0, 1, 1, 0, 1], [0, 0, 1, 1, 0, 1], [1, 1, 1, 1, 0, 0]])
    >>> staple(labels, num_classes=2).tolist()  # the third writes object where the others do not
    [0, 0, 1, 1, 0, 1]
    """
    return staple_labels(labels, staple_estimate(labels, num_classes), num_classes)


def staple_estimate(labels: Labels, num_classes: int) -> StapleEstimate | None:
    """What STAPLE believes of the voxels that all present annotators labelled; None: it has nothing to estimate."""
    votes = _present(labels)[:, everybody(labels)]
    return estimate(votes, num_classes) if len(votes) > 1 and np.unique(votes).size > 1 else None


def staple_labels(labels: Labels, found: StapleEstimate | None, num_classes: int) -> Labels:
    """The consensus (S...) of ``staple`` from what was found on labels (A,S...)."""
    consensus = majority_vote(labels, num_classes)
    if found is not None:
        complete, probs = everybody(labels), found.probs
        best = np.isclose(probs, probs.max(axis=0), rtol=1e-9, atol=0)
        fused = probs[1] >= 0.5 if num_classes == 2 else probs.argmax(axis=0)
        told = ~np.isnan(probs).any(axis=0) & ((num_classes == 2) | (best.sum(axis=0) == 1))
        consensus[complete] = np.where(told, fused, consensus[complete])
    return consensus


def everybody(labels: Labels) -> NDArray[np.bool_]:
    """(S...) the voxels that every annotator present labelled."""
    return (_present(labels) != UNLABELLED).all(axis=0)
