"""After training: how widely samples must differ for their intervals to be believed, and the limit of abstaining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.assembly import (
    read_amodal_run,
    really_occluded_objects,
    simulated_objects,
    unoccluded_objects,
)
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.conformal import LEVELS, widenings
from medseg.amodal.completion.examples import examples_of_map, examples_of_objects
from medseg.amodal.config import AmodalConfig
from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.objects import with_contacts
from medseg.amodal.objects.ordinary import OrdinaryMap, ordinary_cases, read_ordinary_map
from medseg.amodal.occlusion.known import without_told
from medseg.contracts import ObjectCohort, watched
from medseg.evaluation import iou

SHIFTS = tuple(np.arange(-0.5, 1.6, 0.25).tolist())
SPREADS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0)
"""What is tried."""

FAMILIAR = 0.99
"""Share of the objects that look like something seen in training, whatever completing them is worth."""

BEYOND = 1.5
"""Objects of a specimen that nobody has seen may be so much more unlike: of six specimens of crossed chromosomes, each
against the five others, the most unlike object was 1.23 times as unlike as theirs."""

OBJECTS = 600
"""So many objects at most: the standard error of a coverage is then below 3 points for each half of them."""

MAPS = 60
"""So many ordinary maps at most: of 85 of crossed chromosomes each has a dozen objects, a twelfth of them in several
pieces and likely behind."""

LEAST = 100
"""Unoccluded objects are occluded as often as makes so many."""

BATCH = 16


def calibrate(
    completer: Completer, objects: Sequence[AmodalObject], samples: int = 40, maps: Sequence[OrdinaryMap] = ()
) -> Calibration:
    """Fit a completer to objects whose amodal masks are known.

    shift, spread: of ``SHIFTS`` x ``SPREADS`` those with the least sum over ``LEVELS`` of |coverage - level| of the
    samples' central volume intervals, plus the mean CRPS of the volumes (``crps``, a few hundredths: it decides
    between equals). Only objects with an occluded part count, for where nothing is occluded an interval has no width.
    Without any, and for a model that draws no samples, both stay as they are. They are fitted to every second object;
    widenings: see ``conformal``, of the others, and of the objects of ordinary maps, in front and behind. misfit_limit:
    see there.
    """
    occluded = [
        amodal_object
        for amodal_object in objects
        if amodal_object.amodal is not None and (amodal_object.amodal & ~amodal_object.visible).any()
    ]
    tried = [Calibration(), *(Calibration(shift=shift, spread=spread) for shift, spread in product(SHIFTS, SPREADS))]
    fitted, held_out = occluded[::2], occluded[1::2]
    best = Calibration(misfit_limit=misfit_limit(completer, objects))
    volumes = _volumes(completer, fitted, samples, tried)
    if volumes.shape[1]:
        costs = [_cost(volumes[..., number], _truths(fitted)) for number in range(len(tried))]
        best = replace(tried[int(np.argmin(costs))], misfit_limit=best.misfit_limit)
        fitted_completer = replace(completer, calibration=best)
        examples = examples_of_objects(fitted_completer, held_out, samples)
        for shown in watched(maps, "calibrating on ordinary maps", len(maps)):
            examples += examples_of_map(fitted_completer, shown, samples)
        best = replace(best, widenings=widenings(examples))
    return best


def calibrate_run(run: Path, cohort: ObjectCohort, stage: str | None = None) -> Calibration:
    """Calibrate a trained run on the cases that it was trained and validated on; write calibration.json.

    stage: calibrate the model as this stage left it; the file then lies in the stage's folder.
    """
    config = read_amodal_run(run)
    objects, maps = calibrating_objects(config, cohort), calibrating_maps(config, cohort)
    calibration = calibrate(Completer.load(run, stage), objects, maps=maps)
    calibration.write(run / stage if stage else run)
    return calibration


def calibrating_objects(config: AmodalConfig, cohort: ObjectCohort) -> list[AmodalObject]:
    """The really occluded objects whose amodal mask is known, and of which training has seen the visible parts alone.

    Which training cases have such is for ``without_told`` to say. Where validation cases have none, they are the
    unoccluded objects of those, occluded synthetically, several times each where they are few.
    """
    objects = really_occluded_objects(cohort, "val", config.data.frame)
    if objects:
        untold = without_told(cohort, config.data.occlusion.known)
        objects += really_occluded_objects(untold, "train", config.data.frame)
    else:
        unoccluded = unoccluded_objects(cohort, "val", config.data.frame)
        objects = simulated_objects(unoccluded, config, draws=-(-LEAST // max(len(unoccluded), 1)))
    chosen = np.random.default_rng((config.seed, 4)).permutation(len(objects))[:OBJECTS]
    return [objects[number] for number in chosen]


def calibrating_maps(config: AmodalConfig, cohort: ObjectCohort) -> list[OrdinaryMap]:
    """Maps of the same cases as every segmenter gives them, see ``ordinary_map``, of contacts too.

    Of their objects as many are in front, so that nothing of them is hidden, as completion meets.
    """
    shown = with_contacts(without_told(cohort, config.data.occlusion.known))
    cases = [case for split in ("val", "train") for case in ordinary_cases(shown, split)]
    chosen = np.random.default_rng((config.seed, 6)).permutation(len(cases))[:MAPS]
    return [read_ordinary_map(cases[number], shown) for number in chosen]


def crps(volumes: NDArray[np.floating], truths: NDArray[np.floating]) -> float:
    """Continuous ranked probability score, mean over objects, in units of the truth; lower is better, 0 is perfect.

    mean |V - y| - mean |V - V'| / 2 over samples V, V' (Gneiting and Raftery 2007, Eq. 21), volumes (B,N) and
    truths (B,), divided by y.
    """
    ratios = np.sort(volumes / truths[:, None], axis=1)
    count = ratios.shape[1]
    weights = 2 * np.arange(1, count + 1) - count - 1  # sum over pairs of |V - V'| = 2 sum_i w_i V_(i)
    return float((np.abs(ratios - 1).mean(1) - (ratios * weights).sum(1) / count**2).mean())


def misfit_limit(completer: Completer, objects: Sequence[AmodalObject]) -> float | None:
    """Up to which ``MaskBeliefs.unlike`` objects are completed, as objects (B,) of known whole teach; None: not known.

    ``BEYOND`` times the greatest at which completing was seen to help: at which the answer has a higher IoU with the
    whole than what is visible. No less than the 99th percentile. (That alone left objects of new specimens alone that
    gain more by completing than others do; so do blobs, halves and cells that a model of chromosomes is shown.)
    """
    unlike, gained = unlike_and_gained(completer, objects)
    known = ~np.isnan(unlike)
    if not known.any():
        return None
    return float(max(np.quantile(unlike[known], FAMILIAR), BEYOND * unlike[known & (gained > 0)].max(initial=0)))


def unlike_and_gained(
    completer: Completer, objects: Sequence[AmodalObject]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Of objects, (B,) each: ``MaskBeliefs.unlike`` (nan: not known), and what completing all of them gains.

    That is the IoU of the answer with the whole, minus that of what is visible; nothing is left alone for its looks.
    """
    plain = replace(completer, calibration=Calibration(misfit_limit=1.0))  # with which novelty is the score itself
    answers = [answer.completion for answer in plain.answers(objects, 0, abstain=False)]
    gained = [_gained(one, said) for one, said in zip(objects, answers, strict=True)]
    return np.array([said.novelty for said in answers], np.float64), np.array(gained, np.float64)


