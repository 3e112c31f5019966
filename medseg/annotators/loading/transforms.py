"""From the file's grid to the grid that the network sees, and back; random changes of training cases.

A placement is computed once per case and is exactly undone: orientation, resampling, padding.
Labels are never interpolated linearly; probabilities are, and are normalised again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import nibabel as nib
import numpy as np
import torch
from monai.transforms.spatial.array import Resize
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Placement:
    """How one case lies on the network's grid.

    orientation: (S,2) nibabel orientation of the file (axes permuted and flipped to RAS+), None for pictures.
    oriented_shape -> resized_shape by resampling -> padded by ``before`` and ``after`` voxels to the grid.
    """

    orientation: NDArray[np.floating] | None
    oriented_shape: tuple[int, ...]
    resized_shape: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]

    @property
    def inside(self) -> tuple[slice, ...]:
        """The image's own voxels on the network's grid; the rest is padding."""
        return tuple(slice(b, b + n) for b, n in zip(self.before, self.resized_shape, strict=True))


def place(
    shape: Sequence[int],
    affine: NDArray[np.float64],
    spacing_mm: Sequence[float] | None,
    mode: str,
    size: Sequence[int],
    target_spacing_mm: Sequence[float] | None,
) -> Placement:
    """Where a case of this shape lies: ``resize`` fits it whole into ``size`` with its aspect in mm kept,
    ``patch`` resamples it to the target spacing and pads it to at least ``size``."""
    orientation = nib.orientations.io_orientation(affine) if len(shape) == 3 and spacing_mm else None
    lengths, steps = np.asarray(shape), np.asarray(spacing_mm or (1.0,) * len(shape))
    if orientation is not None:
        order = np.argsort(orientation[:, 0])
        lengths, steps = lengths[order], steps[order]
    if mode == "resize":
        scale = (np.asarray(size) / (lengths * steps)).min() * steps
    else:
        scale = steps / np.asarray(target_spacing_mm if target_spacing_mm else steps)
    resized = np.maximum(np.round(lengths * scale).astype(int), 1)
    missing = np.maximum(np.asarray(size) - resized, 0)
    before = missing // 2
    return Placement(
        orientation,
        tuple(int(n) for n in lengths),
        tuple(int(n) for n in resized),
        tuple(int(n) for n in before),
        tuple(int(n) for n in missing - before),
    )


def image_to_grid(image: NDArray[np.generic], placement: Placement) -> NDArray[np.float32]:
    """(C,S...) on the file's grid -> (C,S...) on the network's grid, each channel with mean 0 and deviation 1."""
    oriented = _orient(image.astype(np.float32), placement)
    resized = _resize(oriented, placement.resized_shape, linear=True)
    axes = tuple(range(1, resized.ndim))
    deviation = resized.std(axes, keepdims=True)
    normal = (resized - resized.mean(axes, keepdims=True)) / np.where(deviation > 0, deviation, 1.0)
    return np.pad(normal, [(0, 0), *zip(placement.before, placement.after, strict=True)]).astype(np.float32)


def labels_to_grid(labels: NDArray[np.integer], placement: Placement) -> NDArray[np.int16]:
    """(A,S...) class indices -> the network's grid by nearest neighbour; padding is UNLABELLED."""
    resized = _resize(_orient(labels.astype(np.float32), placement), placement.resized_shape, linear=False)
    widths = [(0, 0), *zip(placement.before, placement.after, strict=True)]
    return np.pad(np.rint(resized).astype(np.int16), widths, constant_values=UNLABELLED)


def probs_to_native(probs: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    """(N,S...) maps on the network's grid -> the file's grid, linearly (the exact way back of the placement)."""
    restored = _resize(probs[(slice(None), *placement.inside)], placement.oriented_shape, linear=True)
    if placement.orientation is None:
        return restored
    ras = nib.orientations.axcodes2ornt("RAS")
    back = nib.orientations.ornt_transform(ras, placement.orientation)
    return np.stack([nib.orientations.apply_orientation(channel, back) for channel in restored])


def _orient(maps: NDArray[np.float32], placement: Placement) -> NDArray[np.float32]:
    if placement.orientation is None:
        return maps
    return np.stack([nib.orientations.apply_orientation(channel, placement.orientation) for channel in maps])


def _resize(maps: NDArray[np.float32], shape: Sequence[int], linear: bool) -> NDArray[np.float32]:
    if tuple(maps.shape[1:]) == tuple(shape):
        return maps
    if not linear:
        return Resize(shape, mode="nearest-exact")(torch.from_numpy(maps.copy())).numpy()
    mode = "bilinear" if len(shape) == 2 else "trilinear"
    smaller = any(new < old for new, old in zip(shape, maps.shape[1:], strict=True))
    return Resize(shape, mode=mode, anti_aliasing=smaller)(torch.from_numpy(maps.copy())).numpy()


# -------------------------------------------------------------------------------------- augmentation
@dataclass(frozen=True)
class Augmentation:
    """The ranges from which random changes are drawn; see AugmentConfig for the meaning."""

    flip_axes: tuple[int, ...] = ()
    rotate90: bool = False
    intensity: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Draw:
    """One random change: which axes to flip, quarter turns in the first two axes, image * gain + shift, noise."""

    flips: tuple[int, ...]
    quarter_turns: int
    gain: float
    shift: float
    noise_seed: int


def draw(augmentation: Augmentation, square: bool, rng: np.random.Generator) -> Draw:
    """Draw the parameters of one change; a quarter turn only where it keeps the shape."""
    return Draw(
        flips=tuple(axis for axis in augmentation.flip_axes if rng.random() < 0.5),
        quarter_turns=int(rng.integers(4)) if augmentation.rotate90 and square else 0,
        gain=float(np.exp(rng.normal(0, augmentation.intensity))),
        shift=float(rng.normal(0, augmentation.intensity)),
        noise_seed=int(rng.integers(2**31)),
    )


def apply_space(maps: NDArray[Number], change: Draw) -> NDArray[Number]:
    """Flip and turn (N,S...) maps; image and labels get the same change."""
    flipped = np.flip(maps, tuple(axis + 1 for axis in change.flips))
    return np.rot90(flipped, change.quarter_turns, axes=(1, 2))


def apply_intensity(image: NDArray[np.float32], change: Draw, noise: float) -> NDArray[np.float32]:
    """image * gain + shift + noise, noise being the standard deviation of white noise."""
    changed = image * change.gain + change.shift
    if noise:
        changed = changed + np.random.default_rng(change.noise_seed).normal(0, noise, image.shape)
    return changed.astype(np.float32)


def crop_corner(
    shape: Sequence[int],
    size: Sequence[int],
    foreground: NDArray[np.integer],
    fraction: float,
    rng: np.random.Generator,
) -> tuple[int, ...]:
    """The corner of a random patch; with probability ``fraction`` it holds a voxel of ``foreground`` (N,S)."""
    room = np.asarray(shape) - np.asarray(size)
    if len(foreground) and rng.random() < fraction:
        centre = foreground[rng.integers(len(foreground))]
        corner = centre - rng.integers(0, np.asarray(size))
        return tuple(int(c) for c in np.clip(corner, 0, room))
    return tuple(int(rng.integers(r + 1)) for r in room)
