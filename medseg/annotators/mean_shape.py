"""The mean shape of all annotators' labels: where they differ about size alone, the border in the middle.

Labels alone cannot tell whose size is right (docs/theory.md). The vote takes the size of the majority; the mean shape
lets every annotator push the border by as much as he differs, up to a reach, so that one who draws too much and one who
draws too little cancel, however many stand on either side between.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from medseg.annotators.drawn import Labels, drawn_box
from medseg.contracts import UNLABELLED


def mean_shape(
    labels: Labels, num_classes: int, reach: float, voxel: Sequence[float] | None = None
) -> NDArray[np.float32]:
    """labels (P,S...) -> p[t] = mean over those who labelled the voxel of r_a[t] / sum_u r_a[u], (T,S...).

    r_a[t] = (1 + clip(d_a[t] / reach, -1, 1)) / 2, d_a[t] the distance in voxels from the border of class t of
    annotator a, positive inside (Rohlfing and Maurer, IEEE TIP 2007, who do not clip it). With a reach of half a voxel
    it is the soft mean of the labels. Undisputed voxels are certain; all 0 where nobody labelled. voxel: (S,) its
    lengths in the unit of the reach; None: 1 each.

    >>> over, under = [0, 0, 1, 1, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0, 0]
    >>> mean_shape(np.array([over, under, over]), num_classes=2, reach=3)[1].round(2).tolist()
    [0.0, 0.0, 0.42, 0.58, 1.0, 0.58, 0.42, 0.0, 0.0]
    """
    seen = labels != UNLABELLED
    probs = np.zeros((num_classes, *labels.shape[1:]), np.float32)
    probs[0] = seen.any(axis=0)
    box = (slice(None), *drawn_box(labels))
    inside, known = labels[box], seen[box]
    total = np.zeros((num_classes, *inside.shape[1:]), np.float32)
    for drawn, of_one in zip(inside, known, strict=True):
        ramps = np.stack([_ramp(drawn == label, reach, voxel) for label in range(1, num_classes)])
        ground = 1 - ramps if num_classes == 2 else _ramp(drawn == 0, reach, voxel)[None]
        ramps = np.concatenate([ground, ramps])
        total += of_one * ramps / np.maximum(ramps.sum(axis=0), np.finfo(np.float32).tiny)
    total /= np.maximum(known.sum(axis=0), 1)
    votes = np.stack([(inside == label).sum(axis=0) for label in range(num_classes)])
    agreed = votes.max(axis=0) == known.sum(axis=0)
    probs[box] = np.where(agreed, votes > 0, total)
    return probs


def _ramp(mask: NDArray[np.bool_], reach: float, voxel: Sequence[float] | None) -> NDArray[np.float32]:
    """(S...) of one class of one annotator: from 0, reach voxels outside of its border, to 1, as far inside."""
    if mask.all() or not mask.any():
        return mask.astype(np.float32)
    inside, outside = (np.asarray(distance_transform_edt(each, sampling=voxel)) for each in (mask, ~mask))
    half = 0.5 if voxel is None else float(np.mean(voxel)) / 2  # the border lies midway between voxels
    distance = inside - outside - np.where(mask, half, -half)
    return ((1 + np.clip(distance / reach, -1, 1)) / 2).astype(np.float32)
