"""A model and one image on the network's grid -> what it believes, everywhere in the image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from medseg.contracts import Beliefs


class Believer(Protocol):
    """An annotator model, or a baseline of it."""

    def believe(self, image: Tensor) -> Beliefs:
        """image (B,C,S...) -> Beliefs."""
        ...


@dataclass(frozen=True)
class Maps:
    """Beliefs about one case on the network's grid: truth (T,S...), annotators (A,O,S...), joint (A,O,T)."""

    truth_probs: NDArray[np.float32]
    annotator_probs: NDArray[np.float32]
    joint_probs: NDArray[np.float32]


@torch.inference_mode()
def believe_everywhere(
    model: nn.Module, image: NDArray[np.float32], window: Sequence[int], overlap: float, device: str
) -> Maps:
    """image (C,S...), each S at least the window's -> Maps.

    An image of the window's size is seen at once, a larger one by overlapping windows blended with Gaussian
    weights (monai.inferers.sliding_window_inference); ``joint_probs`` is the mean over the windows.
    """
    model.eval()
    joints: list[Tensor] = []
    shape: list[int] = []

    def predict(patch: Tensor) -> Tensor:
        beliefs: Beliefs = model.believe(patch)  # pyright: ignore[reportCallIssue]
        joints.extend(beliefs.joint_probs.cpu())
        shape[:] = beliefs.annotator_probs.shape[1:3]
        return torch.cat([beliefs.truth_probs, beliefs.annotator_probs.flatten(1, 2)], dim=1)

    batch = torch.from_numpy(image)[None].to(device)
    maps = sliding_window_inference(batch, tuple(window), 2, predict, overlap=overlap, mode="gaussian")
    assert isinstance(maps, Tensor)
    probs = maps[0].cpu().numpy()
    classes = shape[1]
    return Maps(
        probs[:classes],
        probs[classes:].reshape(*shape, *probs.shape[1:]),
        torch.stack(joints).mean(0).numpy(),
    )
