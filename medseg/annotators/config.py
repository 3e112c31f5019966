"""What a run is: typed, frozen sections without room for a key that nobody reads.

A config is the record of a claim: one file is one run, complete in itself.
"""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medseg.cohorts.splits import SplitConfig
from medseg.contracts import Fraction, Positive, Section
from medseg.training.settings import LoopConfig, TrackingConfig

Recipe = Literal[
    "anchored",
    "shared_truth_global",
    "shared_truth_pixel",
    "per_annotator_global",
    "per_annotator_pixel",
    "soft_mean",
    "majority_vote",
    "staple",
    "random_annotator",
    "separate",
    "oracle",
]


class GridConfig(Section):
    """The grid that the network sees.

    mode ``resize``: the whole image, aspect kept, padded to ``size``; mode ``patch``: the image resampled to
    ``spacing_mm`` (null: as it is), patches of ``size`` in training, a sliding window in prediction.
    """

    mode: Literal["resize", "patch"] = "resize"
    size: tuple[Positive, ...]
    spacing_mm: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    foreground_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    overlap: Fraction = 0.25


class AugmentConfig(Section):
    """Random changes of a training case: flips along these axes, contrast and brightness, noise."""

    flip_axes: tuple[int, ...] = ()
    rotate90: bool = False
    intensity: Annotated[float, Field(ge=0)] = 0.0
    noise: Annotated[float, Field(ge=0)] = 0.0


class DataConfig(Section):
    """Which cohort, whose labels, which cases, on which grid.

    cohort: a folder, looked for below the working directory and then below ``$MEDSEG_DATA``.
    labels_per_image: keep this many annotators of each training case (drawn once), None: all.
    """

    cohort: str
    annotators: tuple[str, ...] | None = None
    labels_per_image: Positive | None = None
    split: SplitConfig = SplitConfig()
    grid: GridConfig
    augment: AugmentConfig = AugmentConfig()


class NetworkConfig(Section):
    """The true-label network: a MONAI U-Net with residual units."""

    channels: tuple[Positive, ...] = (16, 32, 64)
    strides: tuple[Positive | tuple[Positive, ...], ...] | None = None
    residual_units: Annotated[int, Field(ge=0)] = 2
    features: Positive = 16
    dropout: Fraction = 0.0


class ConfusionConfig(Section):
    """The annotators' confusion matrices.

    trace_weight: lambda of Zhang et al. 2020, Eq. 4 (the trace is minimised in the joint stage).
    lr_factor: on the learning rate of the global logits, which must travel several units.
    assignment: of a voxel's truth in the joint stage of shared truth: ``soft`` weighs every class by its posterior
    (EM), ``hard`` takes the most probable one (classification EM), which drifts less to one annotator's style, but
    learns nothing where a voxel has a single label.
    trunk: width of the convolutions between the features and the per-pixel confusion logits.
    """

    trace_weight: Annotated[float, Field(ge=0)] = 0.0
    lr_factor: Annotated[float, Field(gt=0)] = 10.0
    assignment: Literal["soft", "hard"] = "hard"
    trunk: Positive = 32


class EpochsConfig(Section):
    """Epochs of each stage. A recipe of one stage, as a baseline is, gets the sum: the same budget for all."""

    warmup: Positive = 15
    joint: Positive = 35


class TrainingConfig(LoopConfig):
    """The loop of method one."""

    epochs: EpochsConfig = EpochsConfig()


class RunConfig(Section):
    """One run. The recipe names the method and its variant; see medseg/annotators/stages.py."""

    experiment: str
    recipe: Recipe
    seed: int = 0
    data: DataConfig
    network: NetworkConfig = NetworkConfig()
    confusion: ConfusionConfig = ConfusionConfig()
    training: TrainingConfig = TrainingConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _dimensions_agree(self) -> RunConfig:
        grid, dims = self.data.grid, len(self.data.grid.size)
        levels = len(self.network.channels) - 1
        strides = self.network.strides or (2,) * levels
        found = []
        if grid.spacing_mm is not None and len(grid.spacing_mm) != dims:
            found.append(f"data.grid.spacing_mm: expected {dims} numbers as in size, got {len(grid.spacing_mm)}")
        if any(axis >= dims or axis < 0 for axis in self.data.augment.flip_axes):
            found.append(f"data.augment.flip_axes: expected axes 0..{dims - 1}, got {self.data.augment.flip_axes}")
        if len(strides) != levels:
            found.append(f"network.strides: expected {levels} (one less than channels), got {len(strides)}")
        per_axis = [(stride,) * dims if isinstance(stride, int) else stride for stride in strides]
        if any(len(stride) != dims for stride in per_axis):
            found.append(f"network.strides: expected a number or {dims} numbers per level, got {strides}")
        else:
            for axis, length in enumerate(grid.size):
                product = math.prod(stride[axis] for stride in per_axis)
                if length % product:
                    found.append(
                        f"data.grid.size: expected axis {axis} divisible by {product} (network.strides), got {length}"
                    )
        if found:
            raise ValueError("\n".join(found))
        return self
