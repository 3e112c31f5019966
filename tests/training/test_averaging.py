"""The average of the weights: sums by hand, what is put back, what is resumed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError
from test_loop import Climber, climb_stage
from torch import nn
from toy_run import TerminatedSource, toy_fit

from medseg.contracts import Refused
from medseg.training.averaging import build_average, shown_weights, update_average
from medseg.training.checkpoint import save_last
from medseg.training.settings import LoopConfig, PeriodicConfig


def averaged(weights: list[float], config: LoopConfig) -> tuple[nn.BatchNorm1d, nn.BatchNorm1d]:
    """What is shown after a model had these weights, one a step; and the model."""
    model = nn.BatchNorm1d(1)
    average = build_average(model, config)
    assert average is not None
    for done, weight in enumerate(weights, start=1):
        nn.init.constant_(model.weight, weight)
        model.running_mean = torch.tensor([10 * weight])
        update_average(average, model, config, done)
    shown = shown_weights(average, model)
    assert isinstance(shown, nn.BatchNorm1d)
    return shown, model


def test_the_moving_average_equals_the_sum_by_hand_and_copies_buffers() -> None:
    shown, _ = averaged([1.0, 3.0, 7.0, 2.0], LoopConfig(ema_decay=0.2))
    expected = 0.0
    for t, weight in enumerate([1.0, 3.0, 7.0, 2.0]):
        decay = min(0.2, (1 + t) / (10 + t))  # 2/11, then .2 twice
        expected = weight if t == 0 else decay * expected + (1 - decay) * weight
    assert float(shown.weight.detach()) == pytest.approx(expected)
    assert shown.running_mean is not None
    assert float(shown.running_mean) == 20
    assert not shown.weight.requires_grad


PERIODIC = LoopConfig(average="periodic", periodic=PeriodicConfig(every=2, period=4))


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        (1, 1.0),  # nothing is sampled yet: the weights themselves
        (2, 2.0),
        (3, 2.0),
        (4, (2 + 4) / 2),
        (5, (2 + 4) / 2),  # until the next period has a sample
        (6, 6.0),
        (8, (6 + 8) / 2),
    ],
)
def test_the_periodic_average_is_the_mean_of_the_samples_of_one_period(steps: int, expected: float) -> None:
    shown, _ = averaged([float(step) for step in range(1, steps + 1)], PERIODIC)
    assert float(shown.weight.detach()) == pytest.approx(expected)


def test_the_mean_is_put_back_at_the_end_of_a_period_and_only_if_asked() -> None:
    own_way = LoopConfig(average="periodic", periodic=PeriodicConfig(every=2, period=4, put_back=False))
    for steps, put_back, left in [(3, 3.0, 3.0), (4, 3.0, 4.0)]:
        weights = [float(step) for step in range(1, steps + 1)]
        assert float(averaged(weights, PERIODIC)[1].weight.detach()) == pytest.approx(put_back)
        assert float(averaged(weights, own_way)[1].weight.detach()) == pytest.approx(left)


@pytest.mark.parametrize("none", [LoopConfig(average="none"), LoopConfig(ema_decay=None)])
def test_without_an_average_there_is_none(none: LoopConfig) -> None:
    assert build_average(nn.Linear(1, 1), none) is None


def test_a_period_without_a_sample_is_refused() -> None:
    with pytest.raises(ValidationError, match="period: expected at least every \\(10\\), got 5"):
        PeriodicConfig(every=10, period=5)


def test_training_goes_on_from_the_mean_that_was_put_back(tmp_path: Path) -> None:
    """A height that grows by 1 a step: 1, 2, their mean; then 2.5 and 3.5, and their mean."""
    periodic = PeriodicConfig(every=1, period=2)
    model = toy_fit(
        tmp_path, Climber(), [climb_stage("joint", 1)], schedule="constant", average="periodic", periodic=periodic
    )
    assert isinstance(model, Climber)
    assert float(model.height.detach()) == pytest.approx((2.5 + 3.5) / 2, rel=1e-5)


def test_a_run_that_was_stopped_within_a_period_ends_with_the_same_weights(tmp_path: Path) -> None:
    wanted = {"average": "periodic", "periodic": PeriodicConfig(every=2, period=6)}
    whole = toy_fit(tmp_path / "whole", **wanted)
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "stopped", source=TerminatedSource("annotated", 0, 3), **wanted)
    resumed = toy_fit(tmp_path / "stopped", resume=True, **wanted)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)


def test_a_checkpoint_of_before_there_was_a_choice_was_made_with_the_moving_average(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        toy_fit(tmp_path, source=TerminatedSource("annotated", 0, 3))
    saved = torch.load(tmp_path / "joint" / "last.ckpt")
    for row in ("average", "periodic"):
        del saved["made_with"][row]
    save_last(tmp_path / "joint", saved)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, resume=True, average="none")
    assert refused.value.complaints == (f"average: expected ema, got none (checkpoint in {tmp_path})",)
    toy_fit(tmp_path, resume=True)
