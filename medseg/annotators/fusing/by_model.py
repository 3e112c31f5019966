"""The consensus of a case by a trained run: p(t | image, labels), the run's network and its annotators' matrices.

Which matrices are those of the truth depends on the recipe. Of ``fused`` they are those of its fusion, by the distance
from the border (fusion.json): they made the truth that the network learned; its matrices per voxel only describe
styles. Of every other recipe they are the learned ones of each voxel.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from medseg.annotators.confusion_scores import mean_confusion
from medseg.annotators.consensus import disputed, majority_vote
from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fusing.consensus_case import ConsensusCase, most_probable, shares
from medseg.annotators.fusion import ITERATIONS, Fusion, mutual_information
from medseg.annotators.labelled_case import LEAST
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.records import Record
from medseg.annotators.mean_shape import mean_shape
from medseg.annotators.predicting.matrices import native_matrices
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import UNLABELLED, Volume
from medseg.evaluation import present

Floats = NDArray[np.floating]


def by_model(predictor: Predictor, fusion: Fusion | None, record: Record) -> ConsensusCase:
    """Bayes' rule at every voxel of the case's own grid, with the network as the prior; see ``posterior``.

    Labels are read as they were drawn, never resampled; p(t|x) and C come back from the network's grid linearly.
    fusion: that of a run of recipe ``fused``. information, evidence, share: as in ``reliance``; of learned matrices
    the information is that of the annotator's mean over this image.
    """
    image = Volume(array=record.image, affine=record.affine, spacing_mm=record.spacing_mm)
    prediction, index = predictor(record.case.name, image), np.flatnonzero(present(record.labels))
    labels, truth_probs = record.labels[index], prediction.truth_probs
    if fusion is not None:
        voxel = network_voxels(record, predictor.config.data.grid)
        rows, probs = zoned(fusion, truth_probs, labels, annotator_index=index, voxel=voxel)
        information = fusion.information()[index]
    else:
        rows = [
            observed(matrices, drawn)
            for matrices, drawn in zip(native_matrices(predictor, image), record.labels, strict=True)
            if (drawn != UNLABELLED).any()
        ]
        probs = posterior(truth_probs, rows, labels)
        joint = np.maximum(mean_confusion(prediction.joint_probs[index]), LEAST)
        information = mutual_information(np.log(joint))
    worth = {"weight": shares(information), "information": information, **_reliance(rows, probs, labels)}
    return ConsensusCase(labels=most_probable(probs), probs=probs, worth=worth)


def zoned(
    fusion: Fusion, truth_probs: Floats, labels: Labels, *, annotator_index: Index, voxel: Sequence[float] | None
) -> tuple[list[Floats], NDArray[np.float32]]:
    """Rows C^(a)[z,y_a,.] (T,S...) of the labels (P,S...), and p[t] prod over a of C^(a)[z,y_a,t] (T,S...).

    z is the zone of the voxel under the most probable truth itself: from the vote on, until it stands. What stands of a
    disputed voxel is taken to the power 1 / ``voices``, as in ``Fusion``. Of a fusion with a ``reach`` the labels speak
    by their mean shape alone, p[t] m[t], as they did to the network. voxel: (S,) its lengths in voxels of the
    network's grid, in which zones are measured.
    """

    symbols = fusion.symbols(labels, voxel)

    def rows_beside(truth: Labels) -> list[Floats]:
        zone = fusion.zone(truth, voxel)
        return [
            np.where(drawn == UNLABELLED, 1, np.moveaxis(np.exp(fusion.log_symbols[annotator][zone, drawn]), -1, 0))
            for annotator, drawn in zip(annotator_index, symbols, strict=True)
        ]

    if fusion.reach:
        probs = posterior(truth_probs, [mean_shape(labels, len(truth_probs), fusion.reach, voxel)], labels)
        return rows_beside(most_probable(probs)), probs
    truth = majority_vote(labels, len(truth_probs))
    rows, probs = [], np.zeros_like(truth_probs)
    for _ in range(ITERATIONS):
        rows = rows_beside(truth)
        probs = posterior(truth_probs, rows, labels)
        before, truth = truth, most_probable(probs)
        if np.array_equal(before, truth):
            break
    at = disputed(labels)
    probs[:, at] = softmax(np.log(np.maximum(probs[:, at], LEAST)) / fusion.voices(annotator_index), axis=0)
    return rows, probs


def network_voxels(record: Record, grid: Grid) -> tuple[float, ...]:
    """(S,) how many voxels of the network's grid a voxel of the case is long along each of its own axes."""
    placement = grid.place(record.image.shape[1:], record.affine, record.spacing_mm)
    lengths = np.array(placement.resized_shape) / np.array(placement.oriented_shape)
    if placement.orientation is not None:  # row i: the axis of the grid along which the file's axis i lies
        lengths = lengths[placement.orientation[:, 0].astype(int)]
    return tuple(lengths.tolist())


def observed(matrices: Floats, drawn: Labels) -> Floats:
    """Row y of C (O,T,S...) at every voxel of labels (S...) -> (T,S...); 1 where nothing was labelled."""
    rows = np.take_along_axis(matrices, np.maximum(drawn, 0)[None, None], axis=0)[0]
    return np.where(drawn == UNLABELLED, 1, rows)


def posterior(truth_probs: Floats, rows: Sequence[Floats], labels: Labels) -> NDArray[np.float32]:
    """p[t] prod over present a of C^(a)[y_a,t], normalised over T: the E-step of Warfield et al., TMI 2004.

    truth_probs: p(t|x) (T,S...); rows: C^(a)[y_a,.] (T,S...) of each annotator; labels (P,S...).
    All 0 where nobody labelled: there the image alone would speak, and that is `medseg predict`.

    >>> rows = [np.array([[0.2], [0.7]]), np.array([[0.9], [0.6]])]  # .8 x .2 x .9 against .2 x .7 x .6
    >>> probs = posterior(np.array([[0.8], [0.2]]), rows, np.array([[1], [0]]))
    >>> [round(p, 4) for p in probs[:, 0].tolist()]
    [0.6316, 0.3684]
    """
    log_joint = np.log(np.maximum(truth_probs.astype(np.float64), LEAST))
    for row in rows:
        log_joint += np.log(np.maximum(row, LEAST))
    return (softmax(log_joint, axis=0) * (labels != UNLABELLED).any(axis=0)).astype(np.float32)


def _reliance(rows: Sequence[Floats], probs: Floats, labels: Labels) -> dict[str, NDArray[np.float64]]:
    """evidence, log C[y,t*] - log of the mean over t != t* of C[y,t], and share: means over disputed voxels (P,)."""
    fused, asked = most_probable(probs), disputed(labels)
    best = np.arange(len(probs)).reshape(-1, *[1] * fused.ndim) == fused
    told, alike = [], []
    for row, drawn in zip(rows, labels, strict=True):
        at = asked & (drawn != UNLABELLED)
        log_row, of_best = np.log(np.maximum(row[:, at], LEAST)), best[:, at]
        against = np.logaddexp.reduce(np.where(of_best, -np.inf, log_row), axis=0) - np.log(len(probs) - 1)
        told.append((np.where(of_best, log_row, 0).sum(axis=0) - against).mean() if at.any() else np.nan)
        alike.append((drawn == fused)[at].mean() if at.any() else np.nan)
    return {"evidence": np.array(told), "share": np.array(alike)}
