"""A model and one image on the network's grid -> what it believes, everywhere in the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data.utils import compute_importance_map
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from medseg.annotators.mathematics.model import AnnotatorModel
from medseg.annotators.nouns import BatchPrediction

WINDOWS_AT_ONCE = 2


@torch.inference_mode()
def believe_everywhere(
    model: nn.Module,
    image: NDArray[np.float32],
    *,
    inside: tuple[slice, ...],
    window: Sequence[int],
    overlap: float,
    device: str,
) -> BatchPrediction:
    """image (C,S...), each S at least the window's -> BatchPrediction of a batch of one, on the CPU.

    An image of the window's size is seen at once, a larger one by overlapping windows blended with Gaussian
    weights (monai.inferers.sliding_window_inference). ``joint_probs`` is the mean over the voxels ``inside``, the
    image's own (the rest is padding), each counted once: where windows overlap, each counts by its share of the
    blend. model: an AnnotatorModel or SeparateNetworks. overlap: of neighbouring windows, as a part of their length.
    """
    model.eval()
    importance = compute_importance_map(tuple(window), mode="gaussian", device=device)
    batch = torch.from_numpy(image)[None].to(device)

    def over_windows(see: Any) -> Any:
        return sliding_window_inference(
            inputs=batch,
            roi_size=tuple(window),
            sw_batch_size=WINDOWS_AT_ONCE,
            predictor=see,
            overlap=overlap,
            roi_weight_map=importance,
            with_coord=True,
        )

    total = batch.new_zeros(batch.shape[2:])

    def add_importance(patches: Tensor, places: Sequence[Sequence[slice]]) -> Tensor:
        for place in places:
            total[tuple(place[2:])] += importance
        return patches[:, :1]

    over_windows(add_importance)
    shares = torch.zeros_like(total)
    shares[inside] = 1 / total[inside] / total[inside].numel()
    joints: list[Tensor] = []

    def believe(patches: Tensor, places: Sequence[Sequence[slice]]) -> tuple[Tensor, Tensor]:
        weights = torch.stack([importance * shares[tuple(place[2:])] for place in places])
        said: BatchPrediction = model.believe(patches, weights)  # pyright: ignore[reportCallIssue]
        joints.extend(said.joint_probs)
        return said.truth_probs, said.annotator_probs.flatten(1, 2)

    truth_probs, annotator_probs = over_windows(believe)
    joint_probs = torch.stack(joints).sum(dim=0, keepdim=True)
    annotator_probs = annotator_probs.unflatten(1, joint_probs.shape[1:3])
    return BatchPrediction(
        truth_probs=truth_probs.cpu(), annotator_probs=annotator_probs.cpu(), joint_probs=joint_probs.cpu()
    )


@torch.inference_mode()
def matrices_everywhere(
    model: AnnotatorModel, image: NDArray[np.float32], *, window: Sequence[int], overlap: float, device: str
) -> Tensor:
    """image (C,S...) -> C (A,O,T,S...) on the CPU; arguments as in ``believe_everywhere``.

    Where windows overlap C is their blend, whose columns sum to 1 too.
    """
    model.eval()
    blended = sliding_window_inference(
        inputs=torch.from_numpy(image)[None].to(device),
        roi_size=tuple(window),
        sw_batch_size=WINDOWS_AT_ONCE,
        predictor=lambda patches: model.matrices(patches).flatten(1, 3),
        overlap=overlap,
        roi_weight_map=compute_importance_map(tuple(window), mode="gaussian", device=device),
    )
    assert isinstance(blended, Tensor)
    classes = round((blended.shape[1] / model.annotators) ** 0.5)
    return blended[0].unflatten(0, (model.annotators, classes, classes)).cpu()
