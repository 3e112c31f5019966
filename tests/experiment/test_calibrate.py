"""A model whose samples spread in proportion to the temperature: the temperature at which they are right is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.contracts import AmodalObject
from medseg.data.cohort import load_cohort
from medseg.data.shapes import CLASSES, RULES, write_shapes
from medseg.experiment.calibrate import TEMPERATURES, calibrate, calibrate_run
from medseg.experiment.completer import Completer

from .conftest import Known, completer, crossed, write_run


def rods(count: int) -> list[AmodalObject]:
    """Rods of 100 visible columns, whose hidden length below a bar of 100 is 50 + 15 z, z a normal deviate."""
    found = []
    for number, deviate in enumerate(np.random.default_rng(1).normal(size=count)):
        columns = np.arange(200)[None]
        visible, bar = columns < 100, columns >= 100
        thing = crossed(name=f"c/rod-{number}")
        whole = columns < 150 + round(15 * deviate)
        found.append(replace(thing, visible=visible, occluder=bar, whole=whole, map_shape=(1, 200)))
    return found


@pytest.fixture
def spread(known: Known) -> Known:
    """Samples whose hidden length is 50 + 10 * temperature * z; frames of 256 pixels begin at column -78."""
    deviates = np.random.default_rng(2).normal(size=400)

    def shares(samples: int, temperature: float) -> list[float]:
        return [(78 + 150 + 10 * temperature * z) / 256 for z in deviates[:samples]]

    known.shares = shares
    return known


def test_the_temperature_that_makes_the_intervals_true_is_found(spread: Known):
    calibration = calibrate(completer(size=256, lines=4), rods(100), samples=60)
    assert 1.25 <= calibration.temperature <= 1.8  # 15 / 10 = 1.5, of 100 objects
    assert calibration.temperature in TEMPERATURES
    assert calibration.energy_limit == pytest.approx(0.1)


def test_objects_with_nothing_hidden_have_no_say_in_the_temperature(spread: Known):
    whole = [replace(thing, whole=thing.visible) for thing in rods(100)]
    few, judge = rods(40), completer(size=256, lines=4)
    assert calibrate(judge, few + whole, 40).temperature == calibrate(judge, few, 40).temperature != 1.0
    assert calibrate(judge, whole, 40).temperature == 1.0


def test_a_model_without_samples_keeps_the_temperature_and_one_without_energy_has_no_limit(known: Known):
    known.shares, known.energy = lambda samples, temperature: [], lambda number: float("nan")
    calibration = calibrate(completer(size=256, lines=4), rods(5))
    assert calibration.temperature == 1.0 and calibration.energy_limit is None


def test_the_limit_is_the_99th_percentile_of_all_objects(known: Known):
    known.shares, known.energy = lambda samples, temperature: [], lambda number: number / 100
    objects = [replace(thing, whole=thing.visible) for thing in rods(101)]
    assert calibrate(completer(size=256, lines=4), objects).energy_limit == pytest.approx(0.99)


def test_a_run_is_calibrated_on_its_validation_split(tmp_path: Path):
    cohort = load_cohort(write_shapes(tmp_path / "cohort", 0, 2, 2, 120))
    train, val = cohort.cases
    cohort = replace(cohort, cases=(replace(train, split="train"), replace(val, split="val")))
    run = write_run(tmp_path / "run", [16, 16], CLASSES, RULES)
    calibration = calibrate_run(run, cohort)
    assert calibration.temperature in TEMPERATURES
    assert calibration.energy_limit is not None and 0 < calibration.energy_limit <= 1
    assert Completer.load(run).calibration == calibration
    assert calibrate_run(run, cohort) == calibration
