"""From all annotators' labels of many cases to one truth: zoned STAPLE, which needs no image and no network.

STAPLE (Warfield et al., TMI 2004; Dawid and Skene 1979) gives each annotator one confusion matrix for all voxels.
Errors lie along borders, so that one matrix is wrong nearly everywhere, and fits best where the annotator who draws
largest is right. Here each annotator has a matrix per zone of distance from the border of the truth: close to it the
labels of one who over-segments say nothing (always foreground), far from it everything. Axis letters as in
``contracts``, and Z: zones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from medseg.annotators.labelled_case import LEAST, Floats, Index, LabelledCase, Labels, distance_to_border
from medseg.contracts import UNLABELLED

SHARES = (0.4, 0.7, 0.9)
"""The zones end where these shares of the disputed voxels lie closer to the border: so they have no unit."""

ITERATIONS = 30
"""Expectation-maximisation stops here at the latest,"""

TOLERANCE = 1e-3
"""or where no probability of a disputed voxel moves by more than this on average."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What the labels of many cases say of the annotators; called with the labels of a case: of its truth."""

    log_confusion: Floats
    """(A,Z,O,T) log C^(a)[o,t] of each zone."""
    edges: Floats
    """(Z-1,) where a zone ends and the next begins: distance in voxels from the border of the fused truth."""

    def __call__(self, labels: Labels, annotator_index: Index | None = None) -> NDArray[np.float32]:
        """labels (P,S...), whose they are (P,) (None: all annotators', in their order) -> p(t | all labels) (T,S...).

        All 0 where nobody labelled.

        p[t] is proportional to prod over present a of C^(a)[z,y_a,t], z the zone of the voxel under the most probable
        truth itself: the E-step, from the vote on, until it stands. No class is more probable than another beforehand:
        a prior estimated from the truth that it helps to choose makes the larger class larger. What stands of a
        disputed voxel is taken to the power 1 / ``voices``: who look at one image are wrong together, and many of them
        do not make a voxel certain. The most probable truth remains what it is.
        """
        case = LabelledCase(labels, annotator_index, self.log_confusion.shape[-1])
        for _ in range(ITERATIONS):
            case.measure()
            case.zone = np.digitize(case.distance, self.edges)
            if case.explain(self.log_confusion) <= TOLERANCE:
                break
        return case.posterior(self.voices(case.present))

    def evidence(
        self, labels: Labels, probs: NDArray[np.floating], annotator_index: Index | None = None
    ) -> NDArray[np.float32]:
        """How far each annotator was relied on: labels (P,S...), fused probs (T,S...), whose (P,) -> (P,S...) nats.

        log C[y_a, t*] - log of the mean over t != t* of C[y_a, t]; t* is the most probable truth. Positive: the label
        speaks for the fused truth; near 0: it says nothing, whatever it is; negative: it was overruled. 0 where the
        annotator said nothing.
        """
        truth, classes = probs.argmax(axis=0), len(probs)
        zone = np.digitize(distance_to_border(truth), self.edges)
        every = np.arange(classes)
        said = np.zeros(labels.shape, np.float32)
        present = range(len(labels)) if annotator_index is None else annotator_index
        for row, (annotator, drawn) in enumerate(zip(present, labels, strict=True)):
            known = (drawn != UNLABELLED) & (probs.sum(axis=0) > 0)
            rows = self.log_confusion[annotator, zone[known], drawn[known]]  # (N,T)
            best = truth[known][:, None] == every
            against = np.logaddexp.reduce(np.where(best, -np.inf, rows), axis=1) - np.log(classes - 1)
            said[row, known] = rows[best] - against
        return said

    def voices(self, present: Index) -> float:
        """How many annotators speak: (sum I)^2 / sum I^2 of the ``information`` I of those at these places, 1 to P."""
        information = self.information()[present]
        return float(information.sum() ** 2 / (information**2).sum()) if information.any() else 1.0

    def information(self) -> Floats:
        """(A,) the skill of an annotator: nats that a label tells of the truth beside its border, classes even.

        ``mutual_information`` in zone 0: from 0, of one who writes the same whatever is there, to log T.
        """
        return mutual_information(self.log_confusion[:, 0])

    def border_error(self, cases: Sequence[Labels], annotator_index: Sequence[Index | None] | None = None) -> Floats:
        """(A,) the skill of an annotator, in voxels: by how much his border lies off that of the others, on average.

        The root of 4 sum over wrong voxels of their distance / voxels along the border, over his cases: a strip of
        width w along a border of length l has the sum l w^2 / 2, and 2 l voxels lie along the border. Wrong is what
        differs from the fusion of the labels of the others alone, so that nobody is measured by himself. nan of who
        labelled nothing that others labelled too. Arguments as in ``fit_fusion``.
        """
        squares, length = np.zeros((2, len(self.log_confusion)))
        for labels, index in zip(cases, annotator_index or [None] * len(cases), strict=True):
            present = np.arange(len(labels)) if index is None else index
            for row, annotator in enumerate(present):
                others = np.arange(len(labels)) != row
                probs = self(labels[others], present[others])
                truth = probs.argmax(axis=0)
                distance = distance_to_border(truth) - 0.5
                known = (labels[row] != UNLABELLED) & probs.any(axis=0) & np.isfinite(distance)
                squares[annotator] += 4 * distance[known & (labels[row] != truth)].sum()
                length[annotator] += np.count_nonzero(known & (distance < 1))
        return np.sqrt(squares / np.where(length > 0, length, np.nan))


