"""Sizes and spacings -> what the network sees of a case, and how deep the network is: sums, nothing is read.

The rules are those of nnU-Net (Isensee et al., Nature Methods 2021) as far as two cores carry them: medians decide, a
patch is as long in mm along each axis, and an axis is pooled as long as the feature map keeps 4 voxels and the spacings
of the level stay alike. What is planned there by the memory of a GPU is a number of voxels here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PATCH_VOXELS = {2: 160**2, 3: 40**3}
"""Of what the network gets at once."""
STEP_VOXELS = {2: 4 * 160**2, 3: 2 * 40**3}
"""Of a batch: a step then takes a core half a second or less, in bfloat16 where it computes that by hardware."""
MOST_BATCH = 8
"""Cases."""
MOST_PATCHES = 64
"""As much as fills so many patches is kept of a case in the middle: a finer spacing would make prediction slow."""
WHOLE_SIDE = 256
"""A picture is shown whole where its longest side is not longer, in pixels."""
SQUARE = 2 / 3
"""A grid is square where no side is shorter than this part of the longest: so pictures may be turned."""
MOST_POOLINGS = 4
LEAST_SIDE = 4
"""Voxels of an axis of the last feature map."""
ALIKE = 2
"""An axis is pooled as long as its spacing is less than so many times the finest of the level."""
FIRST_WIDTH = 16
"""Channels of the first level, doubled with each; half of nnU-Net's, which a GPU carries."""
MOST_HEADS = 2
"""So many coarser levels are taught the truth."""


@dataclass(frozen=True, kw_only=True)
class Geometry:
    """What the network sees, and its levels."""

    mode: Literal["resize", "patch"]
    """As ``data.grid.mode``."""
    size: tuple[int, ...]
    """(S,) voxels."""
    spacing: tuple[float, ...] | None
    """(S,) in mm, or in pixels where not everything has a scale: of mode patch, None where it is that of the files."""
    strides: tuple[tuple[int, ...], ...]
    """Between the levels, each (S,)."""
    kernels: tuple[tuple[int, ...], ...]
    """Of the convolutions of each level, each (S,): 1 along an axis that is coarse beside the others."""
    batch_size: int
    """Cases per step."""

    @property
    def channels(self) -> tuple[int, ...]:
        """Of each level."""
        return tuple(FIRST_WIDTH * 2**level for level in range(len(self.strides) + 1))

    @property
    def heads(self) -> int:
        """How many coarser levels are taught; the two coarsest ones never are."""
        return min(max(len(self.strides) - 1, 0), MOST_HEADS)


def planned_geometry(shape: Sequence[float], spacing: Sequence[float], *, scaled: bool, cases: int) -> Geometry:
    """Of a case in the middle: shape (S,) in voxels, spacing (S,) in mm, or 1 where nothing is ``scaled``.

    cases: how many are trained on.
    """
    lengths, steps = np.asarray(shape, float), np.asarray(spacing, float)
    extent = lengths * steps
    whole = len(lengths) == 2 and extent.max() / steps.min() <= WHOLE_SIDE
    if whole:
        steps = np.ones(2)
        wanted = _whole(extent, min(extent.max() / steps.min(), math.sqrt(PATCH_VOXELS[2])))
    else:
        lengths = filled(lengths, extent, MOST_PATCHES * PATCH_VOXELS[len(lengths)])
        steps = extent / lengths
        wanted = filled(lengths, 1 / steps, PATCH_VOXELS[len(lengths)])
    wanted[wanted.argmax()] = max(wanted.max(), 2 * LEAST_SIDE)
    strides = poolings(wanted, steps)
    multiples = np.prod(strides, axis=0)
    size = np.maximum(np.round(wanted / multiples), 1) * multiples
    as_stored = whole or (not scaled and bool((steps == 1).all()))
    return Geometry(
        mode="resize" if whole else "patch",
        size=tuple(int(side) for side in size),
        spacing=None if as_stored else tuple(float(f"{step:.3g}") for step in steps),
        strides=strides,
        kernels=kernels(steps, strides),
        batch_size=min(max(round(STEP_VOXELS[len(lengths)] / size.prod()), 2), MOST_BATCH, cases),
    )


def filled(lengths: Floats, weights: Floats, most: float) -> Floats:
    """(S,) min(length, x weight) with the x that makes their product ``most``; the lengths where theirs is not larger.

    >>> filled(np.array([100.0, 100.0, 4.0]), np.ones(3), most=1600)
    array([20., 20.,  4.])
    """
    full = np.zeros(len(lengths), bool)
    while not full.all():
        room = most / lengths[full].prod() / weights[~full].prod()
        sides = np.where(full, lengths, weights * room ** (1 / np.count_nonzero(~full)))
        if (sides < lengths)[~full].all():
            return sides
        full |= sides >= lengths
    return lengths.copy()


def poolings(size: Sequence[float] | Floats, spacing: Sequence[float] | Floats) -> tuple[tuple[int, ...], ...]:
    """Strides (S,) between the levels: 2 along each axis that is long enough, and not coarse beside the others.

    >>> poolings((64, 64, 12), (1, 1, 3))
    ((2, 2, 1), (2, 2, 2), (2, 2, 1), (2, 2, 1))
    """
    sides, steps = np.asarray(size, float), np.asarray(spacing, float)
    strides: list[tuple[int, ...]] = []
    while len(strides) < MOST_POOLINGS:
        able = sides / 2 >= LEAST_SIDE
        if not able.any():
            break
        stride = np.where(able & (steps < ALIKE * steps[able].min()), 2, 1)
        sides, steps = sides / stride, steps * stride
        strides.append(tuple(stride.tolist()))
    return tuple(strides)


def kernels(spacing: Sequence[float] | Floats, strides: Sequence[Sequence[int]]) -> tuple[tuple[int, ...], ...]:
    """(S,) of each level: 3 along the axes whose spacing there is less than twice the finest, 1 along the others.

    >>> kernels((1, 1, 3), ((2, 2, 1), (2, 2, 2)))
    ((3, 3, 1), (3, 3, 3), (3, 3, 3))
    """
    steps = np.cumprod(
        np.array([np.asarray(spacing, float), *(np.asarray(stride, float) for stride in strides)]), axis=0
    )
    return tuple(tuple(np.where(step < ALIKE * step.min(), 3, 1).tolist()) for step in steps)


def _whole(extent: Floats, side: float) -> Floats:
    """A picture of this extent (S,) on a grid with so many pixels along its longest side; square where it nearly is."""
    shares = extent / extent.max()
    return side * (np.ones_like(shares) if shares.min() >= SQUARE else shares)
