"""The graph of overlapping clusters over a projection of the network's features, and a classifier by its votes.

Mapper: Singh et al. 2007; votes of its nodes: Cyranka et al. 2019 ("Mapper Based Classifier"), who project images, not
a network's features. The graph is made by KeplerMapper.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

CUBES, OVERLAP = 12, 0.4
"""Along each axis of the projection, and how much of a cube its neighbour shares."""
LEAST, NEIGHBOURS = 3, 5
"""Voxels of a node, and the nearest known voxels whose nodes vote on a new one."""
REACH = 90
"""Of all voxels so many percent have their LEAST nearest ones within the distance at which voxels are neighbours."""


@dataclass(frozen=True, kw_only=True)
class Graph:
    """N known voxels in M overlapping nodes."""

    members: tuple[NDArray[np.int64], ...]
    """(M,) indices of the voxels of each."""
    edges: NDArray[np.int64]
    """(E,2) nodes that share a voxel."""
    lens: Floats
    """(N,2) the projection: the first two principal components."""
    features: Floats
    """(N,F) as they were given."""

    def means(self, values: Floats) -> Floats:
        """(N,...) -> (M,...) of the voxels of each node."""
        return np.stack([values[index].mean(axis=0) for index in self.members])

    def votes(self, known: NDArray[np.int64], asked: Floats, num_classes: int) -> Floats:
        """known (N,) classes of the known voxels, asked (K,F) features -> (K,T) shares of the votes.

        A new voxel is asked about in the nodes of its nearest known voxels: each node votes with the shares of its
        classes, once for each of them that it holds.
        """
        from sklearn.neighbors import NearestNeighbors

        shares = self.means(np.eye(num_classes)[known])
        votes, held = np.zeros((len(known), num_classes)), np.zeros(len(known))
        for index, share in zip(self.members, shares, strict=True):
            votes[index] += share
            held[index] += 1
        inside = np.flatnonzero(held)
        scale = _scale(self.features)
        near = NearestNeighbors(n_neighbors=min(NEIGHBOURS, len(inside))).fit(self.features[inside] / scale)
        found = votes[inside[near.kneighbors(asked / scale, return_distance=False)]].sum(axis=1)
        return found / found.sum(axis=1, keepdims=True)


def graph_of(features: Floats) -> Graph:
    """Features (N,F) -> their graph: DBSCAN in every cube of a cover of the first two principal components."""
    from kmapper import Cover, KeplerMapper
    from sklearn.cluster import DBSCAN
    from sklearn.decomposition import PCA
    from sklearn.neighbors import NearestNeighbors

    scaled = features / _scale(features)
    lens = PCA(2, svd_solver="full").fit_transform(scaled)
    distances, _ = NearestNeighbors(n_neighbors=min(LEAST + 1, len(scaled))).fit(scaled).kneighbors(scaled)
    reach = max(float(np.percentile(distances[:, -1], REACH)), 1e-9)
    cover: Any = Cover(n_cubes=CUBES, perc_overlap=OVERLAP)
    clusterer = DBSCAN(eps=reach, min_samples=LEAST)
    found = KeplerMapper(verbose=0).map(lens, scaled, clusterer=clusterer, cover=cover)
    names = {name: number for number, name in enumerate(found["nodes"])}
    pairs = chain.from_iterable(((names[a], names[b]) for b in others) for a, others in found["links"].items())
    return Graph(
        members=tuple(np.array(index, np.int64) for index in found["nodes"].values()),
        edges=np.array(sorted({(min(pair), max(pair)) for pair in pairs}), np.int64).reshape(-1, 2),
        lens=lens,
        features=features,
    )


def _scale(features: Floats) -> Floats:
    """(F,) deviation of each feature, 1 of one that is constant."""
    deviation = features.std(axis=0)
    return np.where(deviation > 0, deviation, 1.0)
