"""The loop's and the tracker's sections of a config. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medseg.contracts import Positive, Section, Stage

Schedule = Literal["constant", "cosine"]


class PeriodicConfig(Section):
    """The mean of weights sampled in a period, in steps of a stage: the section ``training.periodic``."""

    every: Positive = 10
    """Steps between two samples."""
    period: Positive = 200
    """Steps after which a new mean begins."""
    put_back: bool = True
    """At the end of each period training goes on from its mean (else the weights go their own way)."""

    @model_validator(mode="after")
    def _has_a_sample(self) -> PeriodicConfig:
        if self.period < self.every:
            raise ValueError(f"period: expected at least every ({self.every}), got {self.period}")
        return self


class LoopConfig(Section):
    """What is the same in every stage of a run: the section ``training``, to which a method adds its length."""

    batch_size: Positive = 8
    """Cases per step over all processes."""
    accumulate: Positive = 1
    """In so many equal parts a process computes its share of a batch, one after the other, for one step of their mean
    gradient: a large batch then needs the memory of a small one. Batch norm, and what a loss sums over a batch (an
    overlap of masks), see a part, as they see the share of one of several processes."""
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    """Of AdamW; methods derive that of each stage from it."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-5
    """Of AdamW."""
    schedule: Schedule = "cosine"
    """What the learning rate does over the steps of a stage."""
    clip_norm: Annotated[float, Field(gt=0)] | None = 1.0
    """The largest norm of a gradient (None: any)."""
    average: Literal["none", "ema", "periodic"] = "ema"
    """Of the weights, validated and handed on in their place: the exponential moving average, or the plain mean of
    weights sampled in a period."""
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = 0.99
    """Of the moving average (None: no average, as ``average: none``)."""
    periodic: PeriodicConfig = PeriodicConfig()
    """When the weights are sampled."""
    patience: Positive | None = None
    """End a stage after this many epochs without a better criterion in validation (None: never)."""
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    """As lightning-fabric has it, like the next four."""
    accelerator: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    """On what the run computes."""
    devices: Annotated[int, Field(gt=0, le=256)] = 1
    """Devices per node."""
    num_nodes: Positive = 1
    """Machines that share a step."""
    strategy: Literal["auto", "ddp"] = "auto"
    """How several devices share a step."""
    checkpoint_every: Positive = 200
    """So many steps, and at the end of every epoch."""
    workers: Annotated[int, Field(ge=0, le=256)] = 0
    """Processes that make batches ahead of their step (0: the main process makes each when it is due)."""


class TrackingConfig(Section):
    """Weights & Biases: the section ``tracking``."""

    wandb: Literal["auto", "online", "offline", "off"] = "off"
    """``auto`` is online where a key and a network are there, else offline."""
    project: str = "medseg"
    """W&B's name for what the runs belong to."""
    entity: str | None = None
    """The user or team whose project it is (None: that of the key, or of WANDB_ENTITY)."""
    tags: tuple[Annotated[str, Field(min_length=1, max_length=64)], ...] = ()
    """Words to find the run by."""
    notes: str = ""
    """What the run is for, in a sentence."""


HOW_NOT_WHAT = frozenset(
    {"accumulate", "accelerator", "devices", "num_nodes", "strategy", "checkpoint_every", "workers"}
)
"""Settings that change where and how fast a run is computed, so that a resumed run may have others."""

YOUNGER = {"average": "ema", "periodic": str(PeriodicConfig())}
"""Rows of ``provenance`` that older checkpoints do not have, and with what those were made."""


def provenance(config: LoopConfig, seed: int, stages: Sequence[Stage], fingerprint: str) -> dict[str, str]:
    """What a checkpoint was made with, as text: a run is resumed with the same, or refused."""
    keys = [key for key in LoopConfig.model_fields if key not in HOW_NOT_WHAT | {"learning_rate"}]
    rows = {"seed": str(seed)} | {key: str(getattr(config, key)) for key in keys}
    rows["fingerprint of the data"] = fingerprint
    rows["stages"] = ", ".join(stage.name for stage in stages)
    for stage in stages:
        for key in ("target", "trains", "criterion", "epochs", "learning_rate"):
            rows[f"{stage.name}.{key}"] = str(getattr(stage, key))
        rows[f"{stage.name}.lr_factors"] = str(dict(stage.lr_factors))
        if stage.starts_as:
            rows[f"{stage.name}.starts_as"] = str(dict(stage.starts_as))
        if stage.follows:
            rows[f"{stage.name}.follows"] = f"{dict(stage.follows)}, decay {stage.follow_decay}"
        if stage.must_improve:
            rows[f"{stage.name}.must_improve"] = str(stage.must_improve)
        if stage.least_gain:
            rows[f"{stage.name}.least_gain"] = str(stage.least_gain)
    return rows
