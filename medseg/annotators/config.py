"""What a run of method one is: the sections that are its own, beside those that stand where they configure.

A config is the record of a claim: one file is one run, complete in itself.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field, model_validator

from medseg.annotators.loading.augmentation import STRONG, Augmentation
from medseg.annotators.loading.grid import Grid
from medseg.annotators.loading.intensity import Intensity
from medseg.annotators.mathematics.settings import (
    LEAST_LEVELS,
    ConfusionConfig,
    EnergyConfig,
    NetworkConfig,
    StepsConfig,
    UnlabelledConfig,
)
from medseg.cohorts import SplitConfig
from medseg.contracts import Positive, Section, Seed
from medseg.training import LoopConfig, TrackingConfig

Recipe = Literal[
    "fused",
    "anchored",
    "shared_truth_global",
    "shared_truth_pixel",
    "per_annotator_global",
    "per_annotator_pixel",
    "soft_mean",
    "majority_vote",
    "staple",
    "unanimous",
    "random_annotator",
    "separate",
    "oracle",
]


class DataConfig(Section):
    """Which cohort, whose labels, which cases, on which grid: the section ``data``."""

    cohort: str
    """A folder, looked for below the working directory and then below ``$MEDSEG_DATA``."""
    annotators: tuple[str, ...] | None = None
    """Whose labels (None: of all persistent annotators of the cohort, but those of ``truth``)."""
    truth: tuple[str, ...] = ()
    """Whose vote stands for the known truth, which is scored against and shown to the oracle alone (none: the cohort's
    own). So a crowd is trained on, and experts judge."""
    labels_per_image: Positive | None = None
    """Keep this many annotators of each training case, drawn once (None: all)."""
    labelled_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """So many of the training cases with labels keep them, one at least, drawn once from ``seed``; those of a smaller
    share are among those of a larger one. The others are cases without labels (``unlabelled``)."""
    split: SplitConfig = SplitConfig()
    """Which case is trained on, validated on, tested on."""
    grid: Grid
    """What the network sees of a case."""
    intensity: Intensity = Intensity()
    """How intensities reach the network."""
    cache: str | None = None
    """A folder in which the cases are kept on the network's grid, to be read patch by patch (None: all in memory). Runs
    and processes share it; it may be deleted at any time."""
    augment: Augmentation = Augmentation()
    """How training cases are changed at random."""
    student_augment: Augmentation = STRONG
    """How a case without labels is changed further, for the student alone (``unlabelled``)."""


class TrainingConfig(LoopConfig):
    """The loop of method one: the section ``training``."""

    steps: StepsConfig = StepsConfig()
    """Of each stage."""
    steps_per_epoch: Positive = 50
    """After so many, and at the end of a stage, the validation cases are looked at."""
    dice_weight: Annotated[float, Field(ge=0)] = 0.0
    """Of the overlap of the truth with its target, beside the likelihood: for classes that are small."""
    energy: EnergyConfig = EnergyConfig()
    """Of the images' energy beside the recipe's objective."""
    selector_steps: Annotated[int, Field(ge=0)] = 0
    """Of a last stage, in which a small network learns under which changes the others see an image best (0: none)."""


class InferenceConfig(Section):
    """How a trained network looks at an image: the section ``inference``; a trained run's may be changed."""

    mirror: bool = False
    """The mean of what is said of the image and of its mirror images, along all combinations of
    ``data.augment.flip_axes``: 4 times the time for two axes, 8 times for three."""
    learned: Annotated[int, Field(ge=0, le=10)] = 0
    """The mean of what is said of the image under so many of ten changes (turned, smaller, other contrast, gamma,
    blurred, sharpened, none): those that the selector of ``training.selector_steps`` expects to be best; as many times
    the time."""


class RunConfig(Section):
    """One run."""

    experiment: str
    """What it belongs to: a folder below runs/, a group of W&B."""
    recipe: Recipe
    """Names the method and its variant; see medseg/annotators/mathematics/stages.py."""
    seed: Seed = 0
    """Of the weights and of all that is drawn in training."""
    data: DataConfig
    """What is trained on."""
    network: NetworkConfig = NetworkConfig()
    """That of the truth."""
    confusion: ConfusionConfig = ConfusionConfig()
    """The annotators' matrices."""
    unlabelled: UnlabelledConfig = UnlabelledConfig()
    """What is learned from training cases without labels."""
    training: TrainingConfig = TrainingConfig()
    """The loop."""
    inference: InferenceConfig = InferenceConfig()
    """The way of prediction and evaluation."""
    tracking: TrackingConfig = TrackingConfig()
    """What is logged where."""

    @model_validator(mode="after")
    def _dimensions_agree(self) -> RunConfig:
        found = [*_not_once(self.data), *_axes(self.data), *self.data.intensity.complaints()]
        found += [*self.network.complaints(), *_levels(self.network, self.data.grid.size)]
        found += self.training.energy.complaints(self.recipe, self.data.grid.size)
        processes = self.training.devices * self.training.num_nodes
        found += self.unlabelled.complaints(self.recipe, self.network, processes)
        if self.inference.mirror and not self.data.augment.flip_axes:
            found.append("inference.mirror: expected data.augment.flip_axes to mirror along, got none")
        if self.inference.learned and not self.training.selector_steps:
            found.append("inference.learned: expected training.selector_steps above 0 for it, got 0")
        if self.training.selector_steps and self.recipe == "separate":
            expected = "expected 0 (recipe separate has a network per annotator)"
            found.append(f"training.selector_steps: {expected}, got {self.training.selector_steps}")
        if found:
            raise ValueError("\n".join(found))
        return self


