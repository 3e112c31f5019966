"""What annotators drew of one case: the box around all of it, and the combinations of labels that there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED
from medseg.evaluation import foreground_box

Labels = NDArray[np.integer]
Index = NDArray[np.int64]

MARGIN = 2
"""Voxels around all that anybody drew, beyond which nothing is learned about anybody."""


def around_drawn(labels: Labels) -> Labels:
    """(A,S...) -> the same in the box around all that anybody drew, beyond which a fit looks at nothing: a copy."""
    return labels[(slice(None), *drawn_box(labels))].copy()


def drawn_box(labels: Labels) -> tuple[slice, ...]:
    """Of labels (A,S...) the box (S,) around all that anybody drew, with a margin; else the first voxel."""
    box = foreground_box(labels, margin=MARGIN)
    return box if all(along.stop for along in box) else (slice(0, 1),) * len(box)


def combinations(labels: Labels, num_classes: int) -> tuple[Labels, Index]:
    """labels (P,S...) -> the combinations that there are (U,P), and which one each voxel has (S...)."""
    most, code = num_classes + 1, np.zeros(labels.shape[1:], np.int64)
    for drawn in labels:
        if code.max(initial=0) > np.iinfo(np.int64).max // most - most:
            code = np.unique(code, return_inverse=True)[1].reshape(code.shape)
        code = code * most + np.where(drawn == UNLABELLED, num_classes, drawn)
    _, first, which = np.unique(code, return_index=True, return_inverse=True)
    return labels.reshape(len(labels), code.size)[:, first].T, which.reshape(code.shape)
