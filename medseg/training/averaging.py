"""The average of the weights on the way: what is validated and handed on in place of the weights of a single step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import PARAM_LIST, AveragedModel, get_ema_multi_avg_fn

from medseg.training.settings import LoopConfig, PeriodicConfig


def build_average(model: nn.Module, config: LoopConfig) -> AveragedModel | None:
    """What ``training.average`` asks for; None for none. Buffers are copied, not averaged; those of
    batch norms are counted anew (``renewal``).

    ema: w <- d w + (1 - d) w_new, d = min(ema_decay, (1+t)/(10+t)), t counting the updates before this one; the first
    copies the weights. The rising decay keeps a short stage from averaging over its start.
    periodic: w <- (t w + w_new) / (t + 1), t the samples of the period in course (Izmailov et al., UAI 2018, Eq. 1).
    """
    if config.average == "none" or config.ema_decay is None:
        return None
    average = AveragedModel(model, multi_avg_fn=_moving(config.ema_decay) if config.average == "ema" else None)
    average.requires_grad_(False)
    return average


def update_average(average: AveragedModel, model: nn.Module, config: LoopConfig, done: int) -> None:
    """After a step of a stage, of which so many are ``done``: a pure function of that number and the weights.

    periodic: every ``every`` steps the weights are sampled; the first sample of a period begins a new mean, and with
    ``put_back`` the model goes on from the mean at a period's end.
    """
    if config.average == "ema":
        average.update_parameters(model)
        return
    if done % config.periodic.every == 0:
        if _period(done, config.periodic) != _period(done - config.periodic.every, config.periodic):
            average.n_averaged.zero_()
        average.update_parameters(model)
    if config.periodic.put_back and done % config.periodic.period == 0:
        _put_back(average, model)


def shown_weights(average: AveragedModel | None, model: nn.Module) -> nn.Module:
    """The averaged model, once anything has been averaged."""
    return model if average is None or not int(average.n_averaged) else average.module


def _period(done: int, periodic: PeriodicConfig) -> int:
    """The one in which step number ``done``, counted from 1, lies."""
    return (done - 1) // periodic.period


@torch.no_grad()
def _put_back(average: AveragedModel, model: nn.Module) -> None:
    for weight, mean in zip(model.parameters(), average.module.parameters(), strict=True):
        weight.copy_(mean)


def _moving(decay: float) -> Callable[[PARAM_LIST, PARAM_LIST, Tensor | int], None]:
    def update(averaged: PARAM_LIST, weights: PARAM_LIST, updates: Tensor | int) -> None:
        t = int(updates)
        get_ema_multi_avg_fn(min(decay, (1 + t) / (10 + t)))(averaged, weights, updates)

    return update
