"""From all annotators' labels of a case to one truth: zoned STAPLE, which needs no image and no network.

STAPLE (Warfield et al., TMI 2004; Dawid and Skene 1979) gives each annotator one confusion matrix for all voxels.
Errors lie along borders, so that one matrix is wrong nearly everywhere, and fits best where the annotator who draws
largest is right. Here each annotator has a matrix per zone: at a distance from the border of the truth, where two
classes meet (``zones``). Close to it the labels of one who over-segments say nothing (always foreground), far from it
everything. And a label says more than its class: how far inside of what its annotator drew it lies, or outside, of B
distances; of those who waver the border in the middle is the better for it. ``fitting`` finds the matrices. Axis
letters as in ``contracts``, and Z: zones, B: places in an annotator's own labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from medseg.annotators.drawn import Index, Labels
from medseg.annotators.labelled_case import LEAST, Floats, LabelledCase, climb
from medseg.annotators.mean_shape import mean_shape
from medseg.annotators.zones import border_of, pairs, placed
from medseg.contracts import UNLABELLED, watched

ITERATIONS = 30
"""Expectation-maximisation stops here at the latest."""

ARRAYS, NUMBERS = (
    ("log_confusion", "log_prior", "edges", "log_placed", "own_edges"),
    ("reach", "told", "heard", "repeated"),
)
NAMES = (*ARRAYS, *NUMBERS)
"""The fields of a ``Fusion``."""


@dataclass(frozen=True, kw_only=True)
class Fusion:
    """What the labels of many cases say of the annotators; called with the labels of a case: of its truth."""

    log_confusion: Floats
    """(A,Z,O,T) log C^(a)[o,t] of each zone."""
    log_prior: Floats
    """(Z,T) log p(z,t): which share of all voxels lies in a zone and is of a class."""
    edges: Floats
    """Where a zone of distance ends and the next begins: voxels from the border of the fused truth."""
    log_placed: Floats = field(default_factory=lambda: np.zeros(0))
    """(A,Z,O B,T) log C^(a)[(o,b),t], as ``log_confusion``, which is its sum over b; nothing: places were not told."""
    own_edges: Floats = field(default_factory=lambda: np.zeros(0))
    """(B-1,) Where such a place ends and the next begins: voxels from the border of what an annotator drew."""
    repeated: float = 1.0
    """How many times what labels say is said where they say their places: these are alike where the labels are."""
    reach: float = 0.0
    """Voxels; positive: the truth of a case is the ``mean_shape`` of its labels with this reach, and all else here is
    measured against it."""
    told: float = float("nan")
    """Nats per disputed voxel that the images tell of this truth (``seen_in_images``); nan: they were not asked."""
    heard: float = float("nan")
    """Nats that the labels of an image tell of a voxel beside the border: ``information`` summed over those who
    labelled it, mean over images; nan: not counted."""

    def arrays(self) -> dict[str, Floats]:
        """All of it, to be kept."""
        return {name: np.atleast_1d(np.asarray(getattr(self, name), np.float64)) for name in NAMES}

    @staticmethod
    def of(arrays: Mapping[str, ArrayLike]) -> Fusion:
        """What ``arrays`` gave, or gave before there were the last ones."""
        values: dict[str, Any] = {name: np.asarray(arrays[name], np.float64) for name in ARRAYS if name in arrays}
        values |= {name: float(np.asarray(arrays[name])[0]) for name in NUMBERS if name in arrays}
        return Fusion(**values)

    def __call__(self, labels: Labels, annotator_index: Index | None = None) -> NDArray[np.float32]:
        """labels (P,S...), whose they are (P,) (None: all annotators', in their order) -> p(t | all labels) (T,S...).

        All 0 where nobody labelled.

        p[t] is proportional to p(z,t) prod over present a of C^(a)[z,y_a,t], z the zone of the voxel under the most
        probable truth itself: the E-step until it stands (``settle``), and then once with C^(a)[z,(y_a,b_a),t], b_a
        the place of the voxel in what a drew. What stands of a disputed voxel is taken to the
        power 1 / ``voices``: who look at one image are wrong together, and many of them do not make a voxel
        certain. The most probable truth remains what it is. With a ``reach`` it is the mean shape instead.
        """
        if self.reach:
            return mean_shape(labels, self.log_confusion.shape[-1], self.reach)
        case = LabelledCase(labels, annotator_index, self.log_confusion.shape[-1])
        self.settle(case)
        return case.posterior(self.voices(case.present))

    def settle(self, case: LabelledCase) -> None:
        """The E-step of a case until it stands, from what a matrix per annotator for all zones says of it."""
        log_class = np.logaddexp.reduce(self.log_prior, axis=0)
        pooled = np.logaddexp.reduce(self.log_confusion + (self.log_prior - log_class)[:, None], axis=1)
        case.lay(np.zeros(case.inside.shape, np.int64))
        case.explain(pooled[:, None], log_class[None])

        def step() -> float:
            case.measure()
            case.lay(case.border.zone(self.edges, len(pairs(case.classes))))
            matrices = self.log_placed if len(case.own_edges) else self.log_confusion
            return case.explain(matrices, self.log_class_of_zone) / max(case.disputed.sum(), 1)

        climb([case], step, ITERATIONS)
        step()
        if len(self.own_edges):
            case.place(self.own_edges)
            step()

    @property
    def log_class_of_zone(self) -> Floats:
        """(Z,T) log p(t given z)."""
        return self.log_prior - np.logaddexp.reduce(self.log_prior, axis=1, keepdims=True)

    def zone(self, truth: Labels, voxel: Sequence[float] | None = None) -> NDArray[np.int64]:
        """(S...) in which zone each voxel of a truth (S...) lies; voxel: (S,) its lengths in voxels of ``edges``."""
        classes = self.log_confusion.shape[-1]
        return border_of(truth, classes, voxel).zone(self.edges, len(pairs(classes)))

    @property
    def log_symbols(self) -> Floats:
        """(A,Z,O B,T) of what ``symbols`` are: with places or without."""
        return self.log_placed if len(self.own_edges) else self.log_confusion

    def symbols(self, labels: Labels, voxel: Sequence[float] | None = None) -> Labels:
        """(P,S...) labels as ``log_symbols`` knows them: with their places (``zones.placed``), where these are told."""
        return placed(labels, self.log_confusion.shape[-1], self.own_edges, voxel)

    def evidence(
        self, labels: Labels, probs: NDArray[np.floating], annotator_index: Index | None = None
    ) -> NDArray[np.float32]:
        """How far each annotator was relied on: labels (P,S...), fused probs (T,S...), whose (P,) -> (P,S...) nats.

        log C[y_a, t*] - log of the mean over t != t* of C[y_a, t]; t* is the most probable truth. Positive: the label
        speaks for the fused truth; near 0: it says nothing, whatever it is; negative: it was overruled. 0 where the
        annotator said nothing.
        """
        truth, classes = probs.argmax(axis=0), len(probs)
        zone, symbols = self.zone(truth), self.symbols(labels)
        every = np.arange(classes)
        said = np.zeros(labels.shape, np.float32)
        present = range(len(labels)) if annotator_index is None else annotator_index
        for row, (annotator, drawn) in enumerate(zip(present, symbols, strict=True)):
            known = (drawn != UNLABELLED) & (probs.sum(axis=0) > 0)
            rows = self.log_symbols[annotator, zone[known], drawn[known]]  # (N,T)
            best = truth[known][:, None] == every
            against = np.logaddexp.reduce(np.where(best, -np.inf, rows), axis=1) - np.log(classes - 1)
            said[row, known] = rows[best] - against
        return said

    def voices(self, present: Index) -> float:
        """1 + (n - 1) r: n annotators speak, (sum I)^2 / sum I^2 of the ``information`` I of those at these indices.

        n is 1 to P; r (``repeated``) is of what several say together, and one who speaks alone repeats nothing.
        """
        information = self.information()[present]
        speak = float(information.sum() ** 2 / (information**2).sum()) if information.any() else 1.0
        return 1 + (speak - 1) * self.repeated

    def information(self) -> Floats:
        """(A,) the skill of an annotator: nats that a label tells of the truth beside its border, log 2 at most.

        ``mutual_information`` of o and t in {t, u}, in the nearest zone of each pair of classes that meet; the mean
        over pairs, each weighing as many voxels as lie there. 0 of one who writes the same whatever is there.
        """
        meeting = pairs(self.log_confusion.shape[-1])
        weights = np.exp(np.logaddexp.reduce(self.log_prior[: len(meeting)], axis=1))
        told = [mutual_information(self.log_confusion[:, zone][:, :, pair]) for zone, pair in enumerate(meeting)]
        return np.average(told, axis=0, weights=weights)

    def border_error(self, cases: Sequence[Labels], annotator_index: Sequence[Index | None] | None = None) -> Floats:
        """(A,) the skill of an annotator, in voxels: by how much his border lies off that of the others, on average.

        The root of 4 sum over wrong voxels of their distance / voxels along the border, over his cases: a strip of
        width w along a border of length l has the sum l w^2 / 2, and 2 l voxels lie along the border. Wrong is what
        differs from the fusion of the labels of the others alone, so that nobody is measured by himself. nan of who
        labelled nothing that others labelled too. Arguments as in ``fit_fusion``.
        """
        squares, length = np.zeros((2, len(self.log_confusion)))
        known = zip(cases, annotator_index or [None] * len(cases), strict=True)
        for labels, index in watched(known, "measuring annotators", len(cases)):
            present = np.arange(len(labels)) if index is None else index
            for row, annotator in enumerate(present):
                others = np.arange(len(labels)) != row
                probs = self(labels[others], present[others])
                truth = np.where(probs.any(axis=0), probs.argmax(axis=0), UNLABELLED)
                sums = border_sums(labels[row], truth)
                squares[annotator] += sums[0]
                length[annotator] += sums[1]
        return np.sqrt(squares / np.where(length > 0, length, np.nan))


def border_sums(drawn: Labels, truth: Labels) -> tuple[float, int]:
    """drawn (S...), truth (S...): what ``Fusion.border_error`` sums of one case, and the voxels along the border."""
    distance = border_of(np.maximum(truth, 0), int(truth.max(initial=0)) + 1).distance - 0.5
    known = (drawn != UNLABELLED) & (truth != UNLABELLED) & np.isfinite(distance)
    return float(4 * distance[known & (drawn != truth)].sum()), int(np.count_nonzero(known & (distance < 1)))


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