def mutual_information(log_confusion: Floats) -> Floats:
    """(A,) nats that a label o tells of the truth t, classes even: log C (A,O,T).

    sum over o, t of C[o,t] / T log(C[o,t] / m[o]), m the mean of C[o,t] over t (Shannon 1948).

    >>> float(mutual_information(np.log([[[0.9, 0.1], [0.1, 0.9]]]))[0].round(3))  # of log 2 = .693
    0.368
    """
    classes = log_confusion.shape[-1]
    log_marginal = np.logaddexp.reduce(log_confusion, axis=2)[:, :, None] - np.log(classes)
    told = np.where(np.isneginf(log_confusion), 0, log_confusion - np.maximum(log_marginal, np.log(LEAST)))
    return (np.exp(log_confusion) * told).sum(axis=(1, 2)) / classes


def fit_fusion(
    cases: Sequence[Labels],
    num_classes: int,
    *,
    annotator_index: Sequence[Index | None] | None = None,
    annotators: int | None = None,
) -> Fusion:
    """Expectation-maximisation over labels (P,S...) of many cases, from their votes on.

    annotator_index: whose labels these are (P,), case by case; None: all annotators', in their order. annotators: A;
    None: as many as the first case has.

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
    present, every = annotator_index or [None] * len(cases), annotators or len(cases[0])
    todo = [LabelledCase(labels, index, num_classes) for labels, index in zip(cases, present, strict=True)]
    sizes = np.array([case.disputed.sum() for case in todo])
    for _ in range(ITERATIONS):
        fusion = _maximised(todo, every)
        moved = np.array([case.explain(fusion.log_confusion) for case in todo])
        if (moved * sizes).sum() <= TOLERANCE * max(sizes.sum(), 1):
            break
    for case in todo:
        case.decide()
    return _maximised(todo, every)


def _maximised(cases: Sequence[LabelledCase], annotators: int) -> Fusion:
    """The M-step: zones by the truth as it is believed now, and the matrices in them."""
    for case in cases:
        case.measure()
    disputed = np.concatenate([case.distance[case.disputed] for case in cases])
    disputed = disputed[np.isfinite(disputed)]
    edges = np.quantile(disputed, SHARES) + 0.01 if len(disputed) else np.arange(1.0, 1 + len(SHARES))
    for case in cases:
        case.zone = np.digitize(case.distance, edges)
    return Fusion(log_confusion=_log_matrices(cases, len(edges) + 1, annotators), edges=edges)


def _log_matrices(cases: Sequence[LabelledCase], zones: int, annotators: int) -> Floats:
    """The M-step: log C (A,Z,O,T); see ``fit_fusion``."""
    classes = cases[0].classes
    counts = np.zeros((annotators, zones, classes, classes))
    for case in cases:
        for annotator, of_case in zip(case.present, case.counts(zones), strict=True):
            counts[annotator] += of_case
    pooled = counts.sum(axis=0) + np.eye(classes) + 0.5
    pooled /= pooled.sum(axis=1, keepdims=True)
    sizes = np.sum([np.bincount(case.zone[case.inside], minlength=zones) for case in cases], axis=0)
    confusion = counts + (1 + sizes[:, None, None] / len(cases)) * pooled
    return np.log(confusion / confusion.sum(axis=2, keepdims=True))
