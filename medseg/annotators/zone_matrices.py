"""What is believed of the truth of many cases -> a matrix per annotator and zone: the M-step of a ``Fusion``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import Floats, LabelledCase
from medseg.annotators.zones import border_of, pairs
from medseg.contracts import UNLABELLED

SHARES = (0.4, 0.7, 0.9)
"""The zones of distance end where these shares of the disputed voxels lie closer: so they have no unit."""

OWN_SHARES = (0.25, 0.5, 0.75)
"""And the places in an annotator's own labels where these shares of the disputed voxels lie closer to his border."""


def with_places(cases: Sequence[LabelledCase], annotators: int) -> Fusion:
    """The M-step of the truth that is believed; then labels say their place too (``LabelledCase.place``), once more."""
    distances = [
        border_of(np.maximum(drawn, 0), case.classes).distance[case.disputed & (drawn != UNLABELLED)]
        for case in cases
        for drawn in case.labels
    ]
    known = np.concatenate(distances)
    known = known[np.isfinite(known)]
    if not len(known):
        return maximised(cases, annotators)
    for case in cases:
        case.place(np.quantile(known, OWN_SHARES) + 0.01)
    fusion = maximised(cases, annotators)
    for case in cases:
        case.explain(fusion.log_symbols, fusion.log_class_of_zone)
        case.decide()
    return maximised(cases, annotators)


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
