"""What is believed of the truth of many cases -> a matrix per annotator and zone: the M-step of a ``Fusion``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import root_scalar
from scipy.special import softmax
from scipy.stats import entropy

from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import LEAST, Floats, LabelledCase
from medseg.annotators.zones import border_of, pairs
from medseg.contracts import UNLABELLED

SHARES = (0.4, 0.7, 0.9)
"""The zones of distance end where these shares of the disputed voxels lie closer: so they have no unit."""

OWN_SHARES = (0.25, 0.5, 0.75)
"""And the places in an annotator's own labels where these shares of the disputed voxels lie closer to his border."""

MOST_ENTRIES = 2**20
"""Places are told as long as all matrices together have no more entries; ten classes and annotators have .7 of it."""

ASKED, MOST_REPEATED = 24, 8.0
"""Of so many cases it is asked, at most, how often what labels say is repeated where they say their places."""


def with_places(cases: Sequence[LabelledCase], annotators: int) -> Fusion:
    """The M-step of the truth that is believed; then labels say their place too (``LabelledCase.place``), once more.

    They do not where no two labels differ, nor where so many matrices (``MOST_ENTRIES``) would be learned.
    """
    fusion = maximised(cases, annotators)
    if fusion.log_confusion.size * (1 + len(OWN_SHARES)) > MOST_ENTRIES:
        return fusion
    distances = [
        border_of(np.maximum(drawn, 0), case.classes).distance[case.disputed & (drawn != UNLABELLED)]
        for case in cases
        for drawn in case.labels
    ]
    known = np.concatenate(distances)
    known = known[np.isfinite(known)]
    if not len(known):
        return fusion
    for case in cases:
        case.place(np.quantile(known, OWN_SHARES) + 0.01)
    fusion = maximised(cases, annotators)
    for case in cases:
        case.explain(fusion.log_symbols, fusion.log_class_of_zone)
        case.decide()
    fusion = maximised(cases, annotators)
    return replace(fusion, repeated=_repeated(cases, fusion))


def _repeated(cases: Sequence[LabelledCase], fusion: Fusion) -> float:
    """r by which p^(1/r) of disputed voxels has the mean entropy that it has without places: none is surer by them."""
    plain = replace(fusion, log_placed=np.zeros(0), own_edges=np.zeros(0))
    asked = [(case.labels, case.present, case.disputed) for case in cases[:: -(-len(cases) // ASKED)]]
    without, told = (
        np.concatenate([np.log(np.maximum(way(labels, whose)[:, at], LEAST)) for labels, whose, at in asked], axis=1)
        for way in (plain, fusion)
    )

    def surer(log_times: float) -> float:
        return _entropy(without) - _entropy(told / np.exp(log_times))

    span = np.log(MOST_REPEATED)
    return float(np.exp(root_scalar(surer, bracket=(-span, span)).root)) if surer(-span) * surer(span) < 0 else 1.0


def _entropy(log_probs: NDArray[np.floating]) -> float:
    """Of softmax over T of log_probs (T,N), nats, mean over N."""
    return float(entropy(softmax(log_probs, axis=0), axis=0).mean())


def maximised(cases: Sequence[LabelledCase], annotators: int) -> Fusion:
    """The M-step: zones by the truth as it is believed now, and the matrices in them."""
    for case in cases:
        case.measure()
    disputed = np.concatenate([case.border.distance[case.disputed] for case in cases])
    disputed = disputed[np.isfinite(disputed)]
    edges = np.quantile(disputed, SHARES) + 0.01 if len(disputed) else np.arange(1.0, 1 + len(SHARES))
    meeting = len(pairs(cases[0].classes))
    for case in cases:
        case.lay(case.border.zone(edges, meeting))
    zones = (len(edges) + 1) * meeting
    volumes = 1 + np.sum([case.volumes(zones) for case in cases], axis=0)
    matrices = _log_matrices(cases, volumes.sum(axis=1), annotators)
    of_classes = (*matrices.shape[:2], cases[0].classes, cases[0].places, matrices.shape[-1])
    return Fusion(
        log_confusion=np.logaddexp.reduce(matrices.reshape(of_classes), axis=3),
        log_prior=np.log(volumes / volumes.sum()),
        edges=edges,
        log_placed=matrices if cases[0].places > 1 else np.zeros(0),
        own_edges=cases[0].own_edges,
    )


def _log_matrices(cases: Sequence[LabelledCase], sizes: Floats, annotators: int) -> Floats:
    """The M-step: log C (A,Z,O B,T), sizes (Z,) the voxels of each zone; see ``fit_fusion``."""
    classes, places = cases[0].classes, cases[0].places
    counts = np.zeros((annotators, len(sizes), classes * places, classes))
    for case in cases:
        for annotator, of_case in zip(case.present, case.counts(len(sizes)), strict=True):
            counts[annotator] += of_case
    pooled = counts.sum(axis=0) + (np.eye(classes).repeat(places, axis=0) + 0.5) / places
    pooled /= pooled.sum(axis=1, keepdims=True)
    confusion = counts + (1 + sizes[:, None, None] / len(cases)) * pooled
    return np.log(confusion / confusion.sum(axis=2, keepdims=True))
