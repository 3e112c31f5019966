"""The consensus of a case by its labels alone. Labels are those of who labelled the case: (P,S...) class indices."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from medseg.annotators import consensus
from medseg.annotators.drawn import Index, Labels
from medseg.annotators.fusing.consensus_case import ConsensusCase, most_probable, shares
from medseg.annotators.fusion import Fusion, mutual_information
from medseg.annotators.reliance import rely


def by_vote(labels: Labels, num_classes: int) -> ConsensusCase:
    """What most wrote (``consensus.majority_vote``), for certain."""
    voted = consensus.majority_vote(labels, num_classes)
    probs = (voted == np.arange(num_classes).reshape(-1, *[1] * voted.ndim)).astype(np.float32)
    return ConsensusCase(labels=voted, probs=probs, worth={"weight": shares(np.ones(len(labels)))})


def by_soft_mean(labels: Labels, num_classes: int) -> ConsensusCase:
    """p[t] = share of those who labelled the voxel that wrote t; the classes are those of the vote."""
    probs = consensus.soft_mean(labels, num_classes)
    return ConsensusCase(labels=most_probable(probs), probs=probs, worth={"weight": shares(np.ones(len(labels)))})


def by_staple(labels: Labels, num_classes: int, classes: Sequence[str]) -> ConsensusCase:
    """SimpleITK's STAPLE of this case by itself, with its sensitivity and specificity of each annotator and class.

    Where STAPLE has nothing to say (``consensus.staple``) the vote and its shares stand, and the columns are nan.
    classes: names in the order of T.
    """
    found = consensus.staple_estimate(labels, num_classes)
    probs = consensus.soft_mean(labels, num_classes)
    hit = reject = np.full((len(labels), num_classes), np.nan)
    information = np.zeros(len(labels))
    if found is not None:
        told = np.where(np.isnan(found.probs).any(axis=0), probs[:, consensus.everybody(labels)], found.probs)
        probs[:, consensus.everybody(labels)] = told
        hit, reject = found.sensitivity(), found.specificity()
        wrote = found.prior > 0
        with np.errstate(divide="ignore"):
            information = mutual_information(np.log(found.confusion[:, :, wrote]))
    worth = {"weight": shares(information), "information": information}
    for index, name in list(enumerate(classes))[1:]:
        worth |= {f"sensitivity {name}": hit[:, index], f"specificity {name}": reject[:, index]}
    fused = consensus.staple_labels(labels, found, num_classes)
    return ConsensusCase(labels=fused, probs=probs, worth=worth)


def by_fusion(fusion: Fusion, labels: Labels, present: Index) -> ConsensusCase:
    """Zoned STAPLE (``annotators.fusion``), fitted on all cases; the numbers of ``reliance``. present: (P,) whose."""
    found = rely(fusion, labels, present)
    information: NDArray[np.float64] = fusion.information()[present]
    worth = {"weight": shares(information), "information": information, "evidence": found.nats, "share": found.share}
    return ConsensusCase(labels=found.fused, probs=found.probs, worth=worth)
