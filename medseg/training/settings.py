"""The loop's numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from medseg.contracts import Stage
from medseg.training.optimisation import Schedule


@dataclass(frozen=True)
class Settings:
    """The numbers of a run that are the same in every stage.

    batch_size: cases per step over all processes. clip_norm: the largest gradient norm (None: any).
    ema_decay: of the weights' moving average (None: no average).
    patience: end a stage after this many epochs without a better criterion in validation (None: never).
    precision, accelerator, devices (per node), num_nodes, strategy: as lightning-fabric has them.
    checkpoint_every: steps. workers: threads that make batches ahead of their step (0: none).
    """

    seed: int
    batch_size: int
    clip_norm: float | None = None
    ema_decay: float | None = None
    patience: int | None = None
    schedule: Schedule = "cosine"
    weight_decay: float = 0.0
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    strategy: str = "auto"
    checkpoint_every: int = 200
    workers: int = 0
    progress: bool = True


HOW_NOT_WHAT = ("accelerator", "devices", "num_nodes", "strategy", "checkpoint_every", "workers", "progress")
"""Settings that change where and how fast a run is computed, so that a resumed run may have others."""


def provenance(settings: Settings, stages: Sequence[Stage], fingerprint: str) -> dict[str, str]:
    """What a checkpoint was made with, as text: a run is resumed with the same, or refused."""
    rows = {key: str(value) for key, value in asdict(settings).items() if key not in HOW_NOT_WHAT}
    rows["fingerprint of the data"] = fingerprint
    rows["stages"] = ", ".join(stage.name for stage in stages)
    for stage in stages:
        for key in ("view", "trains", "criterion", "epochs", "learning_rate"):
            rows[f"{stage.name}.{key}"] = str(getattr(stage, key))
        rows[f"{stage.name}.lr_factors"] = str(dict(stage.lr_factors))
        if stage.starts_as:
            rows[f"{stage.name}.starts_as"] = str(dict(stage.starts_as))
    return rows
