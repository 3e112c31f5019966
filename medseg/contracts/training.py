"""What the loop is given: batches, objectives, stages."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to import, and half of the rooms do not need it
    from torch import Tensor, nn


Target = str
"""What a stage is shown of a case: a word of the method's own, such as the annotators' labels, a consensus of them, or
the known truth; an object unoccluded, synthetically occluded, or really occluded."""


class Batch(Protocol):
    """What a step of training sees: tensors of a method's own, and whose they are."""

    @property
    def case_index(self) -> Tensor:
        """(B,) the position of each case, or object, in ``Parts.case_names``."""
        ...


@dataclass(kw_only=True)
class Losses:
    """What an objective makes of one batch."""

    total: Tensor
    """() what is minimised."""
    metrics: dict[str, Tensor]
    """Name -> () what is only looked at, detached; among them the stage's ``criterion``."""


class Objective(Protocol):
    """Owns its forward pass: the loop knows neither the model nor the batch.

    One that is a module of torch may keep buffers, which it changes itself in training: they are saved and resumed with
    the stage, on one device.
    """

    def __call__(self, model: nn.Module, batch: Any, *, epoch: float = math.inf) -> Losses:
        """The losses of one batch, as the stage's target has it.

        epoch: of the stage, with the part of it that is done (2.5: in the middle of the third), for terms that set
        in gradually; infinite in validation, in which alone the metric ``Stage.overlap`` is asked for.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One row of a method: how a case is shown, what moves, what is minimised."""

    name: str
    """Also that of its folder in the run folder."""
    target: Target
    """How a case is shown."""
    trains: tuple[str, ...]
    """Prefixes of the names of the parameters that move; all others are frozen ("": all move)."""
    objective: Objective
    """What is minimised."""
    criterion: str
    """Which of the objective's metrics, lower being better, the best weights of the stage have on validation cases."""
    epochs: float
    """At most so many; of a fraction the last one is that much shorter than the others."""
    learning_rate: float
    """Of AdamW, before schedule and factors."""
    lr_factors: Mapping[str, float] = field(default_factory=dict)
    """Prefix of parameter names -> factor on the learning rate (the longest matching prefix wins; default 1)."""
    starts_as: Mapping[str, str] = field(default_factory=dict)
    """Child of the model -> child whose weights it takes over when the stage begins; what that has not, it keeps."""
    follows: Mapping[str, str] = field(default_factory=dict)
    """Child of the model -> child whose moving average it is: after each step its weights are ``follow_decay`` of
    themselves and the rest of the other's; buffers are copied."""
    follow_decay: float = 0.99
    """Of all that follow."""
    must_improve: bool = False
    """The weights with which it begins are validated too, and stay where no epoch has a lower criterion."""
    least_gain: float = 0.0
    """Of ``must_improve``: lower by this part of it, for validation cases are few."""
    overlap: str = ""
    """Metric that the objective adds in validation, from 0 to 1, to be read beside the criterion; "": none."""
    looks: Callable[[nn.Module, Any], object] | None = None
    """How the network that moves looks at a batch, nothing else: with it the batch norms under averaged weights count
    anew what they see. None: there are none."""


@dataclass(frozen=True, kw_only=True)
class MaskPicture:
    """An image under label maps, as a dashboard shows it during training."""

    name: str
    """Of the case, or object."""
    image: NDArray[np.generic]
    """(H,W) or (H,W,3)."""
    masks: Mapping[str, NDArray[np.integer]]
    """What a map is -> (H,W) class indices, or UNLABELLED."""
    class_names: tuple[str, ...]
    """By class index."""


class Draw(Protocol):
    """What a model says of validation, to be looked at while it is trained."""

    def __call__(self, model: nn.Module, batch: Any) -> Sequence[MaskPicture]:
        """Pictures of the first cases of a batch; draws no random number."""
        ...
