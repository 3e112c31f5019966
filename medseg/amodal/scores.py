"""Completions of occluded objects against their known amodal masks -> rows of the table of scores.

Metrics by their names are explained in ``medseg.evaluation.metrics``. Rows about samples are left out for a completer
that draws none. Each may be averaged over objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.measure import label

from medseg.amodal.completion.conformal import LEVELS
from medseg.amodal.completion.order import occlusion_order, stated_front
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import is_contact
from medseg.contracts import ObjectRules, Refused, Score, complaint
from medseg.evaluation import assd, covers, dice, hd95, iou, iou_matrix, length_unit, mean_of_defined, score_of

BEST_OF = 10
BINS = 15


def score_object(amodal_object: AmodalObject, completion: Completion, rules: ObjectRules | None = None) -> list[Score]:
    """The scores of one object whose amodal mask is known; volumes are compared with volumes, so their unit cancels.

    Raises Refused where the amodal mask is not known, and where the completion lies on another grid.
    """
    amodal = _known_amodal(amodal_object, completion)
    occluded, added = amodal & ~amodal_object.visible, completion.amodal & ~amodal_object.visible
    answer, truth, size = completion.amodal.view(np.int8), amodal.view(np.int8), np.count_nonzero(amodal)
    values = {
        "amodal_iou": iou(answer, truth, 1),
        "amodal_dice": dice(answer, truth, 1),
        "occluded_iou": _occluded_iou(added, occluded),
        "area_ratio": np.count_nonzero(answer) / size if size else float("nan"),
        "occluded_fraction": np.count_nonzero(occluded) / size if size else float("nan"),
        "pieces": float(np.asarray(label(amodal_object.visible, connectivity=amodal.ndim)).max(initial=0)),
    }
    if len(completion.samples):
        values |= _of_samples(completion.samples, amodal, amodal_object.visible) | _covered(completion, amodal)
    lengths = {
        "amodal_hd95": hd95(answer, truth, 1, amodal_object.spacing_mm),
        "amodal_assd": assd(answer, truth, 1, amodal_object.spacing_mm),
    }
    unit = length_unit(amodal_object.spacing_mm)
    return [
        score_of(metric, value, case=amodal_object.name, label=amodal_object.label) for metric, value in values.items()
    ] + [
        score_of(metric, value, case=amodal_object.name, label=amodal_object.label, unit=unit)
        for metric, value in lengths.items()
    ]


def contact_score(amodal_object: AmodalObject, rules: ObjectRules) -> Score:
    """contact of one object of a cohort with these rules, whose amodal mask is known."""
    value = float(is_contact(amodal_object, rules))
    return score_of("contact", value, case=amodal_object.name, label=amodal_object.label)


def front_score(amodal_object: AmodalObject) -> Score:
    """front of one object of an ordinary map, whose amodal mask is known."""
    value = float(is_contact(amodal_object, ObjectRules()))
    return score_of("front", value, case=amodal_object.name, label=amodal_object.label)


def score_order(pair: str, front: str, true_front: str) -> Score:
    """order_correct of one pair (``<case>/<pair>``): 1 where the object said to be in front is; undecided is 0."""
    return score_of("order_correct", float(front == true_front), case=pair)


def score_orders(objects: Sequence[AmodalObject], completions: Sequence[Completion], rules: ObjectRules) -> list[Score]:
    """order_correct of every pair of one map's objects of which the rules state the order, see ``stated_front``."""
    of_name = {amodal_object.name: amodal_object for amodal_object in objects}
    scores = []
    for order in occlusion_order(objects, completions):
        a, b = of_name[order.a], of_name[order.b]
        front = stated_front(a, b, rules)
        if front is not None:
            scores.append(score_order(f"{a.name}+{b.name.removeprefix(f'{b.case}/')}", order.front, front))
    return scores


