"""A model and one image on the network's grid -> what it believes, everywhere in the image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medseg.annotators.mathematics.averages import annotators_of, truth_probs
from medseg.annotators.nouns import BatchPrediction
from medseg.annotators.predicting.windows import Place, Slab, Windows

ALL, NOBODY = slice(None), slice(0, 0)
"""Of the annotators."""


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

    An image of the window's size is seen at once, a larger one by overlapping windows blended with Gaussian weights
    (``windows``). ``joint_probs`` is the mean over the voxels ``inside``, the image's own (the rest is padding), each
    counted once: where windows overlap, each counts by its share of the blend. model: an AnnotatorModel,
    SeparateNetworks or MeanModel. overlap: of neighbouring windows, as a part of their length. annotators: only the
    maps of these are kept, each bit as of all of them; of ``NOBODY`` no matrix is looked at, and ``joint_probs`` is
    nan.
    """
    joints: list[Tensor] = []
    where: dict[str, Any] = {"inside": inside, "window": window, "overlap": overlap, "device": device}
    maps = _together(believed_slabs(model, image, joints=joints, annotators=annotators, **where), image.shape[1:])
    number = len(range(annotators_of(model))[annotators])
    classes = len(maps) // (number + 1)
    nothing = torch.full((1, annotators_of(model), classes, classes), torch.nan)
    return BatchPrediction(
        truth_probs=maps[None, :classes],
        annotator_probs=maps[classes:].unflatten(0, (number, classes))[None],
        joint_probs=joint_of(joints) if joints else nothing,
    )


@torch.inference_mode()
def believed_slabs(
    model: nn.Module,
    image: NDArray[np.float32],
    *,
    inside: tuple[slice, ...],
    window: Sequence[int],
    overlap: float,
    device: str,
    annotators: slice,
    joints: list[Tensor],
) -> Iterator[Slab]:
    """Slabs of p[t] and, after it, q^(a)[o] of these annotators; ``joints`` gets what ``joint_of`` sums.

    Arguments else as in ``believe_everywhere``.
    """
    model.eval()
    windows = Windows.over(image.shape[1:], window, overlap=overlap, device=device)
    own = torch.zeros_like(windows.total, dtype=torch.bool)
    own[inside] = True
    voxels = own[inside].numel()

    def believe(patches: Tensor, places: Sequence[Place]) -> Sequence[Tensor]:
        if annotators == NOBODY:
            return [truth_probs(model, patches)]
        shares = [own[place] / windows.total[place] / voxels for place in places]
        weights = torch.stack([windows.importance * share for share in shares])
        said: BatchPrediction = model.believe(patches, weights)  # pyright: ignore[reportCallIssue]
        joints.extend(said.joint_probs)
        return said.truth_probs, said.annotator_probs[:, annotators].flatten(1, 2)

    yield from windows.blended(torch.from_numpy(image)[None].to(device), believe)


def joint_of(joints: Sequence[Tensor]) -> Tensor:
    """(1,A,O,T) on the CPU: the mean over the image, of the shares (A,O,T) of its windows."""
    return torch.stack(list(joints)).sum(dim=0, keepdim=True).cpu()


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

    def see(patches: Tensor, _: Sequence[Place]) -> Sequence[Tensor]:
        return [model.matrices(patches)[:, annotators].flatten(1, 3)]  # pyright: ignore[reportCallIssue]

    windows = Windows.over(image.shape[1:], window, overlap=overlap, device=device)
    maps = _together(windows.blended(torch.from_numpy(image)[None].to(device), see), image.shape[1:])
    number = len(range(annotators_of(model))[annotators])
    classes = round((len(maps) / number) ** 0.5)
    return maps.unflatten(0, (number, classes, classes))


def _together(slabs: Iterator[Slab], space: Sequence[int]) -> Tensor:
    """Slabs (N,planes,S...) -> (N,S...) on the CPU."""
    first = next(slabs)
    maps = torch.empty(len(first.maps), *space)
    for slab in chain([first], slabs):
        maps[:, slab.first : slab.first + slab.maps.shape[1]] = slab.maps.cpu()
    return maps
