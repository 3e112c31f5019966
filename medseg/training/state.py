"""The state of a stage in training: everything that a checkpoint holds, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import nn
from torch.optim.swa_utils import AveragedModel

from medseg.contracts import RUN_VERSION, Batch, Losses, Objective, Stage
from medseg.training.averaging import build_average, shown_weights
from medseg.training.means import Means
from medseg.training.optimisation import build_optimizer, freeze
from medseg.training.settings import LoopConfig


@dataclass(kw_only=True)
class Position:
    """How far a run has come; at the end of epoch e of a stage it says (e + 1, 0)."""

    stage_index: int = 0
    """The stage in course, among those of the run."""
    epoch: int = 0
    """The epoch in course, counted from 0 in each stage."""
    step: int = 0
    """Its batches that are done."""
    global_step: int = 0
    """Steps that are done in all stages."""
    best: float = inf
    """The least criterion of the stage on validation cases."""
    stale_epochs: int = 0
    """Epochs since."""

    def next_step(self) -> None:
        """A batch is done."""
        self.step += 1
        self.global_step += 1

    def next_epoch(self, criterion: float) -> bool:
        """An epoch is done, with this criterion in validation; returns whether it is the best of the stage."""
        better = criterion < self.best
        self.best = criterion if better else self.best
        self.stale_epochs = 0 if better else self.stale_epochs + 1
        self.epoch, self.step = self.epoch + 1, 0
        return better

    def next_stage(self) -> Position:
        """The beginning of the stage after this one."""
        return Position(stage_index=self.stage_index + 1, global_step=self.global_step)


class Task(nn.Module):
    """Model and objective as one module: autocast and gradient averaging see the whole forward pass."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch, epoch: float) -> Losses:
        """See the class."""
        return self.objective(self.model, batch, epoch=epoch)


@dataclass(kw_only=True)
class StageState:
    """One stage in training."""

    stage: Stage
    """The row that is trained."""
    model: nn.Module
    """The network without wrappers."""
    task: _FabricModule
    """The same weights with their objective: steps go through it."""
    optimizer: _FabricOptimizer
    """Of the parameters that move."""
    average: AveragedModel | None
    """The average of the weights, where there is one."""
    position: Position
    """How far it has come."""
    means: Means = field(default_factory=Means)
    """Of the losses and metrics of the epoch in course."""

    @staticmethod
    def begin(fabric: Fabric, model: nn.Module, stage: Stage, *, position: Position, config: LoopConfig) -> StageState:
        """Freeze what the stage does not train, and build its optimiser and average."""
        freeze(model, stage)
        average = build_average(model, config)
        optimizer = build_optimizer(model, stage, config.weight_decay)
        task = fabric.setup_module(Task(model, stage.objective))
        wrapped = fabric.setup_optimizers(optimizer)
        assert isinstance(wrapped, _FabricOptimizer)
        return StageState(stage=stage, model=model, task=task, optimizer=wrapped, average=average, position=position)

    @property
    def shown(self) -> nn.Module:
        """The model that is validated and handed on: the averaged one where there is an average."""
        return shown_weights(self.average, self.model)

    def backward(self, fabric: Fabric, parts: Sequence[Batch], epoch: float) -> list[Losses]:
        """Gradients of the mean over parts and processes, which share theirs with the last part; the losses of each."""
        found = []
        for number, part in enumerate(parts, start=1):
            with fabric.no_backward_sync(self.task, enabled=number < len(parts)):
                losses = self.task(fabric.to_device(part), epoch)
                fabric.backward(losses.total / len(parts))
            found.append(Losses(total=losses.total.detach(), metrics=losses.metrics))
        return found

    def content(self, fabric: Fabric, made_with: Mapping[str, str]) -> dict[str, Any]:
        """What a checkpoint holds; every process must ask, since the means are summed over all of them."""
        names = sorted(self.means.sums)
        *sums, cases = self.means.total(fabric, names).tolist()
        return {
            "version": RUN_VERSION,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
            "objective": self._kept_by_objective().state_dict(),
            "scaler": fabric.strategy.precision.state_dict(),
            "means": dict(zip(names, sums, strict=True)),
            "cases": int(cases),
            "position": asdict(self.position),
            "processes": fabric.world_size,
            "made_with": dict(made_with),
        }

    def restore(self, content: Mapping[str, Any], fabric: Fabric) -> None:
        """Take up what `content` has given; the model has its weights already."""
        self.optimizer.load_state_dict(content["optimizer"])
        if self.average is not None:
            self.average.load_state_dict(content["average"])
        self._kept_by_objective().load_state_dict(content.get("objective", {}))
        fabric.strategy.precision.load_state_dict(content["scaler"])
        self.means = Means.resumed(content["means"], content["cases"], fabric)

    def _kept_by_objective(self) -> nn.Module:
        """What an objective learns beside the model, if it is a module; else one without a tensor."""
        return self.stage.objective if isinstance(self.stage.objective, nn.Module) else nn.Module()
