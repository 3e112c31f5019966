"""What a run of method two is: typed, frozen sections beside those that both methods share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from medseg.cohorts.splits import SplitConfig
from medseg.contracts import Fraction, Positive, Section
from medseg.training.settings import LoopConfig, TrackingConfig

AmodalRecipe = Literal["three_stages", "without_occluded", "without_visible", "pcnet"]
Weight = Annotated[float, Field(ge=0)]
Length = Annotated[float, Field(gt=0)]


class FrameConfig(Section):
    """How a frame is laid around an object: its grid, and what a voxel of it measures.

    spacing: in mm, in pixels for a picture without a scale; null: as large as lets the object fill the frame.
    margin: an object that, times this, is longer than the frame is shown smaller, at most ``reduction`` times.
    align: turn the frame along the object's principal axes.
    """

    size: tuple[Positive, ...]
    spacing: Length | None = None
    margin: Annotated[float, Field(ge=1)] = 1.25
    reduction: Annotated[float, Field(ge=1)] = 2.0
    align: bool = True


class OcclusionConfig(Section):
    """What hides unoccluded objects in training, and how sloppy masks are made.

    kinds: of the occluder, equally likely. occluded: least and greatest part of the object. nothing: part of the draws
    that hide nothing. mask_jitter: voxels by which visible part and occluder are dilated or eroded at random.
    """

    kinds: tuple[Literal["object", "bar", "half_space", "blob", "slices"], ...] = ("object",)
    occluded: tuple[Fraction, Fraction] = (0.05, 0.6)
    nothing: Fraction = 0.2
    mask_jitter: Annotated[int, Field(ge=0)] = 0


class AmodalDataConfig(Section):
    """Which cohort of label maps, which cases, in which frames, occluded by what.

    cohort: a folder, looked for below the working directory and then below ``$MEDSEG_DATA``.
    mirror: mirror images are as likely as the objects themselves (not where left and right differ).
    """

    cohort: str
    split: SplitConfig = SplitConfig()
    frame: FrameConfig
    occlusion: OcclusionConfig = OcclusionConfig()
    mirror: bool = True


class AmodalNetworkConfig(Section):
    """Encoders, decoder and the rival's U-Net; see medseg/amodal/model.py for each number."""

    channels: tuple[Positive, ...] = (32, 64, 64)
    patch: Positive = 2
    coarse: Positive = 32
    fine: Positive = 4
    level: Annotated[int, Field(ge=0)] = 1


class ObjectiveConfig(Section):
    """The weights of each stage's terms; see medseg/amodal/objective.py.

    beta, free_bits, warmup (epochs): the divergence of stage I. partial_beta: that of stages II and III from the
    prior. gamma: stage II's from q1. delta: stage III's from stage II. occluder_weight: w.
    known_background: stage III also sees where the object cannot be.
    """

    beta: Weight = 1.0
    free_bits: Weight = 0.05
    warmup: Weight = 5.0
    partial_beta: Weight = 0.1
    gamma: Weight = 1.0
    delta: Weight = 1.0
    occluder_weight: Annotated[float, Field(ge=1)] = 5.0
    known_background: bool = False


class AmodalEpochsConfig(Section):
    """Epochs of each stage; the rival gets their sum."""

    complete: Positive = 20
    occluded: Positive = 40
    visible: Positive = 5


class AmodalTrainingConfig(LoopConfig):
    """The loop of method two.

    objects_per_epoch: null: as many as the training split has unoccluded objects. visible_lr_factor: on the learning
    rate of stage III.
    """

    epochs: AmodalEpochsConfig = AmodalEpochsConfig()
    objects_per_epoch: Positive | None = None
    visible_lr_factor: Length = 0.25


class AmodalConfig(Section):
    """One run of method two. The recipe names its stages; see medseg/amodal/stages.py."""

    experiment: str
    recipe: AmodalRecipe
    seed: int = 0
    data: AmodalDataConfig
    network: AmodalNetworkConfig = AmodalNetworkConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    training: AmodalTrainingConfig = AmodalTrainingConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _grids_agree(self) -> AmodalConfig:
        network, frame, found = self.network, self.data.frame, []
        if len(frame.size) not in (2, 3):
            found.append(f"data.frame.size: expected 2 or 3 numbers, got {len(frame.size)}")
        step = network.patch * 2 ** (len(network.channels) - 1)
        if any(length % step for length in frame.size):
            divisor = "network.patch times 2 for every level but the first"
            found.append(f"data.frame.size: expected multiples of {step} ({divisor}), got {list(frame.size)}")
        if network.level >= len(network.channels):
            most = len(network.channels) - 1
            found.append(f"network.level: expected at most {most} (network.channels), got {network.level}")
        if any(width % 4 for width in network.channels):
            found.append(f"network.channels: expected multiples of 4, got {list(network.channels)}")
        low, high = self.data.occlusion.occluded
        if low >= high:
            found.append(f"data.occlusion.occluded: expected the lower bound first, got {[low, high]}")
        if found:
            raise ValueError("\n".join(found))
        return self
