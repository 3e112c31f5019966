"""From all annotators' labels of many cases to one truth: zoned STAPLE, which needs no image and no network.

STAPLE (Warfield et al., TMI 2004; Dawid and Skene 1979) gives each annotator one confusion matrix for all voxels.
Errors lie along borders, so that one matrix is wrong nearly everywhere, and fits best where the annotator who draws
largest is right. Here each annotator has a matrix per zone of distance from the border of the truth: close to it the
labels of one who over-segments say nothing (always foreground), far from it everything. Axis letters as in
``contracts``, and Z: zones.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from scipy.special import softmax

from medseg.contracts import UNLABELLED

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]

SHARES = (0.4, 0.7, 0.9)
"""The zones end where these shares of the disputed voxels lie closer to the border: so they have no unit."""

ITERATIONS = 30
"""Expectation-maximisation stops here at the latest,"""

TOLERANCE = 1e-3
"""or where no probability of a disputed voxel moves by more than this on average."""

MARGIN = 2
"""Voxels around all that anybody drew, beyond which nothing is learned about anybody."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What the labels of many cases say of the annotators; called with the labels of a case: of its truth."""

    log_confusion: Floats
    """(A,Z,O,T) log C^(a)[o,t] of each zone."""
    edges: Floats
    """(Z-1,) where a zone ends and the next begins: distance in voxels from the border of the fused truth."""

    def __call__(self, labels: Labels) -> NDArray[np.float32]:
        """labels (A,S...) -> p(t | all labels) (T,S...); all 0 where nobody labelled.

        p[t] is proportional to prod over present a of C^(a)[z,y_a,t], z the zone of the voxel under the most probable
        truth itself: the E-step, from the vote on, until it stands. No class is more probable than another beforehand:
        a prior estimated from the truth that it helps to choose makes the larger class larger.
        """
        case = _Case(labels, self.log_confusion.shape[-1])
        for _ in range(ITERATIONS):
            case.measure()
            case.zone = np.digitize(case.distance, self.edges)
            if case.explain(self.log_confusion) <= TOLERANCE:
                break
        return case.posterior()

    def evidence(self, labels: Labels, probs: NDArray[np.floating]) -> NDArray[np.float32]:
        """How far each annotator was relied on: labels (A,S...), fused probs (T,S...) -> (A,S...) nats.

        log C[y_a, t*] - log of the mean over t != t* of C[y_a, t]; t* is the most probable truth. Positive: the label
        speaks for the fused truth; near 0: it says nothing, whatever it is; negative: it was overruled. 0 where the
        annotator said nothing.
        """
        truth, classes = probs.argmax(axis=0), len(probs)
        zone = np.digitize(_distance_to_border(truth), self.edges)
        every = np.arange(classes)
        said = np.zeros(labels.shape, np.float32)
        for annotator, drawn in enumerate(labels):
            known = (drawn != UNLABELLED) & (probs.sum(axis=0) > 0)
            rows = self.log_confusion[annotator, zone[known], drawn[known]]  # (N,T)
            best = truth[known][:, None] == every
            against = np.logaddexp.reduce(np.where(best, -np.inf, rows), axis=1) - np.log(classes - 1)
            said[annotator, known] = rows[best] - against
        return said

    def information(self) -> Floats:
        """(A,) the skill of an annotator: nats that a label tells of the truth beside its border, classes even.

        Mutual information of o and t in zone 0: from 0, of one who writes the same whatever is there, to log T.
        """
        log_confusion = self.log_confusion[:, 0]
        classes = log_confusion.shape[-1]
        log_marginal = np.logaddexp.reduce(log_confusion, axis=2)[:, :, None] - np.log(classes)
        return (np.exp(log_confusion) * (log_confusion - log_marginal)).sum(axis=(1, 2)) / classes


def fit_fusion(cases: Sequence[Labels], num_classes: int) -> Fusion:
    """Expectation-maximisation over labels (A,S...) of many cases, from their votes on.

    M-step: C^(a)[z,o,t] = (n + m Cbar) / sum over o of the same, n[o,t] the expected voxels of zone z that a calls o
    and that are t, Cbar the mean matrix of all annotators, m the voxels of a case in that zone: who labelled little is
    taken for one of the others. Zones are laid anew in each iteration. The vote as the beginning keeps classes from
    swapping. At the end the matrices are those of the most probable truth (one step of classification EM, Celeux and
    Govaert 1992): where many voxels are in some doubt, the sum leaves the matrices in doubt too.

    >>> truth = np.zeros((24, 24), int)
    >>> truth[6:18, 6:18] = 1
    >>> over, blank = np.pad(truth[7:17, 7:17], 7) * 0, truth * 0
    >>> over[4:20, 4:20] = 1
    >>> labels = np.stack([truth, over, over, truth, blank])  # the vote of one case has no majority for the truth
    >>> fusion = fit_fusion([labels, labels], num_classes=2)
    >>> bool((fusion(labels).argmax(axis=0) == truth).all())
    True
    """
    todo = [_Case(labels, num_classes) for labels in cases]
    sizes = np.array([case.disputed.sum() for case in todo])
    for _ in range(ITERATIONS):
        fusion = _maximised(todo)
        moved = np.array([case.explain(fusion.log_confusion) for case in todo])
        if (moved * sizes).sum() <= TOLERANCE * max(sizes.sum(), 1):
            break
    for case in todo:
        case.decide()
    return _maximised(todo)


