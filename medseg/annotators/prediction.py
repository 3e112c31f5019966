"""A model and one image on the network's grid -> what it believes, everywhere in the image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from monai.data.utils import compute_importance_map, dense_patch_slices
from monai.inferers.utils import sliding_window_inference
from numpy.typing import NDArray
from torch import Tensor, nn

from medseg.annotators.mathematics.averages import annotators_of, truth_probs
from medseg.annotators.nouns import BatchPrediction

WINDOWS_AT_ONCE = 2
ALL, NOBODY = slice(None), slice(0, 0)
"""Of the annotators."""


@torch.inference_mode()
def believe_everywhere(
    model: nn.Module,
    image: NDArray[np.float32],
    *,
    inside: tuple[slice, ...],
    window: Sequence[int],
    overlap: float,
    device: str,
    annotators: slice = ALL,
) -> BatchPrediction:
    """image (C,S...), each S at least the window's -> BatchPrediction of a batch of one, on the CPU.

    An image of the window's size is seen at once, a larger one by overlapping windows blended with Gaussian
    weights (monai.inferers.sliding_window_inference). ``joint_probs`` is the mean over the voxels ``inside``, the
    image's own (the rest is padding), each counted once: where windows overlap, each counts by its share of the
    blend. model: an AnnotatorModel, SeparateNetworks or MeanModel. overlap: of neighbouring windows, as a part of
    their length. annotators: only the maps of these are kept, each bit as of all of them; of ``NOBODY`` no matrix is
    looked at, and ``joint_probs`` is nan.
    """
    model.eval()
    importance = compute_importance_map(tuple(window), mode="gaussian", device=device)
    batch = torch.from_numpy(image)[None].to(device)

    def over_windows(see: Any, **more: Any) -> Any:
        return sliding_window_inference(
            inputs=batch,
            roi_size=tuple(window),
            sw_batch_size=WINDOWS_AT_ONCE,
            predictor=see,
            overlap=overlap,
            roi_weight_map=importance,
            **more,
        )

    if annotators == NOBODY:
        return _without_annotators(over_windows(lambda patches: truth_probs(model, patches)), annotators_of(model))
    shares = _shares(importance, batch.shape[2:], inside=inside, window=window, overlap=overlap)
    joints: list[Tensor] = []

    def believe(patches: Tensor, places: Sequence[Sequence[slice]]) -> tuple[Tensor, Tensor]:
        weights = torch.stack([importance * shares[tuple(place[2:])] for place in places])
        said: BatchPrediction = model.believe(patches, weights)  # pyright: ignore[reportCallIssue]
        joints.extend(said.joint_probs)
        return said.truth_probs, said.annotator_probs[:, annotators].flatten(1, 2)

    truth, every = over_windows(believe, with_coord=True)
    joint_probs = torch.stack(joints).sum(dim=0, keepdim=True)
    return BatchPrediction(
        truth_probs=truth.cpu(),
        annotator_probs=every.unflatten(1, (-1, joint_probs.shape[2])).cpu(),
        joint_probs=joint_probs.cpu(),
    )


def _shares(
    importance: Tensor, shape: Sequence[int], *, inside: tuple[slice, ...], window: Sequence[int], overlap: float
) -> Tensor:
    """(S...) by which an importance becomes a share of the mean over the voxels inside; 0 outside of them."""
    total = importance.new_zeros(tuple(shape))
    steps = [
        length if length == full else max(int(length * (1 - overlap)), 1)
        for length, full in zip(window, shape, strict=True)
    ]  # as sliding_window_inference lays its windows
    for place in dense_patch_slices(tuple(shape), tuple(window), steps):
        total[place] += importance
    shares = torch.zeros_like(total)
    shares[inside] = 1 / total[inside] / total[inside].numel()
    return shares


def _without_annotators(truth: Tensor, annotators: int) -> BatchPrediction:
    classes = truth.shape[1]
    return BatchPrediction(
        truth_probs=truth.cpu(),
        annotator_probs=truth.new_zeros((1, 0, classes, *truth.shape[2:])).cpu(),
        joint_probs=torch.full((1, annotators, classes, classes), torch.nan),
    )


@torch.inference_mode()
def matrices_everywhere(
    model: nn.Module,
    image: NDArray[np.float32],
    *,
    window: Sequence[int],
    overlap: float,
    device: str,
    annotators: slice = ALL,
) -> Tensor:
    """image (C,S...) -> C (A,O,T,S...) on the CPU; model: one with matrices; arguments as in ``believe_everywhere``.

    Where windows overlap C is their blend, whose columns sum to 1 too.
    """
    model.eval()
    blended = sliding_window_inference(
        inputs=torch.from_numpy(image)[None].to(device),
        roi_size=tuple(window),
        sw_batch_size=WINDOWS_AT_ONCE,
        predictor=lambda patches: model.matrices(patches)[:, annotators].flatten(1, 3),  # pyright: ignore[reportCallIssue]
        overlap=overlap,
        roi_weight_map=compute_importance_map(tuple(window), mode="gaussian", device=device),
    )
    assert isinstance(blended, Tensor)
    number = len(range(annotators_of(model))[annotators])
    classes = round((blended.shape[1] / number) ** 0.5)
    return blended[0].unflatten(0, (number, classes, classes)).cpu()
