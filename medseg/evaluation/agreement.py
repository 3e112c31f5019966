"""How much a set of annotators agree with one another, and how well predicted annotators resemble them.

All scores are without unit and belong to one case: average them over cases. Annotators who did not see
the case are ``UNLABELLED`` all over and take no part. Kappa and alpha are computed inside the
bounding box of all foregrounds, one voxel wider on each side: over the whole image the background
inflates them, and over the bare union of the foregrounds two annotators can never score above 0,
because a voxel that both call background is not in it.
"""

from __future__ import annotations

import krippendorff
import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from torchmetrics.functional.classification import multiclass_cohen_kappa
from torchmetrics.functional.nominal import fleiss_kappa as torchmetrics_fleiss_kappa

from medseg.contracts import UNLABELLED
from medseg.evaluation.overlap import dice_matrix, foreground_box, iou_matrix, mean_of_defined


def present(labels: NDArray[np.integer]) -> NDArray[np.bool_]:
    """Which annotators labelled at least one voxel. labels: (A,S...). Returns (A,)."""
    return (labels != UNLABELLED).reshape(len(labels), -1).any(axis=1)


def pairwise_dice(labels: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """(A,A) Dice of every pair of annotators, mean over the foreground classes; higher is better.

    labels: (A,S...). nan for an absent annotator and for a pair of which neither drew anything.
    """
    return dice_matrix(labels, labels, num_classes)


def mean_pairwise_dice(labels: NDArray[np.integer], num_classes: int) -> float:
    """Mean of ``pairwise_dice`` over the pairs of different annotators; nan if no pair is defined."""
    return mean_of_defined(pairwise_dice(labels, num_classes)[np.triu_indices(len(labels), k=1)])


def pairwise_kappa(labels: NDArray[np.integer], num_classes: int) -> NDArray[np.float64]:
    """(A,A) Cohen's kappa of every pair of annotators (Cohen 1960): 1 perfect, 0 chance; higher is better.

    labels: (A,S...), compared inside the box of all foregrounds. nan for an absent annotator, and where
    both annotators wrote one and the same class everywhere.
    """
    ratings = torch.from_numpy(_boxed(labels).astype(np.int64))
    kappa = np.full((len(labels), len(labels)), np.nan)
    for i, j in np.ndindex(kappa.shape):
        known = (ratings[i] != UNLABELLED) & (ratings[j] != UNLABELLED)
        if bool(known.any()):
            kappa[i, j] = float(multiclass_cohen_kappa(ratings[i, known], ratings[j, known], num_classes))
    return kappa


def fleiss_kappa(labels: NDArray[np.integer], num_classes: int) -> float:
    """Fleiss' kappa of all present annotators (Fleiss 1971): 1 perfect, 0 chance; higher is better.

    labels: (A,S...). Only voxels that every present annotator labelled, inside the box of all foregrounds.
    nan with fewer than two annotators or without any foreground. (torchmetrics adds 1e-5 to the
    denominator, so perfect agreement reads a little below 1.)
    """
    ratings = _boxed(labels[present(labels)])
    counts = _votes(ratings[:, (ratings != UNLABELLED).all(axis=0)], num_classes)
    if len(ratings) < 2 or not counts.size:
        return float("nan")
    return float(torchmetrics_fleiss_kappa(torch.from_numpy(counts)))


def krippendorff_alpha(labels: NDArray[np.integer], num_classes: int) -> float:
    """Krippendorff's nominal alpha (Krippendorff 2011): 1 perfect, 0 chance; higher is better.

    labels: (A,S...), inside the box of all foregrounds; voxels that some annotator left unlabelled count
    with the annotators they have. nan with fewer than two annotators or with one single class in the box.

    >>> krippendorff_alpha(np.array([[0, 1, 1, 0], [0, 1, 1, 0]]), num_classes=2)
    1.0
    """
    votes = _votes(_boxed(labels), num_classes)
    comparable = votes[votes.sum(axis=1) > 1]
    if np.count_nonzero(comparable.sum(axis=0)) < 2:
        return float("nan")
    return float(krippendorff.alpha(value_counts=comparable, level_of_measurement="nominal"))


def ged2_v(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> float:
    """Squared generalised energy distance as a V-statistic; lower is better, 0 for equal sets.

    2 E d(S,Y) - E d(S,S') - E d(Y,Y') with d = 1 - IoU, over all pairs, a member with itself included
    (Szekely and Rizzo 2013; Kohl et al. 2018, Eq. 4). IoU is the mean over the foreground classes that
    either map has; both empty: d = 0. samples: (A,S...) predicted, labels: (A',S...) drawn.
    nan if either set is empty.

    >>> one, other = np.array([[0, 1, 1]]), np.array([[0, 0, 1]])  # IoU 1/2
    >>> ged2_v(one, other, num_classes=2), ged2_v(one, one, num_classes=2)
    (1.0, 0.0)
    """
    return _ged2(samples, labels, num_classes, unbiased=False)


def ged2_u(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> float:
    """``ged2_v`` as a U-statistic: pairs of a member with itself are left out of E d(S,S') and E d(Y,Y').

    Unbiased, so it can be below 0. nan if either set has fewer than two members.

    >>> pair = np.array([[0, 1, 1], [0, 0, 1]])  # IoU 1/2: 2 * 1/4 - 1/2 - 1/2
    >>> ged2_u(pair, pair, num_classes=2)
    -0.5
    """
    return _ged2(samples, labels, num_classes, unbiased=True)


def hungarian_iou(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> float:
    """Mean IoU of the best one-to-one match of predicted to drawn maps (Kohl et al. 2019); higher is better.

    Both empty: IoU 1, as in the published evaluations. Sets of unequal size: the smaller one is
    matched as a whole. nan if either set is empty.

    >>> drawn = np.array([[0, 1, 1], [0, 0, 1]])
    >>> hungarian_iou(drawn[::-1], drawn, num_classes=2), hungarian_iou(drawn[:1], drawn[1:], num_classes=2)
    (1.0, 0.5)
    """
    samples, labels = samples[present(samples)], labels[present(labels)]
    if not (len(samples) and len(labels)):
        return float("nan")
    return _matched(iou_matrix(samples, labels, num_classes, absent=1.0))


def dice_max(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> float:
    """Mean over drawn maps of the Dice of the nearest predicted map (Wu et al., CVPR 2024); higher is better.

    samples (A,S...), labels (A',S...). Dice is the mean over the foreground classes that either map has; both empty: 1.
    nan if either set is empty. A predicted map may be the nearest to several; one that is near to none costs nothing.

    >>> drawn = np.array([[0, 1, 1], [0, 0, 1]])
    >>> dice_max(drawn[:1], drawn, num_classes=2)  # Dice 1 and 2/3
    0.8333333333333333
    """
    similarity = _dice_of_present(samples, labels, num_classes)
    return float(similarity.max(axis=0).mean()) if similarity.size else float("nan")


def dice_match(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int) -> float:
    """Mean Dice of the best one-to-one match of predicted to drawn maps (Wu et al., CVPR 2024); higher is better.

    As ``hungarian_iou``, with Dice: sets of unequal size, the smaller one is matched as a whole.

    >>> drawn = np.array([[0, 1, 1], [0, 0, 1]])
    >>> dice_match(drawn[[0, 0]], drawn, num_classes=2), dice_match(drawn[::-1], drawn, num_classes=2)
    (0.8333333333333333, 1.0)
    """
    return _matched(_dice_of_present(samples, labels, num_classes))


def _dice_of_present(
    samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int
) -> NDArray[np.float64]:
    samples, labels = samples[present(samples)], labels[present(labels)]
    if not (len(samples) and len(labels)):
        return np.zeros((0, 0))
    return dice_matrix(samples, labels, num_classes, absent=1.0)


def _matched(similarity: NDArray[np.float64]) -> float:
    """Mean over the one-to-one match with the largest sum; nan of no pair."""
    rows, columns = linear_sum_assignment(similarity, maximize=True)
    return float(similarity[rows, columns].mean()) if similarity.size else float("nan")


def _ged2(samples: NDArray[np.integer], labels: NDArray[np.integer], num_classes: int, unbiased: bool) -> float:
    samples, labels = samples[present(samples)], labels[present(labels)]
    if min(len(samples), len(labels)) < (2 if unbiased else 1):
        return float("nan")
    between = _mean_distance(samples, labels, num_classes, without_self=False)
    within_samples = _mean_distance(samples, samples, num_classes, without_self=unbiased)
    within_labels = _mean_distance(labels, labels, num_classes, without_self=unbiased)
    return 2 * between - within_samples - within_labels


def _mean_distance(a: NDArray[np.integer], b: NDArray[np.integer], num_classes: int, without_self: bool) -> float:
    distance = 1 - iou_matrix(a, b, num_classes, absent=1.0)
    if without_self:
        return float(distance[~np.eye(len(a), dtype=bool)].mean())
    return float(distance.mean())


def _boxed(labels: NDArray[np.integer]) -> NDArray[np.integer]:
    """(A,S...) -> (A,N): the voxels of the box around all foregrounds, one voxel wider on each side."""
    box = (slice(None), *foreground_box(labels, margin=1))
    return labels[box].reshape(len(labels), -1)


def _votes(ratings: NDArray[np.integer], num_classes: int) -> NDArray[np.int64]:
    """(A,N) classes -> (N,T): how many annotators gave each class to each voxel."""
    return np.stack([(ratings == label).sum(axis=0) for label in range(num_classes)], axis=1)
