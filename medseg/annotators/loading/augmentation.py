"""Random changes of training cases: one object holds what was drawn, pure functions apply it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from medseg.annotators.loading.appearance import (
    Appearance,
    BiasField,
    Blur,
    Brightness,
    Contrast,
    Gamma,
    LowResolution,
    WhiteNoise,
    apply_appearance,
    draw_bias,
)
from medseg.annotators.loading.rand_augment import RandAugment, draw_rand
from medseg.annotators.loading.warping import Elastic, Rotation, Scaling, Warp, draw_warp
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
    rotation: Rotation = Rotation()
    """By any angle."""
    scaling: Scaling = Scaling()
    """Larger and smaller."""
    elastic: Elastic = Elastic()
    """Smooth displacements."""
    gamma: Gamma = Gamma()
    """Powers of the intensities."""
    contrast: Contrast = Contrast()
    """Around the mean."""
    brightness: Brightness = Brightness()
    """Multiplied."""
    bias_field: BiasField = BiasField()
    """Brightness that varies over the image, as a coil's does in MR."""
    blur: Blur = Blur()
    """Gaussian."""
    white_noise: WhiteNoise = WhiteNoise()
    """Of some cases."""
    low_resolution: LowResolution = LowResolution()
    """As if scanned with larger voxels."""
    rand: RandAugment | None = None
    """A few changes at one magnitude, in place of all that have a probability (null: those)."""

    @model_validator(mode="after")
    def _one_way(self) -> Augmentation:
        parts = {name: getattr(self, name) for name in type(self).model_fields}
        beside = [name for name, part in parts.items() if getattr(part, "probability", 0)]
        if self.rand is not None and beside:
            raise ValueError(f"rand: expected probability 0 of all changes beside it, got {', '.join(beside)}")
        return self


STRONG = Augmentation(
    rotation=Rotation(probability=0.3),
    scaling=Scaling(probability=0.3, factors=(0.8, 1.25)),
    gamma=Gamma(probability=0.5),
    contrast=Contrast(probability=0.5),
    brightness=Brightness(probability=0.5),
    blur=Blur(probability=0.3),
    white_noise=WhiteNoise(probability=0.3),
    low_resolution=LowResolution(probability=0.3),
)
"""What a student sees of a case whose labels are its teacher's."""


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
    appearance: Appearance
    """Of the intensities, before gain and shift."""
    warp: Warp | None = None
    """Rotation, scaling and elastic deformation, before all others."""


def draw(augmentation: Augmentation, size: Sequence[int], rng: np.random.Generator) -> Draw:
    """Draw the parameters of one change of a patch of ``size`` (S,); a quarter turn only where it keeps the shape."""
    turned = augmentation.rotate90 and size[0] == size[1]
    return Draw(
        flips=tuple(axis for axis in augmentation.flip_axes if rng.random() < 0.5),
        quarter_turns=int(rng.integers(4)) if turned else 0,
        gain=float(np.exp(rng.normal(0, augmentation.intensity))),
        shift=float(rng.normal(0, augmentation.intensity)),
        noise_seed=int(rng.integers(2**31)),
        **_draw_parts(augmentation, size, rng),
    )


def _draw_parts(augmentation: Augmentation, size: Sequence[int], rng: np.random.Generator) -> dict[str, Any]:
    """Appearance and warp: each with its probability, or those of ``rand``."""
    if augmentation.rand is not None:
        appearance, warp = draw_rand(augmentation.rand, size, rng)
        return {"appearance": appearance, "warp": warp}
    parts = {"rotation": augmentation.rotation, "scaling": augmentation.scaling, "elastic": augmentation.elastic}
    warp = draw_warp(size, rng, **parts)
    return {"appearance": _draw_appearance(augmentation, len(size), rng), "warp": warp}


def _draw_appearance(augmentation: Augmentation, dims: int, rng: np.random.Generator) -> Appearance:
    """Each number is drawn whether it is wanted or not: one kind does not change what another draws."""

    def drawn(probability: float, ranges: tuple[float, float]) -> float | None:
        wanted, value = rng.random() < probability, float(rng.uniform(*ranges))
        return value if wanted else None

    gamma, bias = augmentation.gamma, augmentation.bias_field
    coefficients = draw_bias(bias.strength, dims, rng)
    return Appearance(
        noise=drawn(augmentation.white_noise.probability, (0.0, augmentation.white_noise.deviation)),
        blur=drawn(augmentation.blur.probability, augmentation.blur.sigmas),
        bias=coefficients if rng.random() < bias.probability else None,
        brightness=drawn(augmentation.brightness.probability, augmentation.brightness.factors),
        contrast=drawn(augmentation.contrast.probability, augmentation.contrast.factors),
        resolution=drawn(augmentation.low_resolution.probability, augmentation.low_resolution.factors),
        gamma=drawn(gamma.probability, gamma.exponents),
        negated=bool(rng.random() < gamma.negated),
    )


def apply_space(maps: NDArray[Number], change: Draw) -> NDArray[Number]:
    """Flip and turn (N,S...) maps; image and labels get the same change."""
    flipped = np.flip(maps, tuple(axis + 1 for axis in change.flips))
    return np.rot90(flipped, change.quarter_turns, axes=(1, 2))


def apply_intensity(image: NDArray[np.float32], change: Draw, noise: float) -> NDArray[np.float32]:
    """a(image) * gain + shift + noise: a the change of appearance, noise the standard deviation of white noise."""
    changed = apply_appearance(image, change.appearance, change.noise_seed) * change.gain + change.shift
    if noise:
        changed = changed + np.random.default_rng(change.noise_seed).normal(0, noise, image.shape)
    return changed.astype(np.float32)
