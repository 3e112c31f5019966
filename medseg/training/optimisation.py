"""What moves in a stage, and how fast."""

from __future__ import annotations

import math
from copy import deepcopy
from typing import Any

import torch
from torch import nn
from torch.optim import AdamW, Optimizer

from medseg.contracts import Refused, Stage, complaint
from medseg.training.settings import Schedule


def freeze(model: nn.Module, stage: Stage) -> None:
    """Let the parameters below ``stage.trains`` move; hold all others, and their buffers, still.

    A module in which nothing moves is put into evaluation mode, so that running statistics stay as they are.
    Raises Refused for a prefix that no parameter has.
    """
    names = [name for name, _ in model.named_parameters()]
    unknown = [prefix for prefix in stage.trains if not any(name.startswith(prefix) for name in names)]
    if unknown or not stage.trains:
        children = ", ".join(dict.fromkeys(name.split(".")[0] for name in names))
        raise Refused(
            complaint("trains", f"the beginning of a parameter's name ({children})", repr(prefix), stage.name)
            for prefix in unknown or ("",)
        )
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.startswith(stage.trains))
    set_modes(model, stage)


def take_over(model: nn.Module, stage: Stage) -> None:
    """Give the children that ``stage.starts_as`` names the weights of those they start as.

    What a child has beyond its source keeps its weights; what it lacks of it raises RuntimeError.
    """
    before = {source: deepcopy(model.get_submodule(source).state_dict()) for source in stage.starts_as.values()}
    for child, source in stage.starts_as.items():
        own = model.get_submodule(child)
        own.load_state_dict(own.state_dict() | before[source])


@torch.no_grad()
def follow(model: nn.Module, stage: Stage) -> None:
    """After a step, w <- d w + (1 - d) w_followed of the children that ``stage.follows`` names, d its decay.

    Tarvainen and Valpola, NeurIPS 2017 (mean teacher), Eq. 1. A follower starts as what
    it follows (``starts_as``), so that d need not rise.
    """
    for child, source in stage.follows.items():
        own, followed = model.get_submodule(child), model.get_submodule(source)
        for mine, other in zip(own.parameters(), followed.parameters(), strict=True):
            mine.lerp_(other, 1 - stage.follow_decay)
        for mine, other in zip(own.buffers(), followed.buffers(), strict=True):
            mine.copy_(other)


def set_modes(model: nn.Module, stage: Stage) -> None:
    """Training mode for the modules that move in this stage, evaluation mode for the others."""
    for name, module in model.named_modules():
        moves = any(parameter.requires_grad for parameter in module.parameters())
        module.training = moves or name.startswith(stage.trains)


def build_optimizer(model: nn.Module, stage: Stage, weight_decay: float) -> AdamW:
    """AdamW (Loshchilov and Hutter 2019) over the parameters that move, one group per factor on the learning rate.

    A group's own rate is kept as ``base_lr``; `set_learning_rates` multiplies it.
    """
    groups: dict[float, list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            groups.setdefault(lr_factor(name, stage), []).append(parameter)
    rows: list[dict[str, Any]] = []
    for factor, parameters in groups.items():
        learning_rate = stage.learning_rate * factor
        rows.append({"params": parameters, "lr": learning_rate, "base_lr": learning_rate})
    return AdamW(rows, lr=stage.learning_rate, weight_decay=weight_decay)


def lr_factor(name: str, stage: Stage) -> float:
    """The factor of the longest prefix in ``stage.lr_factors`` that this name begins with; 1 without one."""
    prefixes = [prefix for prefix in stage.lr_factors if name.startswith(prefix)]
    return stage.lr_factors[max(prefixes, key=len)] if prefixes else 1.0


def schedule_factor(schedule: Schedule, step: int, steps: int) -> float:
    """What the learning rate of step 0..steps-1 is multiplied by; cosine: (1 + cos(pi step / steps)) / 2.

    A pure function of the step, so that a checkpoint has nothing of the schedule to keep.
    """
    return 1.0 if schedule == "constant" else (1 + math.cos(math.pi * step / steps)) / 2


def set_learning_rates(optimizer: Optimizer, factor: float) -> None:
    """Every group's learning rate = its ``base_lr`` times ``factor``."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
