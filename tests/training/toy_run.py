"""A small model, source and run for the tests of the loop; as a script, a run that a test can kill."""

from __future__ import annotations

import argparse
import math
import os
import signal
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from medseg.annotators.nouns import ImageBatch
from medseg.contracts import Losses, Stage, Target
from medseg.training.loop import fit
from medseg.training.settings import LoopConfig, TrackingConfig
from medseg.training.tracking import Tracker

STEPS, BATCH = 4, 4
NAMES = [f"c{number:02d}" for number in range(BATCH)]


class ToyModel(nn.Module):
    """image (B,1,H,W) -> logits (B,2,H,W)."""

    def __init__(self, dropout: float = 0.0, norm: type[nn.Module] | None = None) -> None:
        super().__init__()
        torch.manual_seed(0)
        normalise = norm(6) if norm else nn.GroupNorm(2, 6)
        self.network = nn.Sequential(nn.Conv2d(1, 6, 3, padding=1), normalise, nn.ReLU(), nn.Dropout(dropout))
        self.head = nn.Conv2d(6, 2, 1)

    def forward(self, image: Tensor) -> Tensor:
        return self.head(self.network(image))


def cross_entropy(model: nn.Module, batch: ImageBatch, *, epoch: float = math.inf) -> Losses:
    nll = nn.functional.cross_entropy(model(batch.image), batch.labels[:, 0])
    return Losses(total=nll, metrics={"nll": nll.detach()})


class ToySource:
    """Batches of noise and its sign; ``seen`` and ``loaded`` note what was asked for."""

    def __init__(self, pause: float = 0.0, validation_batches: int = 3) -> None:
        self.pause, self.validation_batches = pause, validation_batches
        self.seen: list[tuple[Target, int, int]] = []
        self.loaded: list[tuple[Target, ...]] = []

    def load(self, targets: Iterable[Target]) -> None:
        self.loaded.append(tuple(targets))

    def steps_per_epoch(self) -> int:
        return STEPS

    def batch(self, target: Target, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        self.seen.append((target, epoch, step))
        time.sleep(self.pause)
        return self.make(1000 * epoch + step, rank, world)

    def validation(self, target: Target, rank: int, world: int) -> Iterator[ImageBatch]:
        for number in range(rank, self.validation_batches, world):
            yield self.make(-1 - number, 0, 1)

    @staticmethod
    def make(seed: int, rank: int, world: int) -> ImageBatch:
        generator = torch.Generator().manual_seed(seed % 2**32)
        image = torch.randn(BATCH, 1, 6, 6, generator=generator)[rank::world]
        return ImageBatch(image=image, labels=(image > 0).long(), case_index=torch.arange(BATCH)[rank::world])


class TerminatedSource(ToySource):
    """SIGTERM arrives in the main process while this batch is made, by whomever."""

    def __init__(self, target: str, epoch: int, step: int) -> None:
        super().__init__()
        self.when, self.main = (target, epoch, step), os.getpid()

    def batch(self, target: str, epoch: int, step: int, rank: int, world: int) -> ImageBatch:
        if (target, epoch, step) == self.when:
            os.kill(self.main, signal.SIGTERM)
        return super().batch(target, epoch, step, rank=rank, world=world)  # type: ignore[arg-type]


def toy_stages(epochs: float = 2) -> list[Stage]:
    return [
        Stage(
            name="warmup",
            target="majority_vote",
            trains=("network",),
            objective=cross_entropy,
            criterion="nll",
            epochs=epochs,
            learning_rate=1e-2,
        ),
        Stage(
            name="joint",
            target="annotated",
            trains=("",),
            objective=cross_entropy,
            criterion="nll",
            epochs=epochs,
            learning_rate=1e-2,
            lr_factors={"head": 0.5},
        ),
    ]


def toy_config(**changes: object) -> LoopConfig:
    values: dict[str, object] = {
        "batch_size": BATCH, "clip_norm": 1.0, "ema_decay": 0.9, "weight_decay": 0.0, "accelerator": "cpu",
        "checkpoint_every": 3,
    }  # fmt: skip
    return LoopConfig(**(values | changes))  # type: ignore[arg-type]


def toy_fit(
    folder: Path,
    model: nn.Module | None = None,
    stages: Sequence[Stage] | None = None,
    source: ToySource | None = None,
    resume: bool = False,
    fingerprint: str = "data",
    **changes: object,
) -> nn.Module:
    folder.mkdir(exist_ok=True)
    model = model or ToyModel(dropout=0.2)
    with Tracker(folder, TrackingConfig(), config={}, group="toy") as tracker:
        fit(
            model, stages or toy_stages(), source or ToySource(), folder, config=toy_config(**changes), seed=1,
            tracker=tracker, fingerprint=fingerprint, resume=resume, case_names=NAMES, progress=False,
        )  # fmt: skip
    return model


if __name__ == "__main__":
    torch.set_num_threads(1)
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--pause", type=float, default=0.0)
    parser.add_argument("--devices", type=int, default=1)
    parser.add_argument("--workers", type=int, default=0)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--accumulate", type=int, default=1)
    asked = parser.parse_args()
    model = ToyModel(asked.dropout)
    model.register_forward_pre_hook(lambda *_: time.sleep(asked.pause))  # batches are made ahead, steps are not
    toy_fit(
        asked.folder, model, source=ToySource(asked.pause), workers=asked.workers, accumulate=asked.accumulate,
        devices=asked.devices, strategy="ddp" if asked.devices > 1 else "auto",
    )  # fmt: skip