def _maximised(cases: Sequence[_Case]) -> Fusion:
    """The M-step: zones by the truth as it is believed now, and the matrices in them."""
    for case in cases:
        case.measure()
    disputed = np.concatenate([case.distance[case.disputed] for case in cases])
    disputed = disputed[np.isfinite(disputed)]
    edges = np.quantile(disputed, SHARES) + 0.01 if len(disputed) else np.arange(1.0, 1 + len(SHARES))
    for case in cases:
        case.zone = np.digitize(case.distance, edges)
    return Fusion(log_confusion=_log_matrices(cases, len(edges) + 1), edges=edges)


class _Case:
    """The labels of one case in the box around all that anybody drew, and what is believed of its truth."""

    def __init__(self, labels: Labels, num_classes: int) -> None:
        self.shape, self.classes = labels.shape[1:], num_classes
        self.seen = (labels != UNLABELLED).any(axis=0)
        self.box = _box(np.asarray((labels > 0).any(axis=0)))
        self.labels, self.inside = labels[(slice(None), *self.box)], self.seen[self.box]
        self.present = np.flatnonzero((labels != UNLABELLED).reshape(len(labels), -1).any(axis=1))
        votes = np.stack([(self.labels == label).sum(axis=0) for label in range(num_classes)], axis=-1)
        self.disputed = votes.max(axis=-1) < votes.sum(axis=-1)
        top = votes == votes.max(axis=-1, keepdims=True)
        self.probs = top / top.sum(axis=-1, keepdims=True) * self.inside[..., None]  # (S...,T), of the vote
        self.distance, self.zone = np.zeros(self.inside.shape), np.zeros(self.inside.shape, int)

    def measure(self) -> None:
        """The distance of every voxel from the border of the most probable truth."""
        self.distance = _distance_to_border(self.probs.argmax(axis=-1))

    def counts(self, zones: int) -> Iterator[Floats]:
        """Per present annotator (Z,O,T) the expected voxels of each zone that are called O and are T."""
        for drawn in self.labels[self.present]:
            known = drawn != UNLABELLED
            key = self.zone[known] * self.classes + drawn[known]
            columns = [np.bincount(key, probs, minlength=zones * self.classes) for probs in self.probs[known].T]
            yield np.stack(columns, axis=-1).astype(np.float64).reshape(zones, self.classes, self.classes)

    def explain(self, log_confusion: Floats) -> float:
        """The E-step; returns by how much the probabilities of a disputed voxel moved on average."""
        scores = np.zeros_like(self.probs)
        for matrices, drawn in zip(log_confusion[self.present], self.labels[self.present], strict=True):
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

    def posterior(self) -> NDArray[np.float32]:
        """(T,S...) on the whole grid: background for certain outside of the box."""
        probs = np.zeros((self.classes, *self.shape), np.float32)
        probs[0] = self.seen
        probs[(slice(None), *self.box)] = np.moveaxis(self.probs, -1, 0)
        return probs


def _log_matrices(cases: Sequence[_Case], zones: int) -> Floats:
    """The M-step: log C (A,Z,O,T); see ``fit_fusion``."""
    annotators, classes = len(cases[0].labels), cases[0].classes
    counts = np.zeros((annotators, zones, classes, classes))
    for case in cases:
        for annotator, of_case in zip(case.present, case.counts(zones), strict=True):
            counts[annotator] += of_case
    pooled = counts.sum(axis=0) + np.eye(classes) + 0.5
    pooled /= pooled.sum(axis=1, keepdims=True)
    sizes = np.sum([np.bincount(case.zone[case.inside], minlength=zones) for case in cases], axis=0)
    confusion = counts + (1 + sizes[:, None, None] / len(cases)) * pooled
    return np.log(confusion / confusion.sum(axis=2, keepdims=True))


def _distance_to_border(truth: Labels) -> Floats:
    """(S...) in voxels, from each voxel to the nearest one of another class; infinite where there is none."""
    distance = np.full(truth.shape, np.inf)
    present = np.unique(truth)
    for label in present if len(present) > 1 else ():
        inside = truth == label
        distance[inside] = np.asarray(distance_transform_edt(inside))[inside]
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
