"""A model whose samples have a known size at every level: the calibration that makes their intervals true is found."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from medseg.amodal.assembly import read_amodal_run
from medseg.amodal.completion import completer as module
from medseg.amodal.completion.beliefs import MaskBeliefs
from medseg.amodal.completion.calibrate import (
    SHIFTS,
    SPREADS,
    calibrate,
    calibrate_run,
    calibrating_maps,
    calibrating_objects,
    crps,
)
from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Completer
from medseg.amodal.completion.conformal import BEHIND, BEHIND_SEVERAL, FRONT
from medseg.amodal.completion.examples import examples_of_map
from medseg.amodal.config import AmodalConfig
from medseg.amodal.nouns import AmodalObject, MaskBatch
from medseg.amodal.shapes import CLASSES, RULES, write_shapes
from medseg.cohorts.cohort import load_cohort

from .conftest import Known, completer, crossed, write_run


def rods(count: int, mean: float = 50.0) -> list[AmodalObject]:
    """Rods of 100 visible columns, whose occluded length below a bar of 100 is mean + 15 z, z a normal deviate."""
    found = []
    for number, deviate in enumerate(np.random.default_rng(1).normal(size=count)):
        columns = np.arange(200)[None]
        visible, bar = columns < 100, columns >= 100
        amodal_object = crossed(name=f"c/rod-{number}")
        amodal = columns < 100 + round(mean + 15 * deviate)
        found.append(replace(amodal_object, visible=visible, occluder=bar, amodal=amodal, map_shape=(1, 200)))
    return found


@pytest.fixture
def ramp(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every sample says p = 1 / (1 + exp((c - 50) / 5)) of occluded column c: cut at a level, 50 - 5 logit(level) long.

    Frames of 256 pixels begin at column -78 of the crop.
    """

    def believe(model: nn.Module, batch: MaskBatch, samples: int, **rest: object) -> MaskBeliefs:
        occluded = torch.arange(256.0) - 78 - 100
        probs = torch.sigmoid((50 - occluded) / 5).expand_as(batch.visible)
        return MaskBeliefs(
            probs=probs,
            samples=probs[None].expand(samples, *probs.shape),
            hidden=torch.full((len(batch.visible),), torch.nan),
            visible_misfit=torch.full((len(probs),), 0.1),
        )

    monkeypatch.setattr(module, "believe", believe)


@pytest.mark.usefixtures("ramp")
def test_the_spread_that_makes_the_intervals_true_is_found():
    calibration = calibrate(completer(size=256, lines=4), rods(150), samples=60)
    assert 1.25 <= calibration.spread <= 2.0  # 15 = 5 * spread * 1.81, the deviation of a logistic: 1.65
    assert abs(calibration.shift) <= 0.5
    assert calibration.misfit_limit == pytest.approx(1.5 * 0.1)


@pytest.mark.usefixtures("ramp")
def test_truths_larger_than_the_samples_shift_them():
    shifts = [calibrate(completer(size=256, lines=4), rods(150, mean), 60).shift for mean in (50, 55)]
    assert 0.5 <= shifts[1] - shifts[0] <= 1.5  # 5 / 5 = 1


@pytest.mark.usefixtures("ramp")
def test_objects_with_nothing_occluded_have_no_say():
    amodal = [replace(amodal_object, amodal=amodal_object.visible) for amodal_object in rods(100)]
    few, judge = rods(40), completer(size=256, lines=4)
    assert calibrate(judge, few + amodal, 40) == calibrate(judge, few, 40)
    assert calibrate(judge, amodal, 40) == Calibration(misfit_limit=pytest.approx(0.1))  # type: ignore[arg-type]


