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
from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fusion import Fusion
from medseg.cohorts import Array

CASES, VOXELS = 48, 16_000
"""So many cases are looked at, and so many of their disputed voxels, at most;"""

WINDOW = {2: 512, 3: 96}
"""of a case those in a window of so many voxels along each axis, around one of them;"""

AROUND = 16
"""with so many more on each side, because it is what lies around a voxel that is seen."""

FINEST, COARSEST = 0.5, 8
"""Deviations in voxels of the least and the largest Gaussian, each twice the one before."""

FOLDS = 3
"""Cases are foretold from others."""

LEAST = 1e-4
"""No voxel costs more than the negative logarithm of it."""

MARGIN = 0.05
"""Nats per disputed voxel by which the images must prefer another truth to the fusion's."""


@dataclass(frozen=True, kw_only=True)
class Looked:
    """Some disputed voxels of one case. Letters: K truths, F features."""

    features: NDArray[np.float32]
    """(N,F) intensity, gradient and curvature of each channel at several scales."""
    truths: Labels
    """(K,N) their classes by each truth."""


def look(
    image: Array, labels: Labels, index: Index | None, truths: Sequence[Fusion], *, most: int, rng: np.random.Generator
) -> Looked:
    """image (C,S...), labels (P,S...), whose (P,) -> at most so many of the disputed voxels, drawn at random."""
    from skimage.feature import multiscale_basic_features

    where = np.argwhere(disputed(labels))
    if not len(where):
        return Looked(features=np.zeros((0, 0), np.float32), truths=np.zeros((len(truths), 0), np.int64))
    middle, half = where[rng.integers(len(where))], WINDOW[where.shape[1]] // 2
    where = rng.permutation(where[(abs(where - middle) < half).all(axis=1)])[:most]
    low, high = np.maximum(where.min(axis=0) - AROUND, 0), where.max(axis=0) + AROUND + 1
    window = np.asarray(image[(slice(None), *map(slice, low.tolist(), high.tolist()))])
    inside = tuple((where - low).T)
    seen = [
        np.asarray(multiscale_basic_features(channel, sigma_min=FINEST, sigma_max=COARSEST))[inside]
        for channel in window
    ]
    said = [truth(labels, index).argmax(axis=0)[tuple(where.T)] for truth in truths]
    return Looked(features=np.concatenate(seen, axis=-1), truths=np.stack(said))


def nats_told(features: Sequence[NDArray[np.float32]], truths: Sequence[Labels], num_classes: int) -> float:
    """I(t; x) = H(t) - H(t|x), nats per voxel: features (N,F) and truth (N,) of each case.

    H(t): the mean of -log of the share of t among the voxels of other cases. H(t|x): the mean of -log p(t|features),
    logistic regression on the other cases, in ``FOLDS`` groups; so that I is a lower bound but for chance. 0 of a truth
    that is the same everywhere, less where what was learned of others does not hold; nan of fewer cases than groups.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    if len(features) < FOLDS:
        return float("nan")
    fold = np.repeat(np.arange(len(truths)) % FOLDS, [len(truth) for truth in truths])
    seen, said = np.concatenate(features), np.concatenate(truths)
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


def choose(truths: Sequence[Fusion], cases: Sequence[Callable[..., Looked]], num_classes: int) -> Fusion:
    """The first of these truths, or the one of which images tell most where that is ``MARGIN`` more, with what is told.

    cases: each looks at itself, see ``look``.
    """
    some = cases[:: -(-len(cases) // CASES)]
    rng = np.random.default_rng(0)
    looked = [each(truths, most=-(-VOXELS // len(some)), rng=rng) for each in some]
    looked = [each for each in looked if len(each.features)]
    told = [
        nats_told([each.features for each in looked], [each.truths[k] for each in looked], num_classes)
        for k in range(len(truths))
    ]
    best = int(np.argmax([nats - (MARGIN if k else 0) for k, nats in enumerate(told)]))
    return replace(truths[best], told=told[best])
