from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import pytest
import torch
from torch import nn
from toy_run import ToyModel, cross_entropy

from medseg.contracts import Refused, Stage
from medseg.training.optimisation import (
    build_optimizer,
    follow,
    freeze,
    lr_factor,
    schedule_factor,
    set_learning_rates,
    take_over,
)


def stage(trains: tuple[str, ...] = ("",), lr_factors: Mapping[str, float] | None = None) -> Stage:
    return Stage(
        name="joint",
        target="annotated",
        trains=trains,
        objective=cross_entropy,
        criterion="nll",
        epochs=1,
        learning_rate=0.01,
        lr_factors=lr_factors or {},
    )


def test_only_the_named_parameters_move_and_only_their_modules_are_in_training_mode() -> None:
    model = ToyModel(dropout=0.5, norm=nn.BatchNorm2d)
    freeze(model, stage(("network.0",)))
    moving = [name for name, parameter in model.named_parameters() if parameter.requires_grad]
    assert moving == ["network.0.weight", "network.0.bias"]
    modes = {name: module.training for name, module in model.named_modules()}
    assert modes["network.0"]
    assert not modes["network.1"] and not modes["network.3"] and not modes["head"]


def test_what_has_no_parameters_is_in_the_mode_of_the_part_it_belongs_to() -> None:
    model = ToyModel(dropout=0.5)
    freeze(model, stage(("network",)))
    assert model.network[3].training
    freeze(model, stage(("head",)))
    assert not model.network[3].training


def test_a_follower_is_the_moving_average_of_what_it_follows() -> None:
    """w <- .9 w + .1 w_followed of weights, after one step and another; running statistics are copied."""
    model = nn.ModuleDict({name: nn.BatchNorm1d(1) for name in ("network", "teacher", "other")})
    row = replace(stage(), follows={"teacher": "network"}, follow_decay=0.9)
    with torch.no_grad():
        model["network"].weight.fill_(3.0)
    model["network"].running_mean.fill_(5.0)
    for expected in (1.2, 1.38):
        follow(model, row)
        assert model["teacher"].weight.item() == pytest.approx(expected)
    assert model["teacher"].running_mean.item() == 5.0 and model["network"].weight.item() == 3.0
    assert model["other"].weight.item() == 1.0 and model["other"].running_mean.item() == 0.0


def test_freezing_again_sets_free_what_the_next_stage_trains() -> None:
    model = ToyModel()
    freeze(model, stage(("head",)))
    freeze(model, stage(("",)))
    assert all(parameter.requires_grad for parameter in model.parameters())
    assert all(module.training for module in model.modules())


def test_a_prefix_that_nothing_has_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        freeze(ToyModel(), stage(("network", "haed", "tail")))
    assert refused.value.complaints == (
        "trains: expected the beginning of a parameter's name (network, head), got 'haed' (joint)",
        "trains: expected the beginning of a parameter's name (network, head), got 'tail' (joint)",
    )


def test_a_child_starts_with_the_weights_and_buffers_of_another_and_is_no_part_of_it() -> None:
    model = nn.ModuleDict({name: nn.BatchNorm1d(1) for name in ("one", "two", "three")})
    for number, child in enumerate(model.values(), start=1):
        nn.init.constant_(child.weight, number)  # type: ignore[arg-type]
        child.running_mean.fill_(10 * number)  # type: ignore[operator,union-attr]
    take_over(model, replace(stage(), starts_as={"two": "one", "three": "two"}))
    weights = {name: (child.weight.item(), child.running_mean.item()) for name, child in model.items()}  # type: ignore[operator,union-attr]
    assert weights == {"one": (1, 10), "two": (1, 10), "three": (2, 20)}  # all at once: three takes what two was
    nn.init.constant_(model["one"].weight, 7)  # type: ignore[arg-type]
    assert model["two"].weight.item() == 1  # type: ignore[operator,union-attr]


def test_the_longest_prefix_gives_the_rate() -> None:
    row = stage(lr_factors={"network": 0.1, "network.0.bias": 10.0})
    assert lr_factor("network.0.weight", row) == 0.1
    assert lr_factor("network.0.bias", row) == 10.0
    assert lr_factor("head.bias", row) == 1.0


def test_each_group_steps_by_its_own_rate() -> None:
    model = ToyModel()
    row = stage(lr_factors={"head": 5.0})
    freeze(model, row)
    optimizer = build_optimizer(model, row, weight_decay=0.0)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    set_learning_rates(optimizer, 0.5)
    optimizer.step()  # the first step of Adam is the rate, whatever the gradient
    steps = {
        name: float((old - new).detach().mean())
        for (name, new), old in zip(model.named_parameters(), before, strict=True)
    }
    assert steps["network.0.weight"] == pytest.approx(0.5 * 0.01, rel=1e-4)
    assert steps["head.weight"] == pytest.approx(0.5 * 0.05, rel=1e-4)


def test_frozen_parameters_are_not_given_to_the_optimiser() -> None:
    model = ToyModel()
    freeze(model, stage(("head",)))
    (group,) = build_optimizer(model, stage(("head",)), 0.1).param_groups
    assert [id(parameter) for parameter in group["params"]] == [id(p) for p in model.head.parameters()]
    assert (group["lr"], group["weight_decay"]) == (0.01, 0.1)


def test_the_cosine_falls_from_one_to_nothing() -> None:
    assert [schedule_factor("cosine", step, 4) for step in range(5)] == pytest.approx(
        [1, (1 + math.sqrt(0.5)) / 2, 0.5, (1 - math.sqrt(0.5)) / 2, 0], abs=1e-12
    )
    assert schedule_factor("constant", 3, 4) == 1
