"""What images tell of a truth that was made of labels alone: of several such truths, the one that can be seen.

Labels cannot tell a truth from another that everybody would have to have drawn too large. Images may: what is there is
seen in them, and what habit or chance put there is not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.consensus import disputed
from medseg.annotators.drawn import Labels
from medseg.annotators.fusion import Fusion
from medseg.cohorts import Array

Box = tuple[slice, ...]

CASES, VOXELS = 48, 16_000
"""So many cases are looked at, and so many of their disputed voxels, at most;"""

WINDOW = {2: 256, 3: 40}
"""of a case those in a window of so many voxels along each axis, some 2^16 in all, around one of them;"""

AROUND = 12
"""with so many more on each side, because it is what lies around a voxel that is seen."""

FINEST, COARSEST = 0.5, 8
"""Deviations in voxels of the least and the largest Gaussian, each twice the one before."""

FOLDS, FEWEST = 3, 12
"""Cases are foretold from others, in so many groups; and of fewer nothing is said."""

LEAST = 1e-4
"""No voxel costs more than the negative logarithm of it."""

MARGIN = 0.03
"""Nats per disputed voxel by which the images must prefer another truth to the fusion's."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Some disputed voxels of one case. Letters: K truths, F features."""

    features: NDArray[np.float32]
    """(N,F) intensity, gradient and curvature of each channel at several scales."""
    truths: Labels
    """(K,N) their classes by each truth."""


def look(
    image: Array, labels: Labels, truths: Callable[[Box], Sequence[Labels]], *, most: int, rng: np.random.Generator
) -> Looked:
    """image (C,S...), labels (P,S...) -> at most so many of the disputed voxels in one window, drawn at random.

    truths: of a box (S,), K of them (S...). What a case costs is bounded by the window, however large it is.
    """
    from skimage.feature import multiscale_basic_features

    where = np.argwhere(disputed(labels))
    if not len(where):
        return Looked(features=np.zeros((0, 0), np.float32), truths=np.zeros((0, 0), np.int64))
    middle, half = where[rng.integers(len(where))], WINDOW[where.shape[1]] // 2
    where = rng.permutation(where[(abs(where - middle) < half).all(axis=1)])[:most]
    low, high = np.maximum(where.min(axis=0) - AROUND, 0), where.max(axis=0) + AROUND + 1
    box: Box = tuple(slice(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True))
    inside = tuple((where - low).T)
    seen = [
        np.asarray(multiscale_basic_features(channel, sigma_min=FINEST, sigma_max=COARSEST))[inside]
        for channel in np.asarray(image[(slice(None), *box)])
    ]
    said = np.stack([truth[inside] for truth in truths(box)])
    return Looked(features=np.concatenate(seen, axis=-1), truths=said)


def nats_told(cases: Sequence[Looked], num_classes: int) -> list[float]:
    """I(t; x) = H(t) - H(t|x) of each truth, nats per voxel, from the cases that have any voxels.

    H(t): the mean of -log of the share of t among the voxels of other cases. H(t|x): the mean of -log p(t|features),
    logistic regression on the other cases, in ``FOLDS`` groups; so that I is a lower bound but for chance. 0 of a truth
    that is the same everywhere, less where what was learned of others does not hold. [] of fewer than ``FEWEST`` cases.
    """
    known = [case for case in cases if len(case.features)]
    if len(known) < FEWEST:
        return []
    fold = np.repeat(np.arange(len(known)) % FOLDS, [len(case.features) for case in known])
    seen = np.concatenate([case.features for case in known])
    return [_told(seen, said, fold, num_classes) for said in np.concatenate([case.truths for case in known], axis=1)]


def _told(seen: NDArray[np.float32], said: Labels, fold: Labels, num_classes: int) -> float:
    """Of one truth (N,): see ``nats_told``."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    told = np.zeros(len(said))
    for held in range(FOLDS):
        train, test = fold != held, fold == held
        if len(np.unique(said[train])) < 2:
            continue
        shares = (1 + np.bincount(said[train], minlength=num_classes)) / (num_classes + train.sum())
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300)).fit(seen[train], said[train])
        probs = np.zeros((test.sum(), num_classes))
        probs[:, model.classes_] = model.predict_proba(seen[test])
        by_image = np.take_along_axis(probs, said[test][:, None], axis=1)[:, 0]
        told[test] = np.log(np.maximum(by_image, LEAST)) - np.log(shares[said[test]])
    return float(told.mean())


def look_at_some(cases: Sequence[Callable[..., Looked]]) -> list[Looked]:
    """``CASES`` of them at most, each told how many voxels are wanted of it and by which random numbers: ``look``."""
    some, rng = cases[:: -(-len(cases) // CASES)], np.random.default_rng(0)
    return [each(most=-(-VOXELS // len(some)), rng=rng) for each in some]


def choose(truths: Sequence[Fusion], looked: Sequence[Looked], num_classes: int) -> Fusion:
    """The first of these truths, or the one of which images tell most where that is ``MARGIN`` more, with what is told.

    looked: each with these truths, in their order.
    """
    told = nats_told(looked, num_classes) or [float("nan")] * len(truths)
    best = int(np.argmax([nats - (MARGIN if k else 0) for k, nats in enumerate(told)]))
    return replace(truths[best], told=told[best])
