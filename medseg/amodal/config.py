"""What a run of method two is: typed, frozen sections; most of them stand beside the part that they configure."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from medseg.amodal.network.layout import NetworkConfig, PriorConfig
from medseg.amodal.occlusion.sections import ShowingConfig
from medseg.amodal.stages import AmodalRecipe, EpochsConfig, ObjectiveConfig
from medseg.cohorts import SplitConfig
from medseg.contracts import Positive, Section, Seed
from medseg.training import LoopConfig, TrackingConfig


class AmodalDataConfig(ShowingConfig):
    """Which cohort of label maps, which cases, and how their objects are shown: the section ``data``."""

    cohort: str
    """A folder, looked for below the working directory and then below ``$MEDSEG_DATA``."""
    split: SplitConfig = SplitConfig()
    """Which case is trained on, validated on, tested on."""


class AmodalTrainingConfig(LoopConfig):
    """The loop of method two: the section ``training``."""

    epochs: EpochsConfig = EpochsConfig()
    """Of each stage."""
    objects_per_epoch: Positive | None = None
    """Null: as many as the training split has unoccluded objects."""
    visible_lr_factor: Annotated[float, Field(gt=0)] = 0.25
    """On the learning rate of stage III."""


class AmodalConfig(Section):
    """One run of method two."""

    experiment: str
    """Runs of one experiment are compared."""
    recipe: AmodalRecipe
    """Names the stages; see medseg/amodal/stages.py."""
    seed: Seed = 0
    """Of weights, batches and samples."""
    data: AmodalDataConfig
    """What is learnt from."""
    network: NetworkConfig = NetworkConfig()
    """What learns."""
    prior: PriorConfig = PriorConfig()
    """What is known of shapes before one is seen."""
    objective: ObjectiveConfig = ObjectiveConfig()
    """What is minimised."""
    training: AmodalTrainingConfig = AmodalTrainingConfig()
    """How."""
    tracking: TrackingConfig = TrackingConfig()
    """What is told of it."""

    @model_validator(mode="after")
    def _grids_agree(self) -> AmodalConfig:
        network, frame, found = self.network, self.data.frame, []
        if len(frame.size) not in (2, 3):
            found.append(f"data.frame.size: expected 2 or 3 numbers, got {len(frame.size)}")
        if not network.channels:
            raise ValueError("network.channels: expected at least one level, got []")
        step = network.patch * 2 ** (len(network.channels) - 1)
        if any(length % step for length in frame.size):
            divisor = "network.patch times 2 for every level but the first"
            found.append(f"data.frame.size: expected multiples of {step} ({divisor}), got {list(frame.size)}")
        if network.level >= len(network.channels):
            most = len(network.channels) - 1
            found.append(f"network.level: expected at most {most} (network.channels), got {network.level}")
        if any(width % 4 for width in network.channels):
            found.append(f"network.channels: expected multiples of 4, got {list(network.channels)}")
        if network.dropout and self.recipe != "pcnet":
            found.append(f"network.dropout: expected 0 (recipe {self.recipe} draws from z), got {network.dropout}")
        low, high = self.data.occlusion.occluded
        if low >= high:
            found.append(f"data.occlusion.occluded: expected the lower bound first, got {[low, high]}")
        found += self._prior_complaints()
        if found:
            raise ValueError("\n".join(found))
        return self

    def _prior_complaints(self) -> list[str]:
        prior, size, found = self.prior, self.data.frame.size, []
        if prior.kind == "pixelcnn" and self.recipe == "pcnet":
            found.append("prior.kind: expected gaussian (recipe pcnet learns no shapes), got pixelcnn")
        if prior.kind == "pixelcnn" and any(length % prior.cell for length in size):
            found.append(f"prior.cell: expected a divisor of data.frame.size {list(size)}, got {prior.cell}")
        if prior.kind == "gaussian" and prior.novelty == "nats":
            found.append("prior.novelty: expected visible_misfit (prior.kind gaussian counts no nats), got nats")
        return found
