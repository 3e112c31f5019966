"""From several annotators' labels of one case to one: vote, soft mean, STAPLE, one annotator at random.

Labels are class indices (A,S...); UNLABELLED marks voxels about which an annotator said nothing. An
annotator whose labels are UNLABELLED everywhere is absent, and counts for nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED

Labels = NDArray[np.integer]

STAPLE_ITERATIONS = 100
"""Expectation-maximisation stops here at the latest; the library's own default is without limit."""


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


def random_annotator(labels: Labels, rng: np.random.Generator) -> Labels:
    """The labels (S...) of one annotator drawn from those present; UNLABELLED everywhere if there is none."""
    present = _present(labels)
    return present[rng.integers(len(present))] if len(present) else np.full_like(labels[0], UNLABELLED)


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
    consensus = majority_vote(labels, num_classes)
    present = _present(labels)
    complete = (present != UNLABELLED).all(axis=0)
    votes = present[:, complete]
    if len(present) < 2 or np.unique(votes).size < 2:
        return consensus
    fused = _binary_staple(votes) if num_classes == 2 else _multilabel_staple(votes, num_classes)
    consensus[complete] = np.where(fused == UNLABELLED, consensus[complete], fused)
    return consensus


def _binary_staple(votes: Labels) -> Labels:
    """(A,N) 0/1 -> (N,) 0/1, UNLABELLED where the posterior is nan."""
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(row[None].astype(np.uint8)) for row in votes]
    posterior = SimpleITK.GetArrayFromImage(SimpleITK.STAPLE(images, 1.0, 1, STAPLE_ITERATIONS))[0]
    return np.where(np.isnan(posterior), UNLABELLED, posterior >= 0.5)


def _multilabel_staple(votes: Labels, num_classes: int) -> Labels:
    """(A,N) class indices -> (N,), UNLABELLED where two classes are equally probable."""
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(row[None].astype(np.uint16)) for row in votes]
    fuse = SimpleITK.MultiLabelSTAPLEImageFilter()
    fuse.SetMaximumNumberOfIterations(STAPLE_ITERATIONS)
    fuse.SetLabelForUndecidedPixels(num_classes)
    fused = SimpleITK.GetArrayFromImage(fuse.Execute(images))[0].astype(np.int64)
    return np.where(fused == num_classes, UNLABELLED, fused)
