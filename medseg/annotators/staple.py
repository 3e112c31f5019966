"""STAPLE by SimpleITK, with what it believes of the truth and of each annotator, not its labels alone.

Warfield et al., TMI 2004; several classes: Rohlfing et al., TMI 2004.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.integer]
Floats = NDArray[np.float64]

ITERATIONS = 100
"""Expectation-maximisation stops here at the latest; the library's own default is without limit."""


@dataclass(frozen=True, kw_only=True)
class StapleEstimate:
    """Of the voxels of one case that all annotators labelled."""

    probs: Floats
    """(T,N) p(t | labels); nan where the library cannot tell."""
    confusion: Floats
    """(A,O,T) p(an annotator writes o | t); a column of nan of a class that nobody wrote."""
    prior: Floats
    """(T,) share of all labels: the prior of the E-step."""

    def sensitivity(self) -> Floats:
        """(A,T) p(writes t | t)."""
        return np.einsum("att->at", self.confusion)

    def specificity(self) -> Floats:
        """(A,T) p(does not write t | not t), the other classes by their prior; nan where there is no other."""
        errors, prior = np.nan_to_num(self.confusion), np.where(np.eye(len(self.prior)) > 0, 0, self.prior)  # (T,T')
        others = prior.sum(axis=1)
        wrongly = np.einsum("atu,tu->at", errors, prior)
        return 1 - np.divide(wrongly, others, out=np.full_like(wrongly, np.nan), where=others > 0)


def estimate(votes: Labels, num_classes: int) -> StapleEstimate:
    """votes (A,N) class indices without a gap, of at least two annotators and two classes -> StapleEstimate."""
    prior = np.bincount(votes.ravel(), minlength=num_classes) / votes.size
    return _binary(votes, prior) if num_classes == 2 else _several(votes, prior)


def _binary(votes: Labels, prior: Floats) -> StapleEstimate:
    import SimpleITK

    images = [SimpleITK.GetImageFromArray(row[None].astype(np.uint8)) for row in votes]
    fuse = SimpleITK.STAPLEImageFilter()
    fuse.SetForegroundValue(1)
    fuse.SetConfidenceWeight(1.0)
    fuse.SetMaximumIterations(ITERATIONS)
    foreground = SimpleITK.GetArrayFromImage(fuse.Execute(images))[0].astype(np.float64)
    hit, reject = np.array(fuse.GetSensitivity()), np.array(fuse.GetSpecificity())
    confusion = np.stack([np.stack([reject, 1 - hit], axis=1), np.stack([1 - reject, hit], axis=1)], axis=1)
    return StapleEstimate(probs=np.stack([1 - foreground, foreground]), confusion=confusion, prior=prior)


def _several(votes: Labels, prior: Floats) -> StapleEstimate:
    """The library gives labels and matrices; p[t] prior[t] prod over a of C^(a)[y_a,t], its E-step, gives the rest."""
    import SimpleITK

    classes = len(prior)
    images = [SimpleITK.GetImageFromArray(row[None].astype(np.uint16)) for row in votes]
    fuse = SimpleITK.MultiLabelSTAPLEImageFilter()
    fuse.SetMaximumNumberOfIterations(ITERATIONS)
    fuse.SetLabelForUndecidedPixels(classes)
    fuse.Execute(images)
    known = int(votes.max()) + 1
    confusion = np.full((len(votes), classes, classes), np.nan)
    confusion[:, :, :known] = 0
    for index in range(len(votes)):
        confusion[index, :known, :known] = np.reshape(fuse.GetConfusionMatrix(index), (-1, known))[:known]
    confusion[:, :, prior == 0] = np.nan
    rows = np.nan_to_num(confusion[np.arange(len(votes))[:, None], votes])  # (A,N,T)
    joint = prior[:, None] * np.prod(rows, axis=0).T
    evidence = joint.sum(axis=0)
    probs = np.divide(joint, evidence, out=np.full_like(joint, np.nan), where=evidence > 0)
    return StapleEstimate(probs=probs, confusion=confusion, prior=prior)
