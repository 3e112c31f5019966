"""Where patches lie: around voxels of every class alike, and where annotators disagree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED

MOST_VOXELS = 10_000
"""So many are kept of a class, and of those where annotators disagree (nnU-Net's number), drawn at random of more."""

DISAGREEMENT = 0
"""Stands for a class where annotators disagree: patches are laid around no background."""


def voxels_of_interest(labels: NDArray[np.integer], rng: np.random.Generator) -> NDArray[np.int32]:
    """Labels (P,S...) -> (N,1+S): a class that some annotator saw in a voxel, or DISAGREEMENT, and the voxel's index.

    At most MOST_VOXELS of each. Annotators disagree where two of them who labelled a voxel gave it two classes.
    """
    known = labels != UNLABELLED
    most = labels.max(0)
    least = np.where(known, labels, most).min(0)
    wanted = [(DISAGREEMENT, (least != most) & known.any(0))]
    wanted += [(t, (labels == t).any(0)) for t in range(1, int(most.max(initial=0)) + 1)]
    rows = []
    for kind, where in wanted:
        flat = np.flatnonzero(where)
        if len(flat) > MOST_VOXELS:
            flat = np.sort(rng.choice(flat, MOST_VOXELS, replace=False))
        voxels = np.stack(np.unravel_index(flat, where.shape), axis=1)
        rows.append(np.concatenate([np.full((len(flat), 1), kind), voxels], axis=1))
    return np.concatenate(rows).astype(np.int32)


def crop_corner(
    shape: Sequence[int],
    size: Sequence[int],
    rng: np.random.Generator,
    *,
    foreground: NDArray[np.integer],
    fraction: float,
    disagreement: float = 0.0,
) -> tuple[int, ...]:
    """The corner of a random patch of ``size`` (S,) in a case of ``shape`` (S,).

    With probability ``fraction`` it holds a voxel of ``foreground`` (N,1+S), whose class is drawn first, each as often
    as any other; of the other patches, so many as ``disagreement`` says hold one where annotators disagree.
    """
    room = np.asarray(shape) - np.asarray(size)
    kinds = np.unique(foreground[:, 0]) if len(foreground) else np.zeros(0, int)
    classes = kinds[kinds != DISAGREEMENT]
    kind = None
    if len(classes) and rng.random() < fraction:
        kind = classes[rng.integers(len(classes))]
    elif DISAGREEMENT in kinds and disagreement and rng.random() < disagreement:
        kind = DISAGREEMENT
    if kind is None:
        return tuple(int(rng.integers(r + 1)) for r in room)
    of_kind = np.flatnonzero(foreground[:, 0] == kind)
    centre = foreground[of_kind[rng.integers(len(of_kind))], 1:]
    return tuple(int(c) for c in np.clip(centre - rng.integers(0, np.asarray(size)), 0, room))
