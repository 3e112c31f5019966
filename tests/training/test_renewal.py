"""Batch norms under averaged weights: counted by hand, not where nothing moves, the same when resumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from toy_run import STEPS, TerminatedSource, ToyModel, ToySource, toy_fit, toy_stages

from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Stage


def normed() -> ToyModel:
    return ToyModel(norm=nn.BatchNorm2d)


def rows(trains: str = "", looking: bool = True) -> list[Stage]:
    """One stage of one epoch."""

    def looks(model: nn.Module, batch: ImageBatch) -> Tensor:
        return model(batch.image)

    stage = toy_stages(epochs=1)[1]
    return [replace(stage, trains=(trains,), looks=looks if looking else None)]


def statistics(model: nn.Module) -> tuple[Tensor, Tensor]:
    norm = model.get_submodule("network.1")
    assert isinstance(norm, nn.BatchNorm2d)
    assert norm.momentum == 0.1
    assert norm.running_mean is not None and norm.running_var is not None
    return norm.running_mean, norm.running_var


def test_the_averaged_weights_have_the_mean_over_the_batches_of_what_they_see(tmp_path: Path) -> None:
    model = toy_fit(tmp_path, normed(), rows())
    with torch.no_grad():
        seen = [model.get_submodule("network.0")(ToySource.make(step, 0, 1).image) for step in range(STEPS)]
    mean = torch.stack([each.mean(dim=(0, 2, 3)) for each in seen]).mean(dim=0)
    variance = torch.stack([each.var(dim=(0, 2, 3)) for each in seen]).mean(dim=0)
    torch.testing.assert_close(statistics(model), (mean, variance), rtol=1e-5, atol=1e-6)
    plain = toy_fit(tmp_path / "plain", normed(), rows(looking=False))
    assert not torch.allclose(statistics(plain)[0], mean, atol=1e-3)


def test_without_an_average_the_statistics_are_those_of_the_steps(tmp_path: Path) -> None:
    found = [toy_fit(tmp_path / str(on), normed(), rows(looking=on), average="none") for on in (True, False)]
    assert torch.equal(statistics(found[0])[0], statistics(found[1])[0])


def test_what_is_frozen_keeps_its_statistics(tmp_path: Path) -> None:
    before = [each.clone() for each in statistics(normed())]
    found = statistics(toy_fit(tmp_path, normed(), rows(trains="head")))
    assert torch.equal(found[0], before[0]) and torch.equal(found[1], before[1])


@pytest.mark.parametrize("step", [1, 3])
def test_a_resumed_run_counts_the_same(step: int, tmp_path: Path) -> None:
    stages = [replace(rows()[0], epochs=2)]
    whole = toy_fit(tmp_path / "whole", normed(), stages)
    with pytest.raises(SystemExit):
        toy_fit(tmp_path / "stopped", normed(), stages, source=TerminatedSource("annotated", 1, step))
    resumed = toy_fit(tmp_path / "stopped", normed(), stages, resume=True)
    torch.testing.assert_close(resumed.state_dict(), whole.state_dict(), rtol=0, atol=0)
