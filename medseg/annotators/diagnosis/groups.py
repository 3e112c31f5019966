"""Deviations that are alike: clusters of their images, beside the annotators who made them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

MOST_CLUSTERS, LEAST = 8, 4
"""So many clusters at most, each of so many images at least."""
COMPONENTS, SHARE = 10, 0.95
"""At most so many principal components, and as many as hold this share of the variance."""
STARTS: dict[str, Any] = {"n_init": 5}
"""Of k-means, from which the best is taken."""
MOST_COMPARED = 2000
"""Of so many images the number of clusters is judged."""


def condensed(images: Floats) -> Floats:
    """(N,P) -> (N,K) principal components, with the scale that they have."""
    from sklearn.decomposition import PCA

    if not images.var(axis=0).any():
        return images[:, :1]
    found = PCA(min(COMPONENTS, *images.shape), svd_solver="full").fit_transform(images)
    spread = found.var(axis=0)
    return found[:, : 1 + int(np.searchsorted(np.cumsum(spread) / spread.sum(), SHARE))]


def clusters(condensed_images: Floats) -> NDArray[np.int64]:
    """(N,K) -> (N,) a number from 1 on, the largest cluster first: k-means, seeded.

    So many as have the largest mean silhouette (Rousseeuw 1987), of 2 to MOST_CLUSTERS that have LEAST images each; one
    where there are no two such.
    """
    from sklearn.cluster import KMeans
    from sklearn.metrics import silhouette_score

    different = len(np.unique(condensed_images.round(9), axis=0))
    found, best = np.zeros(len(condensed_images), int), -1.0
    for number in range(2, min(MOST_CLUSTERS, different - 1) + 1):
        tried = KMeans(number, random_state=0, **STARTS).fit_predict(condensed_images)
        if np.bincount(tried).min() < LEAST:
            continue
        most = min(MOST_COMPARED, len(tried))
        score = float(silhouette_score(condensed_images, tried, sample_size=most, random_state=0))
        if score > best:
            found, best = tried, score
    order = np.argsort(-np.bincount(found), kind="stable")
    return (np.argsort(order)[found] + 1).astype(np.int64)