def _axes(data: DataConfig) -> list[str]:
    """Numbers per axis that are not 2 or 3, or not as many as those of the grid."""
    found, grid, dims = [], data.grid, len(data.grid.size)
    if dims not in (2, 3):
        found.append(f"data.grid.size: expected 2 or 3 numbers, got {list(grid.size)}")
    for key in ("spacing_mm", "spacing_pixels"):
        if (spacing := getattr(grid, key)) is not None and len(spacing) != dims:
            found.append(f"data.grid.{key}: expected {dims} numbers as in size, got {len(spacing)}")
    if grid.spacing_pixels is not None and (grid.spacing_mm is not None or grid.mode != "patch"):
        got = "spacing_mm too" if grid.mode == "patch" else f"mode {grid.mode}"
        found.append(f"data.grid.spacing_pixels: expected mode patch, and no spacing_mm beside it, got {got}")
    for key in ("augment", "student_augment"):
        axes: tuple[int, ...] = getattr(data, key).flip_axes
        if any(axis >= dims or axis < 0 for axis in axes):
            found.append(f"data.{key}.flip_axes: expected axes 0..{dims - 1}, got {axes}")
    return found


def _levels(network: NetworkConfig, size: Sequence[int]) -> list[str]:
    """Levels of ``unet`` and ``dynunet`` that do not fit one another, or the grid (S,)."""
    levels, dims, least = len(network.channels), len(size), LEAST_LEVELS.get(network.name)
    heads = levels - 2 if network.name == "dynunet" else 0
    found = []
    if network.deep_supervision > max(heads, 0):
        expected = f"at most {max(heads, 0)} for {network.name}" + (f" of {levels} levels" if heads > 0 else "")
        found.append(f"network.deep_supervision: expected {expected}, got {network.deep_supervision}")
    if least is None:
        return found
    if levels < least:
        found.append(f"network.channels: expected at least {least} levels, got {list(network.channels)}")
    strides = network.strides or (2,) * (levels - 1)
    if len(strides) != levels - 1:
        found.append(f"network.strides: expected {levels - 1} (one less than channels), got {len(strides)}")
    if network.kernels and len(network.kernels) != levels:
        found.append(f"network.kernels: expected {levels} (as many as channels), got {len(network.kernels)}")
    for key, given in (("strides", strides), ("kernels", network.kernels or ())):
        if any(not isinstance(each, int) and len(each) != dims for each in given):
            found.append(f"network.{key}: expected a number or {dims} numbers per level, got {given}")
    per_axis = [(stride,) * dims if isinstance(stride, int) else stride for stride in strides]
    if all(len(stride) == dims for stride in per_axis):
        found += _too_deep([math.prod(stride[axis] for stride in per_axis) for axis in range(dims)], size)
    return found


def _too_deep(products: Sequence[int], size: Sequence[int]) -> list[str]:
    """A grid (S,) that the products of all strides (S,) do not divide, or leave one voxel of."""
    found = []
    if math.prod(size) <= math.prod(products):
        expected = f"more than {list(products)}, of which one voxel is left on the last level"
        found.append(f"data.grid.size: expected {expected}, got {list(size)}")
    for axis, (length, product) in enumerate(zip(size, products, strict=True)):
        if length % product:
            found.append(f"data.grid.size: expected axis {axis} divisible by {product} (network.strides), got {length}")
    return found


def _not_once(data: DataConfig) -> list[str]:
    """Lists that name something twice, or nobody."""
    found, axes, names, voters = [], data.augment.flip_axes, data.annotators, data.truth
    if len(set(axes)) < len(axes):
        found.append(f"data.augment.flip_axes: expected each axis once, got {list(axes)}")
    if names is not None and (not names or len(set(names)) < len(names)):
        found.append(f"data.annotators: expected at least one name (or null), each once, got {list(names)}")
    if len(set(voters)) < len(voters):
        found.append(f"data.truth: expected each name once, got {list(voters)}")
    if both := [name for name in voters if name in (names or ())]:
        found.append(f"data.truth: expected nobody of data.annotators, got {', '.join(dict.fromkeys(both))}")
    return found
