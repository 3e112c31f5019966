"""Where a case lies on the grid that the network sees: the way there, and its exact way back.

A placement is computed once per case: orientation, resampling, padding. Probabilities are interpolated linearly, and
are normalised again. Nothing of medseg is imported: an exported bundle carries a copy of this file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, kw_only=True)
class Placement:
    """How one case lies on the network's grid: turned, resampled, padded."""

    orientation: NDArray[np.floating] | None
    """(S,2) nibabel orientation of the file (axes permuted and flipped to RAS+); None for pictures."""
    oriented_shape: tuple[int, ...]
    """(S,) of the case once it is turned."""
    resized_shape: tuple[int, ...]
    """(S,) to which it is resampled then."""
    before: tuple[int, ...]
    """(S,) voxels of padding before it, up to the grid."""
    after: tuple[int, ...]
    """(S,) voxels of padding behind it."""

    @property
    def inside(self) -> tuple[slice, ...]:
        """The image's own voxels on the network's grid; the rest is padding."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.resized_shape, strict=True))

    @property
    def shape(self) -> tuple[int, ...]:
        """(S,) of the case on the network's grid, padding and all."""
        return tuple(map(sum, zip(self.before, self.resized_shape, self.after, strict=True)))


@dataclass(frozen=True, kw_only=True)
class Window:
    """(min(max(x, low), high) - mean) / deviation, by the same numbers in every case."""

    low: float
    """In the units of the files, as the next three."""
    high: float
    """Above it."""
    mean: float
    """Subtracted."""
    deviation: float
    """Divided by."""
    channels: Sequence[int] | None = None
    """Of these alone; None: of all."""


def place(
    shape: Sequence[int],
    affine: NDArray[np.float64],
    spacing_mm: Sequence[float] | None,
    *,
    size: Sequence[int],
    whole: bool,
    to_mm: Sequence[float] | None = None,
    to_pixels: Sequence[float] | None = None,
) -> Placement:
    """Where a case of this shape (S,), affine (4,4) and spacing lies on a grid of ``size`` (S,).

    whole: it is fitted into ``size`` with its aspect in mm kept; else it is resampled to the spacing ``to_mm``, or
    ``to_pixels`` (of its own, with a scale or without; neither: as it is), and padded to at least ``size``.
    """
    orientation = _orientation(affine) if len(shape) == 3 and spacing_mm else None
    lengths, steps = np.asarray(shape), np.asarray(spacing_mm or (1.0,) * len(shape))
    if orientation is not None:
        order = np.argsort(orientation[:, 0])
        lengths, steps = lengths[order], steps[order]
    if whole:
        scale = (np.asarray(size) / (lengths * steps)).min() * steps
    else:
        scale = 1 / np.asarray(to_pixels) if to_pixels else steps / np.asarray(to_mm or steps)
    resized = np.maximum(np.round(lengths * scale).astype(int), 1)
    missing = np.maximum(np.asarray(size) - resized, 0)
    before = missing // 2
    return Placement(
        orientation=orientation,
        oriented_shape=tuple(lengths.tolist()),
        resized_shape=tuple(resized.tolist()),
        before=tuple(before.tolist()),
        after=tuple((missing - before).tolist()),
    )


def image_to_grid(
    image: NDArray[np.generic], placement: Placement, *, window: Window | None = None, nonzero: bool = False
) -> NDArray[np.float32]:
    """(C,S...) on the file's grid -> (C,S...) on the network's grid, each channel with mean 0 and deviation 1.

    window: in place of that, of its channels. nonzero: mean and deviation are those of ``filled``, the rest is 0.
    """
    values = image.astype(np.float32)
    fixed = slice(None) if window is None or window.channels is None else list(window.channels)
    if window is not None:
        values[fixed] = (np.clip(values[fixed], window.low, window.high) - window.mean) / window.deviation
    if nonzero:
        seen = filled(values)
        values[:, seen] = standardised(values[:, seen])
    resized = resize(orient(values, placement), placement.resized_shape, linear=True)
    normal = resized if nonzero else standardised(resized)
    if window is not None:
        normal[fixed] = resized[fixed]
    widths = [(0, 0), *zip(placement.before, placement.after, strict=True)]
    return np.pad(normal, widths) if np.any(widths) else normal


def standardised(maps: NDArray[np.float32]) -> NDArray[np.float32]:
    """(C,...) -> each channel with mean 0 and deviation 1; a constant one is 0."""
    axes = tuple(range(1, maps.ndim))
    deviation = maps.std(axes, keepdims=True)
    return (maps - maps.mean(axes, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)


def filled(image: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(C,S...) -> (S...) the voxels that are not 0 in some channel, and those that they enclose (as in nnU-Net)."""
    from scipy.ndimage import binary_fill_holes

    return np.asarray(binary_fill_holes((image != 0).any(axis=0)), bool)


def probs_to_native(probs: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(N,S...) maps on the network's grid -> the file's grid, linearly (the exact way back of the placement)."""
    restored = resize(probs[(slice(None), *placement.inside)], placement.oriented_shape, linear=True)
    if placement.orientation is None:
        return restored
    import nibabel as nib

    ras = nib.orientations.axcodes2ornt("RAS")
    back = nib.orientations.ornt_transform(ras, placement.orientation)
    return np.stack([nib.orientations.apply_orientation(channel, back) for channel in restored])


def _orientation(affine: NDArray[np.float64]) -> NDArray[np.floating]:
    import nibabel as nib

    return nib.orientations.io_orientation(affine)


def orient(maps: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(N,S...) on the file's grid -> turned to RAS+, as the placement wants it."""
    if placement.orientation is None:
        return maps
    import nibabel as nib

    return np.stack([nib.orientations.apply_orientation(channel, placement.orientation) for channel in maps])


def resize(maps: NDArray[np.float32], shape: Sequence[int], linear: bool) -> NDArray[np.float32]:
    """(N,S...) -> (N, *shape), linearly, smoothed before where it shrinks; or the nearest voxel."""
    if tuple(maps.shape[1:]) == tuple(shape):
        return maps
    import torch
    from monai.transforms.spatial.array import Resize

    if not linear:
        return Resize(shape, mode="nearest-exact")(torch.from_numpy(maps.copy())).numpy()
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    smaller = any(new < old for new, old in zip(shape, maps.shape[1:], strict=True))
    return Resize(shape, mode=mode, anti_aliasing=smaller)(torch.from_numpy(maps.copy())).numpy()