@dataclass(frozen=True, kw_only=True)
class OccludedCalibration:
    """Counts behind the occluders, by bins of p(voxel belongs to the object); summed over objects by ``+``."""

    voxels: NDArray[np.float64]
    """(15,) how many."""
    probs: NDArray[np.float64]
    """(15,) the sum of their probabilities."""
    hits: NDArray[np.float64]
    """(15,) how many belong to the object."""

    @staticmethod
    def of(amodal_object: AmodalObject, completion: Completion) -> OccludedCalibration:
        """One object: every voxel of its crop that the occluder may hide, or that is not visible if it is unknown.

        Raises Refused as ``score_object`` does.
        """
        amodal = _known_amodal(amodal_object, completion)
        behind = (
            ~amodal_object.visible
            if amodal_object.occluder is None
            else amodal_object.occluder & ~amodal_object.visible
        )
        probs = completion.probs[behind].astype(np.float64)
        index = np.clip((probs * BINS).astype(np.int64), 0, BINS - 1)
        voxels, sums, hits = (
            np.bincount(index, weights, BINS).astype(np.float64)
            for weights in (np.ones_like(probs), probs, amodal[behind])
        )
        return OccludedCalibration(voxels=voxels, probs=sums, hits=hits)

    def __add__(self, other: OccludedCalibration) -> OccludedCalibration:
        return OccludedCalibration(
            voxels=self.voxels + other.voxels, probs=self.probs + other.probs, hits=self.hits + other.hits
        )

    def score(self) -> Score:
        """occluded_ece of the run: sum over bins of |hits - probs| / voxels of all bins (Naeini et al. 2015).

        That is (share of voxels) * |share that belongs to the object - mean probability|; lower is better; nan
        without a voxel.
        """
        total = self.voxels.sum()
        error = np.abs(self.hits - self.probs).sum() / total if total else float("nan")
        return score_of("occluded_ece", float(error))


def _of_samples(samples: NDArray[np.bool_], amodal: NDArray[np.bool_], visible: NDArray[np.bool_]) -> dict[str, float]:
    """samples: (N,S...), N > 0; amodal, visible: (S...). Two samples that add nothing are alike."""
    added = samples[:BEST_OF] & ~visible
    alike = iou_matrix(added.view(np.int8), added.view(np.int8), 2, absent=1.0)[np.triu_indices(len(added), k=1)]
    best = max(_occluded_iou(one, amodal & ~visible) for one in added) if len(added) == BEST_OF else float("nan")
    return {"best_of_10_iou": best, "diversity": 1 - mean_of_defined(alike)}


def _covered(completion: Completion, amodal: NDArray[np.bool_]) -> dict[str, float]:
    """By its intervals; of a rival that has none, by the samples' own."""
    size, samples = float(np.count_nonzero(amodal)), completion.samples
    volumes = np.count_nonzero(samples.reshape(len(samples), -1), axis=1)
    if not completion.intervals:
        return {f"covered_{100 * level:.0f}": covers(volumes, size, level) for level in LEVELS}
    pairs = zip(LEVELS, completion.intervals, strict=True)
    return {f"covered_{100 * level:.0f}": float(low <= size <= high) for level, (low, high) in pairs}


def _occluded_iou(added: NDArray[np.bool_], occluded: NDArray[np.bool_]) -> float:
    return iou(added.view(np.int8), occluded.view(np.int8), 1) if occluded.any() else float("nan")


def _known_amodal(amodal_object: AmodalObject, completion: Completion) -> NDArray[np.bool_]:
    grid = amodal_object.visible.shape
    arrays = {"amodal": completion.amodal, "probs": completion.probs}
    complaints = [
        complaint(f"shape of {what}", grid, array.shape, amodal_object.name)
        for what, array in arrays.items()
        if array.shape != grid
    ]
    if completion.samples.shape[1:] != grid:
        complaints.append(complaint("shape of samples", ("N", *grid), completion.samples.shape, amodal_object.name))
    if amodal_object.amodal is None:
        complaints.append(complaint("amodal mask", "known", "unknown", amodal_object.name))
    if complaints or amodal_object.amodal is None:
        raise Refused(complaints)
    return amodal_object.amodal
