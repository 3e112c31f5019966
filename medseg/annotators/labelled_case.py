"""The labels of one case as a fusion sees them: who wrote what, and what is believed of its truth. See ``fusion``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.special import softmax

from medseg.contracts import UNLABELLED

Labels = NDArray[np.integer]
Index = NDArray[np.int64]
Floats = NDArray[np.float64]

MARGIN = 2
"""Voxels around all that anybody drew, beyond which nothing is learned about anybody."""


LEAST = 1e-12
"""No probability is taken for less before its logarithm is."""


class LabelledCase:
    """The labels of one case in the box around all that anybody drew, and what is believed of its truth."""

    def __init__(self, labels: Labels, annotator_index: Index | None, num_classes: int) -> None:
        drawn = (labels != UNLABELLED).reshape(len(labels), -1).any(axis=1)
        self.present = np.flatnonzero(drawn) if annotator_index is None else annotator_index[drawn]
        labels = labels[drawn]
        self.shape, self.classes = labels.shape[1:], num_classes
        self.seen = (labels != UNLABELLED).any(axis=0)
        self.box = _box(np.asarray((labels > 0).any(axis=0)))
        self.labels, self.inside = labels[(slice(None), *self.box)], self.seen[self.box]
        votes = np.stack([(self.labels == label).sum(axis=0) for label in range(num_classes)], axis=-1)
        self.disputed = votes.max(axis=-1) < votes.sum(axis=-1)
        top = votes == votes.max(axis=-1, keepdims=True)
        self.probs = top / top.sum(axis=-1, keepdims=True) * self.inside[..., None]  # (S...,T), of the vote
        self.distance, self.zone = np.zeros(self.inside.shape), np.zeros(self.inside.shape, int)
        self.measured = np.full(self.inside.shape, UNLABELLED)  # the truth that ``distance`` is of

    def measure(self) -> None:
        """The distance of every voxel from the border of the most probable truth."""
        best = self.probs.argmax(axis=-1)
        if not np.array_equal(best, self.measured):
            self.distance, self.measured = distance_to_border(best), best

    def counts(self, zones: int) -> Iterator[Floats]:
        """Per present annotator (Z,O,T) the expected voxels of each zone that are called O and are T."""
        for drawn in self.labels:
            known = drawn != UNLABELLED
            key = self.zone[known] * self.classes + drawn[known]
            columns = [np.bincount(key, probs, minlength=zones * self.classes) for probs in self.probs[known].T]
            yield np.stack(columns, axis=-1).astype(np.float64).reshape(zones, self.classes, self.classes)

    def explain(self, log_confusion: Floats) -> float:
        """The E-step; returns by how much the probabilities of a disputed voxel moved on average."""
        scores = np.zeros_like(self.probs)
        for matrices, drawn in zip(log_confusion[self.present], self.labels, strict=True):
            known = drawn != UNLABELLED
            scores[known] += matrices[self.zone[known], drawn[known]]
        probs = softmax(scores, axis=-1) * self.inside[..., None]
        moved = np.abs(probs - self.probs)[self.disputed]
        self.probs = probs
        return float(moved.mean()) if moved.size else 0.0

    def decide(self) -> None:
        """The most probable truth is certain."""
        best = self.probs.argmax(axis=-1)[..., None] == np.arange(self.classes)
        self.probs = best * self.inside[..., None].astype(float)

    def posterior(self, voices: float) -> NDArray[np.float32]:
        """(T,S...) on the whole grid: background for certain outside of the box.

        Of disputed voxels p^(1/voices), normalised.
        """
        probs = np.zeros((self.classes, *self.shape), np.float32)
        log_probs = np.log(np.maximum(self.probs[self.disputed], LEAST))
        self.probs[self.disputed] = softmax(log_probs / voices, axis=-1)
        probs[0] = self.seen
        probs[(slice(None), *self.box)] = np.moveaxis(self.probs, -1, 0)
        return probs


def around_drawn(labels: Labels) -> Labels:
    """(A,S...) -> the same in the box around all that anybody drew, beyond which a fit looks at nothing: a copy."""
    return labels[(slice(None), *_box(np.asarray((labels > 0).any(axis=0))))].copy()


def distance_to_border(truth: Labels, voxel: Sequence[float] | None = None) -> Floats:
    """(S...) from each voxel to the nearest one of another class; infinite where there is none.

    voxel: (S,) its lengths; None: 1 each.
    """
    distance = np.full(truth.shape, np.inf)
    present = np.unique(truth)
    for label in present if len(present) > 1 else ():
        inside = truth == label
        distance[inside] = np.asarray(distance_transform_edt(inside, sampling=voxel))[inside]
    return distance


def _box(drawn: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Around all that is true, with a margin; the first voxel where nothing is."""
    if not drawn.any():
        return tuple(slice(0, 1) for _ in drawn.shape)
    box = []
    for axis, length in enumerate(drawn.shape):
        places = np.flatnonzero(drawn.any(axis=tuple(other for other in range(drawn.ndim) if other != axis)))
        box.append(slice(max(int(places[0]) - MARGIN, 0), min(int(places[-1]) + MARGIN + 1, length)))
    return tuple(box)