def _gained(one: AmodalObject, said: Completion) -> float:
    whole = one.visible if one.amodal is None else one.amodal
    completed, left = (iou(mask.view(np.int8), whole.view(np.int8), 1) for mask in (said.amodal, one.visible))
    return completed - left


def _volumes(
    completer: Completer, objects: Sequence[AmodalObject], samples: int, tried: Sequence[Calibration]
) -> NDArray[np.int64]:
    """(B,N,M), see ``Completer.volumes``; N is 0 without objects, and for a model that draws no samples."""
    starts = range(0, len(objects), BATCH)
    parts = [
        completer.volumes(objects[start : start + BATCH], samples, tried)
        for start in watched(starts, "calibrating", len(starts))
    ]
    return np.concatenate(parts) if parts else np.zeros((0, 0, len(tried)), np.int64)


def _truths(objects: Sequence[AmodalObject]) -> NDArray[np.int64]:
    """(B,) voxels."""
    return np.array([np.count_nonzero(each.amodal) for each in objects if each.amodal is not None], np.int64)


def _cost(volumes: NDArray[np.int64], truths: NDArray[np.int64]) -> float:
    levels = np.array(LEVELS)
    tails = np.stack([(1 - levels) / 2, (1 + levels) / 2])
    low, high = np.quantile(volumes, tails, axis=1)  # (L,B) each
    coverage = ((low <= truths) & (truths <= high)).mean(1)
    return float(np.abs(coverage - levels).sum()) + crps(volumes.astype(np.float64), truths.astype(np.float64))
