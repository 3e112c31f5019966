"""A few random changes, all of one magnitude: two numbers to search (RandAugment, Cubuk et al., CVPRW 2020)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
from pydantic import Field

from medseg.annotators.loading.appearance import Appearance, draw_bias
from medseg.annotators.loading.warping import Elastic, Warp, draw_controls, planes, rotation_matrix, scaling_matrix
from medseg.contracts import Section

MOST = 10.0
"""The magnitude at which every change is the largest of its kind."""


class RandAugment(Section):
    """n different changes of a case, each as likely as any other, all at magnitude m of 10: ``data.augment.rand``.

    Of rotation (to 30 degrees about each axis), scaling (to 1.5 or 1/1.5), shear (to 0.3), elastic deformation (to 6
    voxels), gamma (to 2 or 1/2), contrast (to 2 or 1/2), bias field (to 0.5), blur (to 2 voxels), noise (to 0.5), low
    resolution (to a quarter), and none; those of space first, as one resampling, all annotators of a case together.
    """

    n: Annotated[int, Field(ge=1, le=11)] = 2
    """How many."""
    m: Annotated[float, Field(ge=0, le=MOST)] = 5.0
    """Their magnitude, from 0 to 10."""


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What has been drawn so far."""

    warp: Warp
    """Of space."""
    appearance: Appearance
    """Of intensities."""


@dataclass(frozen=True, kw_only=True)
class Lot:
    """What a kind of change is drawn with."""

    size: Sequence[int]
    """(S,) of the patch."""
    share: float
    """m / 10."""
    rng: np.random.Generator
    """Of signs and places."""

    def signed(self, most: float) -> float:
        """share * most, up or down."""
        return self.share * most * (1 if self.rng.random() < 0.5 else -1)

    def factor(self, most: float) -> float:
        """most^share, or one over it."""
        return math.exp(self.signed(math.log(most)))


def draw_rand(rand: RandAugment, size: Sequence[int], rng: np.random.Generator) -> tuple[Appearance, Warp | None]:
    """One change of a patch of ``size`` (S,); None: it is not moved."""
    unmoved = Warp(matrix=np.eye(len(size)))
    lot = Lot(size=size, share=rand.m / MOST, rng=rng)
    changes = Changes(warp=unmoved, appearance=Appearance())
    for name in rng.choice(list(KINDS), rand.n, replace=False):
        changes = KINDS[str(name)](changes, lot)
    return changes.appearance, None if changes.warp is unmoved else changes.warp


def _rotated(changes: Changes, lot: Lot) -> Changes:
    matrix = changes.warp.matrix
    for plane in planes(lot.size):
        matrix = matrix @ rotation_matrix(len(lot.size), plane, lot.signed(30))
    return replace(changes, warp=replace(changes.warp, matrix=matrix))


def _scaled(changes: Changes, lot: Lot) -> Changes:
    matrix = changes.warp.matrix @ scaling_matrix(lot.size, lot.factor(1.5))
    return replace(changes, warp=replace(changes.warp, matrix=matrix))


def _sheared(changes: Changes, lot: Lot) -> Changes:
    across = np.eye(len(lot.size))
    places = planes(lot.size)
    across[places[lot.rng.integers(len(places))]] = lot.signed(0.3)
    return replace(changes, warp=replace(changes.warp, matrix=changes.warp.matrix @ across))


def _bent(changes: Changes, lot: Lot) -> Changes:
    if not lot.share:
        return changes
    controls = draw_controls(lot.size, lot.rng, Elastic(deviation=6 * lot.share))
    return replace(changes, warp=replace(changes.warp, controls=controls))


def _gamma(changes: Changes, lot: Lot) -> Changes:
    negated = bool(lot.rng.random() < 0.5)
    return replace(changes, appearance=replace(changes.appearance, gamma=lot.factor(2), negated=negated))


def _contrast(changes: Changes, lot: Lot) -> Changes:
    return replace(changes, appearance=replace(changes.appearance, contrast=lot.factor(2)))


def _biased(changes: Changes, lot: Lot) -> Changes:
    bias = draw_bias(0.5 * lot.share, len(lot.size), lot.rng)
    return replace(changes, appearance=replace(changes.appearance, bias=bias))


def _blurred(changes: Changes, lot: Lot) -> Changes:
    return replace(changes, appearance=replace(changes.appearance, blur=2 * lot.share))


def _noisy(changes: Changes, lot: Lot) -> Changes:
    return replace(changes, appearance=replace(changes.appearance, noise=0.5 * lot.share))


def _coarse(changes: Changes, lot: Lot) -> Changes:
    return replace(changes, appearance=replace(changes.appearance, resolution=0.25**lot.share))


def _unchanged(changes: Changes, _: Lot) -> Changes:
    return changes


KINDS: Mapping[str, Callable[[Changes, Lot], Changes]] = {
    "rotation": _rotated,
    "scaling": _scaled,
    "shear": _sheared,
    "elastic": _bent,
    "gamma": _gamma,
    "contrast": _contrast,
    "bias_field": _biased,
    "blur": _blurred,
    "noise": _noisy,
    "low_resolution": _coarse,
    "none": _unchanged,
}
"""What may be drawn."""
