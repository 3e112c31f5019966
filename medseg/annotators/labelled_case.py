"""The labels of one case as a fusion sees them: who wrote what, and what is believed of its truth. See ``fusion``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from medseg.annotators.zones import Border, border_of
from medseg.contracts import UNLABELLED

Labels = NDArray[np.integer]
Index = NDArray[np.int64]
Floats = NDArray[np.float64]

MARGIN = 2
"""Voxels around all that anybody drew, beyond which nothing is learned about anybody."""


PATIENCE, TOLERANCE = 5, 2e-4
"""Steps that may gain less than so many nats per disputed voxel, one after the other."""

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
        self.compared = votes.sum(axis=-1) > 1
        self.alone = votes.argmax(axis=-1)  # what a single label says may be doubted, and is not overruled
        self.disputed = votes.max(axis=-1) < votes.sum(axis=-1)
        top = votes == votes.max(axis=-1, keepdims=True)
        self.probs = top / top.sum(axis=-1, keepdims=True) * self.inside[..., None]  # (S...,T), of the vote
        self.border = Border(distance=np.zeros(self.inside.shape), pair=np.zeros(self.inside.shape, np.int64))
        self.zone = np.zeros(self.inside.shape, np.int64)
        self.measured = np.full(self.inside.shape, UNLABELLED)  # the truth that ``border`` is of

    def believe(self, annotator: int) -> None:
        """What this annotator wrote is certain; where he said nothing, all remains as it is."""
        for drawn in self.labels[self.present == annotator]:
            known = drawn != UNLABELLED
            self.probs[known] = drawn[known][:, None] == np.arange(self.classes)

    def measure(self) -> None:
        """The border of the most probable truth."""
        best = self.probs.argmax(axis=-1)
        if not np.array_equal(best, self.measured):
            self.border, self.measured = border_of(best, self.classes), best

    def counts(self, zones: int) -> Iterator[Floats]:
        """Per present annotator (Z,O,T) the expected voxels of each zone that are called O and are T."""
        for drawn in self.labels:
            known = drawn != UNLABELLED
            key = self.zone[known] * self.classes + drawn[known]
            yield self._expected(key, known, zones * self.classes).reshape(zones, self.classes, self.classes)

    def volumes(self, zones: int) -> Floats:
        """(Z,T) the expected voxels of each zone that are T."""
        return self._expected(self.zone[self.inside], self.inside, zones)

    def _expected(self, key: Index, where: NDArray[np.bool_], length: int) -> Floats:
        """(K,T) the sums of p(t) over the voxels of each key."""
        columns = [np.bincount(key, probs, minlength=length) for probs in self.probs[where].T]
        return np.stack(columns, axis=-1).astype(np.float64)

    def explain(self, log_confusion: Floats, log_prior: Floats) -> float:
        """The E-step; returns the free energy of what was believed before it.

        F = sum over voxels of sum_t p[t] (log p(t given z) + sum_a log C^(a)[z,y_a,t] - log p[t]), a bound of
        log p(all labels given zones) (Neal and Hinton 1998). log_prior (Z,T): log p(t given z).
        """
        log_joint = self._log_joint(log_confusion, log_prior)
        energy = self._energy(log_joint)
        found = softmax(log_joint, axis=-1) * self.inside[..., None]
        self.probs = np.where((self.compared | (found.argmax(-1) == self.alone))[..., None], found, self.probs)
        return energy

    def energy_of_truth(self, log_prior: Floats) -> float:
        """The part of the free energy that no label enters; log_prior (Z,T): log p(t given z)."""
        return self._energy(log_prior[self.zone])

    def _energy(self, log_joint: Floats) -> float:
        return float((self.probs * (log_joint - np.log(np.maximum(self.probs, LEAST))))[self.inside].sum())

    def _log_joint(self, log_confusion: Floats, log_prior: Floats) -> Floats:
        """(S...,T) log p(t, all labels)."""
        scores = log_prior[self.zone]
        for matrices, drawn in zip(log_confusion[self.present], self.labels, strict=True):
            known = drawn != UNLABELLED
            scores[known] += matrices[self.zone[known], drawn[known]]
        return scores

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


def climb(cases: Sequence[LabelledCase], step: Callable[[], float], iterations: int) -> float:
    """Take steps until ``PATIENCE`` of them did not help; what is believed is then the best that there was.

    step: changes what is believed of the cases, and returns how good it was before, in nats per disputed voxel.
    Returns the best of these.
    """
    best, believed, since = -np.inf, [case.probs for case in cases], 0
    for _ in range(iterations):
        before = [case.probs for case in cases]
        reached = step()
        since = 0 if reached > best + TOLERANCE else since + 1
        if reached > best:
            best, believed = reached, before
        if since == PATIENCE:
            break
    for case, probs in zip(cases, believed, strict=True):
        case.probs = probs
    return best


def around_drawn(labels: Labels) -> Labels:
    """(A,S...) -> the same in the box around all that anybody drew, beyond which a fit looks at nothing: a copy."""
    return labels[(slice(None), *_box(np.asarray((labels > 0).any(axis=0))))].copy()


def _box(drawn: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Around all that is true, with a margin; the first voxel where nothing is."""
    if not drawn.any():
        return tuple(slice(0, 1) for _ in drawn.shape)
    box = []
    for axis, length in enumerate(drawn.shape):
        places = np.flatnonzero(drawn.any(axis=tuple(other for other in range(drawn.ndim) if other != axis)))
        box.append(slice(max(int(places[0]) - MARGIN, 0), min(int(places[-1]) + MARGIN + 1, length)))
    return tuple(box)