def test_objects_of_maps_teach_where_the_others_are_heard(tmp_path: Path):
    cohort = load_cohort(write_shapes(tmp_path / "cohort", seed=0, spatial_dims=2, cases=2, size=120))
    train, val = cohort.cases
    cohort = replace(cohort, cases=(replace(train, split="train"), replace(val, split="val")))
    run = write_run(tmp_path / "run", [16, 16], CLASSES, RULES)
    maps = calibrating_maps(with_known(read_amodal_run(run), 0.0), cohort)
    assert {shown.case for shown in maps} == {train.name, val.name}
    found = [one for shown in maps for one in examples_of_map(Completer.load(run), shown, 4)]
    assert found and {one.group for one in found} <= {FRONT, BEHIND, BEHIND_SEVERAL}
    # some are in front, so that their truth is what is seen, and what is hidden of the others is shared out among them
    assert min(one.truth - one.seen for one in found) == 0
    hidden = [np.count_nonzero(one.amodal & ~one.visible) for shown in maps for one in shown.objects]  # type: ignore
    assert sum(one.truth - one.seen for one in found) == sum(hidden) > 0


def test_what_training_was_told_does_not_calibrate(tmp_path: Path):
    cohort = load_cohort(write_shapes(tmp_path / "cohort", seed=0, spatial_dims=2, cases=2, size=120))
    train, val = cohort.cases
    cohort = replace(cohort, cases=(replace(train, split="train"), replace(val, split="val")))
    config = read_amodal_run(write_run(tmp_path / "run", [16, 16], CLASSES, RULES))
    nothing, told = with_known(config, 0.0), with_known(config, 0.5)
    assert {one.case for one in calibrating_objects(nothing, cohort)} == {train.name, val.name}
    assert {one.case for one in calibrating_objects(told, cohort)} == {val.name}
    assert {shown.case for shown in calibrating_maps(told, cohort)} == {val.name}


def with_known(config: AmodalConfig, share: float) -> AmodalConfig:
    occlusion = config.data.occlusion.model_copy(update={"known": share})
    return config.model_copy(update={"data": config.data.model_copy(update={"occlusion": occlusion})})


def test_crps_by_hand():
    # samples 1 and 3 of a truth 2: mean |V - y| = 1, mean |V - V'| = 1, so (1 - 1/2) / 2
    assert crps(np.array([[3.0, 1.0]]), np.array([2.0])) == pytest.approx(0.25)
    assert crps(np.array([[2.0, 2.0]]), np.array([2.0])) == 0


def test_a_model_without_samples_keeps_its_spread_and_one_without_a_misfit_has_no_limit(known: Known):
    known.shares, known.visible_misfit = lambda samples: [], lambda number: float("nan")
    assert calibrate(completer(size=256, lines=4), rods(5)) == Calibration()


def test_where_completing_helps_nobody_the_limit_is_the_99th_percentile(known: Known):
    known.shares, known.visible_misfit = lambda samples: [], lambda number: number / 100
    objects = [replace(amodal_object, amodal=amodal_object.visible) for amodal_object in rods(101)]
    assert calibrate(completer(size=256, lines=4), objects).misfit_limit == pytest.approx(0.99)


@pytest.mark.parametrize(("place", "limit"), [(100, 1.5), (50, 0.99)])
def test_what_completing_was_seen_to_help_is_not_left_alone(known: Known, place: int, limit: float):
    known.shares, known.visible_misfit, known.prob = lambda samples: [], lambda number: number / 100, 0.9
    objects = [replace(amodal_object, amodal=amodal_object.visible) for amodal_object in rods(101)]
    objects[place] = _all_hidden(objects[place])  # all of the occluder is grown into: right for this one alone
    assert calibrate(completer(size=256, lines=4), objects).misfit_limit == pytest.approx(limit)


def _all_hidden(one: AmodalObject) -> AmodalObject:
    assert one.occluder is not None
    return replace(one, amodal=one.visible | one.occluder)


def test_a_run_is_calibrated_on_its_validation_split(tmp_path: Path):
    cohort = load_cohort(write_shapes(tmp_path / "cohort", seed=0, spatial_dims=2, cases=2, size=120))
    train, val = cohort.cases
    cohort = replace(cohort, cases=(replace(train, split="train"), replace(val, split="val")))
    run = write_run(tmp_path / "run", [16, 16], CLASSES, RULES)
    calibration = calibrate_run(run, cohort)
    assert calibration.shift in SHIFTS and calibration.spread in SPREADS
    assert calibration.misfit_limit is not None and 0 < calibration.misfit_limit <= 1.5
    assert Completer.load(run).calibration == calibration
    assert calibrate_run(run, cohort) == calibration
