"""Where an object may be completed, and the way there from the network's grid."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.growth import attached, may_grow
from medseg.amodal.occlusion.frames import Frame, frame_of
from medseg.amodal.occlusion.sections import FrameConfig

NUMBERS_AT_ONCE = 2**26
"""Samples come from the grid in portions of no more numbers than that: 256 MiB."""


@dataclass(frozen=True, kw_only=True)
class Room:
    """The voxels that a completion may add to an object, and what the network says of them."""

    shown: AmodalObject
    """The object, with its crop."""
    allowed: NDArray[np.bool_]
    """(S...) of the crop, see ``may_grow``; V voxels."""
    way: sparse.csr_array
    """(V,G) from the G voxels of the network's grid to those, see ``way_to``."""
    gap: int
    """Voxels across which what grows still belongs to the object, see ``attached``."""

    @staticmethod
    def around(shown: AmodalObject, config: FrameConfig, gap: int = 0, anywhere: bool = False) -> Room:
        """That of an object in its frame."""
        allowed = may_grow(shown, gap, anywhere)
        return Room(shown=shown, allowed=allowed, way=way_to(np.argwhere(allowed), frame_of(shown, config)), gap=gap)

    def at_allowed(self, grids: torch.Tensor) -> NDArray[np.float32]:
        """(N,1,s...) of the network's grid -> (V,N) at the voxels that may be added."""
        return self.way @ np.ascontiguousarray(grids.flatten(1).float().cpu().numpy().T)

    def probs(self, likely: NDArray[np.floating]) -> NDArray[np.float32]:
        """(V,) at the voxels that may be added -> (S...) of the crop: 1 where it is visible, 0 elsewhere."""
        found = self.shown.visible.astype(np.float32)
        found[self.allowed] = likely
        return found

    def samples(
        self, grids: torch.Tensor, levels: NDArray[np.float64], factors: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """(M,1,s...) of the network's grid, times (V,); cut n modulo M at level n of (N,) -> (N,S...) of the crop.

        None where there are no grids.
        """
        draws, count = len(grids), len(levels) if len(grids) else 0
        wanted = np.zeros((count, *self.allowed.shape), bool)
        portion = max(1, NUMBERS_AT_ONCE // max(np.count_nonzero(self.allowed), 1))
        for start in range(0, draws, portion):
            likely = self.at_allowed(grids[start : start + portion]) * factors[:, None]
            for number in range(count):
                if 0 <= number % draws - start < likely.shape[1]:
                    wanted[number, self.allowed] = likely[:, number % draws - start] >= levels[number]
        return self.grown(wanted)

    def grown(self, wanted: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """(N,S...) the visible part, and of the voxels wanted beside it, all allowed, those that are no islands."""
        return attached(wanted, self.shown.visible, self.gap) | self.shown.visible


def way_to(places: NDArray[np.integer], frame: Frame) -> sparse.csr_array:
    """(V,S) indices of the map -> (V,G), the weights of the G grid voxels of a frame whose sum is the value there.

    Linear interpolation, each voxel from the 2^S around its place; outside of the frame lies nothing. ``from_frame`` at
    these places, for any number of grids at once.
    """
    inverse = np.linalg.inv(frame.matrix)
    on_grid = (places - frame.offset) @ inverse.T
    size = np.asarray(frame.size)
    inside = ((on_grid > -1) & (on_grid < size)).all(1)
    low = np.floor(on_grid[inside]).astype(np.int64)
    part = on_grid[inside] - low
    corners = np.array(list(itertools.product((0, 1), repeat=len(size))))
    at = low[:, None] + corners  # (V',2^S,S)
    weights = np.where(corners, part[:, None], 1 - part[:, None]).prod(-1)
    weights[((at < 0) | (at >= size)).any(-1)] = 0
    columns = np.ravel_multi_index(tuple(np.moveaxis(at, -1, 0)), frame.size, mode="clip")
    rows = np.concatenate([[0], np.cumsum(inside * len(corners))])
    content = (weights.astype(np.float32).ravel(), columns.astype(np.int32).ravel(), rows)
    return sparse.csr_array(content, shape=(len(places), int(size.prod())))
