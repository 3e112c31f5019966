"""The state of a stage in training: everything that a checkpoint holds, and how it is taken up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from math import inf
from typing import Any

from lightning_fabric import Fabric
from lightning_fabric.wrappers import _FabricModule, _FabricOptimizer
from torch import nn
from torch.optim.swa_utils import AveragedModel

from medseg.amodal.nouns import MaskBatch
from medseg.contracts import Batch, Losses, Objective, Stage
from medseg.training.means import Means
from medseg.training.optimisation import build_average, build_optimizer, freeze
from medseg.training.settings import Settings


@dataclass
class Position:
    """How far a run has come.

    epoch: the one in course, counted from 0 in each stage. step: its batches that are done, so that a
    checkpoint at the end of epoch e says (e + 1, 0). global_step: steps done in all stages.
    best: the least validation nll of the stage. stale_epochs: epochs since.
    """

    stage_index: int = 0
    epoch: int = 0
    step: int = 0
    global_step: int = 0
    best: float = inf
    stale_epochs: int = 0

    def next_step(self) -> None:
        """A batch is done."""
        self.step += 1
        self.global_step += 1

    def next_epoch(self, nll: float) -> bool:
        """An epoch is done, with this validation nll; returns whether it is the best of the stage."""
        better = nll < self.best
        self.best = nll if better else self.best
        self.stale_epochs = 0 if better else self.stale_epochs + 1
        self.epoch, self.step = self.epoch + 1, 0
        return better

    def next_stage(self) -> Position:
        """The beginning of the stage after this one."""
        return Position(self.stage_index + 1, global_step=self.global_step)


class Task(nn.Module):
    """Model and objective as one module: autocast and gradient averaging see the whole forward pass."""

    def __init__(self, model: nn.Module, objective: Objective) -> None:
        super().__init__()
        self.model = model
        self.objective = objective

    def forward(self, batch: Batch | MaskBatch) -> Losses:
        """See the class."""
        return self.objective(self.model, batch)


@dataclass
class StageState:
    """One stage in training. Steps go through ``task``; ``model`` has the same weights without wrappers."""

    stage: Stage
    model: nn.Module
    task: _FabricModule
    optimizer: _FabricOptimizer
    average: AveragedModel | None
    position: Position
    means: Means = field(default_factory=Means)

    @staticmethod
    def begin(fabric: Fabric, model: nn.Module, stage: Stage, position: Position, settings: Settings) -> StageState:
        """Freeze what the stage does not train, and build its optimiser and average."""
        freeze(model, stage)
        average = build_average(model, settings.ema_decay) if settings.ema_decay is not None else None
        optimizer = build_optimizer(model, stage, settings.weight_decay)
        task = fabric.setup_module(Task(model, stage.objective))
        wrapped = fabric.setup_optimizers(optimizer)
        assert isinstance(wrapped, _FabricOptimizer)
        return StageState(stage, model, task, wrapped, average, position)

    @property
    def shown(self) -> nn.Module:
        """The model that is validated and handed on: the averaged one where there is an average."""
        return self.average.module if self.average is not None else self.model

    def content(self, fabric: Fabric, made_with: Mapping[str, str]) -> dict[str, Any]:
        """What a checkpoint holds; every process must ask, since the means are summed over all of them."""
        names = sorted(self.means.sums)
        *sums, cases = self.means.total(fabric, names).tolist()
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "average": self.average.state_dict() if self.average is not None else {},
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
        fabric.strategy.precision.load_state_dict(content["scaler"])
        self.means = Means.resumed(content["means"], content["cases"], fabric)
