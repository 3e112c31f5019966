"""Frames: the piece of space around an object that the completing network sees, and the way back.

A frame is an affine map from the network's grid to the voxels of a label map, so that anisotropic voxels,
scaling and rotation are one resampling in either direction.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.occlusion.resampling import resampled
from medseg.amodal.occlusion.sections import FrameConfig


@dataclass(frozen=True, kw_only=True)
class Frame:
    """Grid index g -> map index ``matrix @ g + offset``."""

    matrix: NDArray[np.float64]
    """(S,S) map voxels per grid voxel, with the turn of the axes."""
    offset: NDArray[np.float64]
    """(S,) map index of the grid's first voxel."""
    size: tuple[int, ...]
    """(S,) of the grid."""
    reduction: float
    """By how much the object is shown smaller than ``FrameConfig.spacing`` asks for (1: not at all)."""

    @property
    def voxels(self) -> float:
        """Of the map, in a voxel of the grid."""
        return float(abs(np.linalg.det(self.matrix)))


def frame_around(visible: NDArray[np.bool_], rules: FrameConfig, spacing_mm: Sequence[float] | None) -> Frame:
    """The frame of an object, a function of its visible part (S...) alone: its box, along its principal axes.

    spacing_mm: (S,) of the map. The axes' signs follow the third moment of the visible part, so that an object and
    its copy turned by 180 degrees have frames that show the same.
    """
    voxel = np.asarray(spacing_mm or (1.0,) * visible.ndim, np.float64)
    places = np.argwhere(visible).astype(np.float64) * voxel
    axes = _principal_axes(places) if rules.align else np.eye(visible.ndim)
    along = places @ axes
    low, high = along.min(0), along.max(0)
    size = np.asarray(rules.size)
    fitting = float(((high - low + voxel.min()) * rules.margin / size).max())
    step = fitting if rules.spacing is None else max(rules.spacing, fitting)
    matrix = (axes * step) / voxel[:, None]
    centre = axes @ ((low + high) / 2) / voxel
    offset = centre - matrix @ ((size - 1) / 2)
    return Frame(matrix=matrix, offset=offset, size=rules.size, reduction=step / (rules.spacing or step))


def frame_of(amodal_object: AmodalObject, rules: FrameConfig) -> Frame:
    """The same, on the crop of an object."""
    return frame_around(amodal_object.visible, rules, amodal_object.spacing_mm)


def fits(amodal_object: AmodalObject, rules: FrameConfig) -> bool:
    """Whether the object is not larger than its frame allows."""
    return frame_of(amodal_object, rules).reduction <= rules.reduction


def to_frame(arrays: NDArray[np.generic], frame: Frame) -> NDArray[np.float32]:
    """(...,S...) of the map, any number of arrays -> (...,s...) of the frame, linearly; outside the map lies nothing.

    Where the frame's voxels are larger than the map's, the map is smoothed first (Gaussian, half a voxel).
    """
    values = arrays.astype(np.float32)
    steps = np.linalg.norm(frame.matrix, axis=1)
    if steps.max() > 1.1:
        widths = 0.5 * np.sqrt(np.maximum(steps**2 - 1, 0))
        few = (0.0,) * (values.ndim - len(steps))
        values = np.asarray(ndimage.gaussian_filter(values, (*few, *widths), mode="constant"), np.float32)
    return resampled(values, frame.matrix, frame.offset, frame.size)


def from_frame(arrays: NDArray[np.floating], frame: Frame, shape: Sequence[int]) -> NDArray[np.float32]:
    """(...,s...) of the frame -> (...,S...) of a map of this shape, linearly; outside of the frame lies nothing."""
    inverse = np.linalg.inv(frame.matrix)
    return resampled(arrays.astype(np.float32), inverse, -inverse @ frame.offset, shape)


def _principal_axes(places: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,S) -> (S,S), a rotation; column k is the axis of the k-th largest second moment."""
    centred = places - places.mean(0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    along = centred @ axes
    skew = (along * along * along).sum(0)  # a power of 3 takes many times as long
    axes = axes * np.where(skew < 0, -1.0, 1.0)
    if np.linalg.det(axes) < 0:
        axes[:, -1] *= -1
    return axes
