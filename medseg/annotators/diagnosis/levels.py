"""What a network makes of an image level by level: the last output of every stretch of layers on one grid."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from medseg.annotators.mathematics.model import TrueLabelNetwork

IMAGE = "image"
"""The name of the level that comes before all others: the image itself."""


@dataclass(frozen=True, kw_only=True)
class Level:
    """Features of one level at some voxels of the network's grid."""

    name: str
    """Its place on the way through the network, and its grid: ``2: 7x7``."""
    values: NDArray[np.float32]
    """(N,F) of the voxel of the level's grid in which each of the N voxels lies."""


@dataclass(kw_only=True)
class _Heard:
    """What a network's modules said, one after the other."""

    size: torch.Size
    """(S,) of the image."""
    found: list[Tensor] = field(default_factory=list)
    """(1,F,.) of each level."""

    def hear(self, module: nn.Module, inputs: Any, output: Any) -> None:
        """A hook on a module; what lies on the grid of the one before takes its place."""
        if not isinstance(output, Tensor) or not _coarser(output.shape[2:], self.size):
            return
        if self.found and self.found[-1].shape[2:] == output.shape[2:]:
            self.found.pop()
        self.found.append(output.detach())


@torch.no_grad()
def levels_at(network: TrueLabelNetwork, image: Tensor, voxels: NDArray[np.integer]) -> list[Level]:
    """image (C,S...) and voxels (N,S) of it -> the image's own values there, then every level's, in their order.

    A level is a stretch of modules of ``network.backbone`` on one grid, be they nested or in line; its features are
    what the last of them says, which is the outermost. What lies on no grid that divides the image's is no level.
    """
    size = image.shape[1:]
    with _listening(network.backbone, size) as heard:
        network(image[None])
    tensors = [image[None], *heard.found]
    names = [IMAGE, *(f"{n}: {_text(one.shape[2:])}" for n, one in enumerate(heard.found, start=1))]
    return [Level(name=name, values=_gathered(one[0], size, voxels)) for name, one in zip(names, tensors, strict=True)]


@contextmanager
def _listening(backbone: nn.Module, size: torch.Size) -> Iterator[_Heard]:
    heard = _Heard(size=size)
    hooks = [module.register_forward_hook(heard.hear) for module in backbone.modules()]
    try:
        yield heard
    finally:
        for hook in hooks:
            hook.remove()


def _coarser(grid: torch.Size, size: torch.Size) -> bool:
    """Whether a grid (S,) is the image's, or one of which each voxel is a block of voxels of the image."""
    return len(grid) == len(size) and all(n and m % n == 0 for n, m in zip(grid, size, strict=True))


def _gathered(features: Tensor, size: torch.Size, voxels: NDArray[np.integer]) -> NDArray[np.float32]:
    """(F,.) -> (N,F) at voxels (N,S) of a grid of ``size`` (S,)."""
    there = [
        torch.from_numpy(places * n // m)
        for places, n, m in zip(voxels.T.astype(np.int64), features.shape[1:], size, strict=True)
    ]
    return features[(slice(None), *there)].T.float().cpu().numpy()


def _text(grid: torch.Size) -> str:
    return "x".join(map(str, grid))
