"""After training: the temperature at which the samples' intervals can be believed, and the limit of abstaining."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import AmodalObject, Cohort
from medseg.evaluation.coverage import covers
from medseg.experiment.amodal import hidden_objects, read_amodal_run
from medseg.experiment.completer import Calibration, Completer

__all__ = ["Calibration", "calibrate", "calibrate_run"]

LEVELS = np.array([0.5, 0.8, 0.9])
"""Levels of the central intervals whose coverage is compared with them."""

TEMPERATURES = (0.0, *(round(0.4 + 0.3 * step, 2) for step in range(9)))
"""The temperatures to choose from: 0, and 0.4 to 2.8."""

FAMILIAR = 0.99
"""Share of the validation objects that look like something seen in training."""

OBJECTS = 200
"""So many validation objects at most: the standard error of a coverage is then below 4 points."""


def calibrate(completer: Completer, objects: Sequence[AmodalObject], samples: int = 40) -> Calibration:
    """Fit a completer to validation objects whose wholes are known.

    temperature: of ``TEMPERATURES`` the one whose central intervals of the samples' volumes cover the true volumes
    as often as ``LEVELS`` say: the least sum over levels of |coverage - level|, the nearest to 1 among equals, of
    those that a bisection for the mean coverage comes by (it rises with the temperature). Only objects with a hidden
    part count, for where nothing is hidden an interval has no width. Without any, and for a model that draws no
    samples, it is 1. energy_limit: the 99th percentile of the energies of all objects.
    """
    hidden = [thing for thing in objects if thing.whole is not None and (thing.whole & ~thing.visible).any()]
    deviations: dict[float, float] = {}
    low, high = 0, len(TEMPERATURES) - 1
    while low <= high:
        middle = (low + high) // 2
        coverage = _coverage(_with(completer, Calibration(TEMPERATURES[middle])), hidden, samples)
        if coverage is None:
            break
        deviations[TEMPERATURES[middle]] = round(float(np.abs(coverage - LEVELS).sum()), 9)
        low, high = (middle + 1, high) if coverage.mean() < LEVELS.mean() else (low, middle - 1)
    best = min(deviations, key=lambda temperature: (deviations[temperature], abs(temperature - 1)), default=1.0)
    return Calibration(best, _energy_limit(completer, objects))


def calibrate_run(run: Path, cohort: Cohort) -> Calibration:
    """Calibrate a trained run on its validation split, and write calibration.json into its folder.

    The objects are the really hidden ones whose whole is known; where there are none, complete ones hidden
    synthetically.
    """
    completer, config = Completer.load(run), read_amodal_run(run)
    things = hidden_objects(cohort, "val", config)
    chosen = np.random.default_rng((config.seed, 4)).permutation(len(things))[:OBJECTS]
    calibration = calibrate(completer, [things[number] for number in chosen])
    calibration.write(run)
    return calibration


def _with(completer: Completer, calibration: Calibration) -> Completer:
    return replace(completer, calibration=calibration)


def _coverage(completer: Completer, hidden: Sequence[AmodalObject], samples: int) -> NDArray[np.float64] | None:
    """(L,) the share of objects whose true volume lies within the interval of each level; None without a sample."""
    covered = []
    for thing, answer in zip(hidden, completer.completions(hidden, samples), strict=True):
        if len(answer.samples) and thing.whole is not None:
            volumes = answer.samples.sum(tuple(range(1, answer.samples.ndim)))
            truth = float(np.count_nonzero(thing.whole))
            covered.append([covers(volumes, truth, level) for level in LEVELS])
    return np.mean(covered, axis=0) if covered else None


def _energy_limit(completer: Completer, objects: Sequence[AmodalObject]) -> float | None:
    """None where no object has an energy. With a limit of 1, which no energy exceeds, strangeness is the energy."""
    plain = _with(completer, Calibration(energy_limit=1.0))
    energies = np.array([answer.strangeness for answer in plain.completions(objects, 0)])
    known = energies[~np.isnan(energies)]
    return float(np.quantile(known, FAMILIAR)) if len(known) else None
