"""Who errs alike: distances of the fusion's matrices, and the clusters that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, leaves_list, linkage
from scipy.spatial.distance import squareform

from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import Floats

APART = 0.1
"""Clusters lie so far apart: as who is wrong in one voxel of ten and who is in two."""


@dataclass(frozen=True, kw_only=True)
class Styles:
    """Who errs like whom."""

    distance: Floats
    """(A,A) see ``style_distance``."""
    order: NDArray[np.int64]
    """(A,) the annotators in such an order that those who err alike are neighbours."""
    cluster: NDArray[np.int64]
    """(A,) from 1 on, numbered in that order."""


def style_distance(fusion: Fusion) -> Floats:
    """(A,A) root of the mean over zones z and true classes t of JS(C^a[z,.,t], C^b[z,.,t]): 0, to root log 2 = 0.83.

    JS(p, q) = KL(p, m) / 2 + KL(q, m) / 2 in nats, m = (p + q) / 2 (Lin 1991; its root is a metric, Endres and
    Schindelin 2003). It asks for no case that both have seen.

    >>> rates = [np.log([[1 - e, e], [e, 1 - e]]) for e in (0.1, 0.2)]
    >>> even = np.log([[0.5, 0.5]])
    >>> fusion = Fusion(log_confusion=np.stack(rates)[:, None], log_prior=even, edges=np.zeros(0))
    >>> float(style_distance(fusion)[0, 1].round(2))
    0.1
    """
    log_confusion = fusion.log_confusion
    mine, other = log_confusion[:, None], log_confusion[None]
    middle = np.logaddexp(mine, other) - np.log(2)
    divergence = (np.exp(mine) * (mine - middle) + np.exp(other) * (other - middle)).sum(axis=3) / 2
    return np.sqrt(np.maximum(divergence, 0).mean(axis=(2, 3)))


def find_styles(fusion: Fusion) -> Styles:
    """Average linkage over ``style_distance``, cut where clusters lie ``APART``."""
    distance = style_distance(fusion)
    if len(distance) < 2:
        return Styles(distance=distance, order=np.zeros(1, np.int64), cluster=np.ones(1, np.int64))
    tree = linkage(squareform(distance, checks=False), method="average", optimal_ordering=True)
    order, found = leaves_list(tree).astype(np.int64), fcluster(tree, APART, criterion="distance")
    number = {label: place for place, label in enumerate(dict.fromkeys(found[order].tolist()), start=1)}
    return Styles(distance=distance, order=order, cluster=np.array([number[label] for label in found.tolist()]))
