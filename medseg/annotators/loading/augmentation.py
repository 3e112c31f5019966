"""Random changes of training cases: one object holds what was drawn, pure functions apply it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medseg.contracts import Section

Number = TypeVar("Number", bound=np.generic)


class Augmentation(Section):
    """The ranges from which random changes are drawn: the section ``data.augment``."""

    flip_axes: tuple[int, ...] = ()
    """Axes along which every second case is mirrored."""
    rotate90: bool = False
    """Quarter turns in the first two axes, where they have one length."""
    intensity: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of the logarithm of the contrast, and of the brightness."""
    noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation of white noise."""


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One random change."""

    flips: tuple[int, ...]
    """The axes to mirror."""
    quarter_turns: int
    """In the first two axes."""
    gain: float
    """On the image."""
    shift: float
    """Added to the image."""
    noise_seed: int
    """Of the noise."""


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
    *,
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
