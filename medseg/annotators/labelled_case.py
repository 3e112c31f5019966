"""The labels of one case as a fusion sees them: who wrote what, and what is believed of its truth. See ``fusion``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from medseg.annotators.drawn import Index, Labels, combinations, drawn_box
from medseg.annotators.zones import Border, border_of, placed
from medseg.contracts import UNLABELLED

Floats = NDArray[np.float64]

PATIENCE, TOLERANCE = 5, 2e-4
"""Steps that may gain less than so many nats per disputed voxel, one after the other."""

LEAST = 1e-12
"""No probability is taken for less before its logarithm is."""


@dataclass(frozen=True, kw_only=True)
class Belief:
    """What is believed of the truth of a case, in the box around all that anybody drew."""

    probs: Floats
    """(S...,T), all 0 where nobody labelled."""
    best: NDArray[np.int64]
    """(S...) the most probable class."""
    negentropy: float
    """Sum over labelled voxels of sum_t p[t] log p[t]."""


class LabelledCase:
    """The labels of one case in the box around all that anybody drew, and what is believed of its truth.

    Voxels in one zone that all annotators labelled alike are one row of the E-step: what it says of them is the same.
    Row letters: K rows, U combinations of labels.
    """

    def __init__(self, labels: Labels, annotator_index: Index | None, num_classes: int) -> None:
        drawn = (labels != UNLABELLED).reshape(len(labels), -1).any(axis=1)
        self.present = np.flatnonzero(drawn) if annotator_index is None else annotator_index[drawn]
        labels = labels[drawn]
        self.shape, self.classes = labels.shape[1:], num_classes
        self.seen = (labels != UNLABELLED).any(axis=0)
        self.box = drawn_box(labels)
        self.labels, self.inside = labels[(slice(None), *self.box)], self.seen[self.box]
        self.own_edges: Floats = np.zeros(0)
        votes = self._write(self.labels)
        self.disputed = (votes.max(axis=1) < votes.sum(axis=1))[self._combination]
        top = votes == votes.max(axis=1, keepdims=True)
        shares = top / top.sum(axis=1, keepdims=True) * self._labelled[:, None]
        self.belief = self._believed(shares[self._combination])  # of the vote
        self.border = Border(distance=np.zeros(self.inside.shape), pair=np.zeros(self.inside.shape, np.int64))
        self.lay(np.zeros(self.inside.shape, np.int64))
        self.measured = np.full(self.inside.shape, UNLABELLED)  # the truth that ``border`` is of

    def _write(self, symbols: Labels) -> NDArray[np.int64]:
        """What annotators wrote (P,S...), B symbols a class; returns votes (U,T)."""
        self._written, self._combination = combinations(symbols, self.classes * self.places)  # (U,P), (S...)
        said = self._written // self.places  # UNLABELLED stays below 0
        votes = np.stack([(said == label).sum(axis=1) for label in range(self.classes)], axis=-1)
        said_by = votes.sum(axis=1)
        # what a single label says may be doubted, and is not overruled; nor, by places, what all say
        self._labelled, self._compared = said_by > 0, said_by > (votes.max(axis=1) if self.places > 1 else 1)
        self._alone = votes.argmax(axis=1)
        return votes

    @property
    def places(self) -> int:
        """B: how many places in an annotator's own labels are told apart."""
        return 1 + len(self.own_edges)

    def place(self, edges: Floats) -> None:
        """From now on a label says its place in what its annotator drew too (``zones.placed``); zones are laid anew."""
        self.own_edges = edges
        self._write(placed(self.labels, self.classes, edges))

    def together(self) -> Floats:
        """(P,O,P,O) voxels that one annotator calls this and another that."""
        said = (self._written[..., None] == np.arange(self.classes)).reshape(len(self._written), -1).astype(np.float64)
        voxels = np.bincount(self._combination.ravel(), minlength=len(said))
        return ((voxels[:, None] * said).T @ said).reshape((len(self.present), self.classes) * 2)

    def lay(self, zone: Index) -> None:
        """The zone of each voxel (S...), and so the rows."""
        key = zone * len(self._written) + self._combination
        self._voxels = np.bincount(key.ravel())
        there = np.flatnonzero(self._voxels)
        number = np.zeros(len(self._voxels), np.intp)
        number[there] = np.arange(len(there))
        self._row, self._voxels = number[key], self._voxels[there]  # (S...), (K,)
        self._zone, self._combo = np.divmod(there, len(self._written))  # (K,), (K,)
        self._expected: Floats | None = None

    def believe(self, annotator: int) -> None:
        """What this annotator wrote is certain; where he said nothing, all remains as it is."""
        probs = self.belief.probs.copy()
        for drawn in self.labels[self.present == annotator]:
            known = drawn != UNLABELLED
            probs[known] = drawn[known][:, None] == np.arange(self.classes)
        self.hold(self._believed(probs))

    def suppose(self, probs: NDArray[np.floating]) -> None:
        """The most probable truth under probs (S...,T), in the box, is certain."""
        best = probs.argmax(axis=-1)[..., None] == np.arange(self.classes)
        self.hold(self._believed(best * self.inside[..., None].astype(float)))

    def hold(self, belief: Belief) -> None:
        """Believe this from now on."""
        self.belief, self._expected = belief, None

    def _believed(self, probs: Floats) -> Belief:
        negentropy = float((probs * np.log(np.maximum(probs, LEAST))).sum())
        return Belief(probs=probs, best=probs.argmax(axis=-1), negentropy=negentropy)

    def measure(self) -> None:
        """The border of the most probable truth."""
        if not np.array_equal(best := self.belief.best, self.measured):
            self.border, self.measured = border_of(best, self.classes), best

    def counts(self, zones: int) -> Iterator[Floats]:
        """Per present annotator (Z,O B,T) the expected voxels of each zone that are called O, at B, and are T."""
        expected = self.expected
        for written in self._written[self._combo].T:
            counted = np.zeros((zones, self.classes * self.places, self.classes))
            known = written != UNLABELLED
            np.add.at(counted, (self._zone[known], written[known]), expected[known])
            yield counted

    def volumes(self, zones: int) -> Floats:
        """(Z,T) the expected voxels of each zone that are T."""
        volumes = np.zeros((zones, self.classes))
        np.add.at(volumes, self._zone, self.expected)
        return volumes

    @property
    def expected(self) -> Floats:
        """(K,T) the sums of p(t) over the voxels of each row."""
        expected = self._expected
        if expected is None:
            row, probs = self._row.ravel(), self.belief.probs.reshape(-1, self.classes)
            columns = [np.bincount(row, column, minlength=len(self._voxels)) for column in probs.T]
            expected = self._expected = np.stack(columns, axis=-1).astype(np.float64)
        return expected

    def explain(self, log_confusion: Floats, log_prior: Floats) -> float:
        """The E-step; returns the free energy of what was believed before it.

        F = sum over voxels of sum_t p[t] (log p(t given z) + sum_a log C^(a)[z,y_a,t] - log p[t]), a bound of
        log p(all labels given zones) (Neal and Hinton 1998). log_prior (Z,T): log p(t given z).
        """
        log_joint = self._log_joint(log_confusion, log_prior)
        energy = self._energy(log_joint)
        found = softmax(log_joint, axis=-1) * self._labelled[self._combo][:, None]
        best = found.argmax(axis=-1)
        changed = self._compared[self._combo] | (best == self._alone[self._combo])
        if not changed.all():
            self.hold(self._believed(np.where(changed[self._row][..., None], found[self._row], self.belief.probs)))
            return energy
        negentropy = float(self._voxels @ (found * np.log(np.maximum(found, LEAST))).sum(axis=-1))
        self.hold(Belief(probs=found[self._row], best=best[self._row], negentropy=negentropy))
        return energy

    def energy_of_truth(self, log_prior: Floats) -> float:
        """The part of the free energy that no label enters; log_prior (Z,T): log p(t given z)."""
        return self._energy(log_prior[self._zone])

    def _energy(self, log_joint: Floats) -> float:
        return float((self.expected * log_joint).sum()) - self.belief.negentropy

    def _log_joint(self, log_confusion: Floats, log_prior: Floats) -> Floats:
        """(K,T) log p(t, all labels)."""
        scores = log_prior[self._zone]
        for matrices, written in zip(log_confusion[self.present], self._written[self._combo].T, strict=True):
            known = written != UNLABELLED
            scores[known] += matrices[self._zone[known], written[known]]
        return scores

    def decide(self) -> None:
        """The most probable truth is certain."""
        self.suppose(self.belief.probs)

    def posterior(self, voices: float) -> NDArray[np.float32]:
        """(T,S...) on the whole grid: background for certain outside of the box.

        Of disputed voxels p^(1/voices), normalised.
        """
        probs, in_box = np.zeros((self.classes, *self.shape), np.float32), self.belief.probs.copy()
        log_probs = np.log(np.maximum(in_box[self.disputed], LEAST))
        in_box[self.disputed] = softmax(log_probs / voices, axis=-1)
        probs[0] = self.seen
        probs[(slice(None), *self.box)] = np.moveaxis(in_box, -1, 0)
        return probs


def climb(cases: Sequence[LabelledCase], step: Callable[[], float], iterations: int) -> float:
    """Take steps until ``PATIENCE`` of them did not help; what is believed is then the best that there was.

    step: changes what is believed of the cases, and returns how good it was before, in nats per disputed voxel.
    Returns the best of these.
    """
    best, believed, since = -np.inf, [case.belief for case in cases], 0
    for _ in range(iterations):
        before = [case.belief for case in cases]
        reached = step()
        since = 0 if reached > best + TOLERANCE else since + 1
        if reached > best:
            best, believed = reached, before
        if since == PATIENCE:
            break
    for case, belief in zip(cases, believed, strict=True):
        case.hold(belief)
    return best
