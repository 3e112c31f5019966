"""The running statistics of batch norms under averaged weights, counted anew before these are validated.

An average of weights has seen no batch: it is copied with the statistics that the weights of the last step have seen.
Izmailov et al. (UAI 2018) count them anew on the training set. ``torch.optim.swa_utils.update_bn`` would do so for all
norms of a model, those too that a stage has frozen.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from medseg.training.optimisation import set_modes
from medseg.training.randomness import seed_step
from medseg.training.run import Run
from medseg.training.state import StageState

BATCHES = 16
"""Of the epoch in course, its first: so many are looked at, where it has them."""


@torch.no_grad()
def renew_statistics(run: Run, state: StageState) -> None:
    """Plain means over batches of the mean and variance that each norm of ``state.shown`` sees, over all processes.

    A function of the weights, the seed and the epoch, so that a resumed run has the same. Nothing is done without an
    average, in a stage that says not how its network ``looks`` at a batch, and for norms that do not move in it.
    """
    looks, model, fabric, position = state.stage.looks, state.shown, run.fabric, state.position
    if looks is None or model is state.model:
        return
    set_modes(model, state.stage)
    norms = [norm for norm in model.modules() if isinstance(norm, _BatchNorm) and _counts(norm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean over batches
    world = fabric.world_size * run.config.accumulate  # as large as the batches that training has seen
    seed_step(run.seed, position.global_step, fabric.global_rank)  # where there is dropout
    for step in range(min(BATCHES, run.source.steps_per_epoch()) if norms else 0):
        batch = run.source.batch(state.stage.target, position.epoch, step, rank=fabric.global_rank, world=world)
        with fabric.autocast():
            looks(model, fabric.to_device(batch))
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        _share(run, norm)


def _counts(norm: _BatchNorm) -> bool:
    return norm.training and norm.track_running_stats


def _share(run: Run, norm: _BatchNorm) -> None:
    """The mean over processes, which have seen other images each."""
    for buffer in (norm.running_mean, norm.running_var):
        assert isinstance(buffer, Tensor)
        shared = run.fabric.all_reduce(buffer, reduce_op="mean")
        assert isinstance(shared, Tensor)
        buffer.copy_(shared)
