"""Whom to ask next about which case: what a label that is not there would tell of the truth."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import rel_entr

from medseg.annotators.consensus import disputed
from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fusion import Fusion
from medseg.annotators.labelled_case import Floats


def open_voxels(labels: Labels) -> NDArray[np.bool_]:
    """(S...) of labels (P,S...) where a further one is asked for: where two differ; all of a single annotator's."""
    return labels[0] >= 0 if len(labels) == 1 else disputed(labels)


def information_gains(fusion: Fusion, labels: Labels, present: Index, absent: Sequence[int]) -> Floats:
    """Nats that the label of each of the ``absent`` (N,) would tell of the truth of a case, given labels (P,S...).

    sum over the open voxels of H(t) - E_y H(t|y) = sum over y, t of C[y,t] p[t] log(C[y,t] / p(y)), with p[t] what the
    fusion says of the voxel given the labels of those present (P,), p(y) = sum_t C[y,t] p[t], and C the matrix of the
    absent annotator in the zone of the voxel, the truth for that being the most probable one (mutual information:
    Lindley 1956; of annotators: Yan et al., ICML 2011). Voxels are added up as if each erred alone: gains rank cases
    and annotators, and are no bits that one could bank on. ``labels`` are on the grid that the fusion was learned on.
    """
    probs = fusion(labels, present)
    where = open_voxels(labels) & probs.any(axis=0)
    zone = fusion.zone(probs.argmax(axis=0))[where]
    prior = np.moveaxis(probs, 0, -1)[where].astype(np.float64)
    return np.array([_mutual(np.exp(fusion.log_confusion[annotator])[zone], prior) for annotator in absent])


def _mutual(confusion: Floats, prior: Floats) -> float:
    """Sum over voxels of the mutual information of y and t: confusion (N,O,T), prior (N,T)."""
    joint = confusion * prior[:, None, :]
    apart = joint.sum(axis=2, keepdims=True) * prior[:, None, :]
    return float(rel_entr(joint, apart).sum())
