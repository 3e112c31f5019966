"""Shapes that a run of method two has not learnt, each in the place of one of its test objects; for ``shape_prior``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import complete_objects, objects_of_split
from medseg.cohorts import find_cohort, load_objects

Mask = NDArray[np.bool_]
OTHER_CASES = 40
"""So many of another cohort are read."""


def unlike(objects: Sequence[AmodalObject], others: dict[str, list[Mask]]) -> Iterator[tuple[str, list[AmodalObject]]]:
    """The name of each kind, and one shape of it in the place of every object."""
    rng = np.random.default_rng(0)
    seconds = [objects[number] for number in rng.integers(len(objects), size=len(objects)).tolist()]
    for name, masks in others.items():
        yield name, [_in_place(one, _scaled(masks[rng.integers(len(masks))], one)) for one in objects]
    yield "blob", [_in_place(one, _blob(one, rng)) for one in objects]
    yield "union of two", [_in_place(one, _union(one, two)) for one, two in zip(objects, seconds, strict=True)]
    yield "half", [_in_place(one, _half(one.visible, rng)) for one in objects]


def _in_place(amodal_object: AmodalObject, mask: Mask) -> AmodalObject:
    return replace(amodal_object, visible=mask, amodal=mask, occluder=np.zeros_like(mask))


def _scaled(mask: Mask, like: AmodalObject) -> Mask:
    """As many voxels as the object has, or nearly."""
    factor = (np.count_nonzero(like.visible) / np.count_nonzero(mask)) ** (1 / mask.ndim)
    scaled = np.asarray(ndimage.zoom(np.pad(mask, 1).astype(np.float32), factor, order=1))
    return np.pad(scaled, 1) >= 0.5


def _blob(like: AmodalObject, rng: np.random.Generator) -> Mask:
    """The highest voxels of a smooth noise that falls off from the middle, as many as the object has."""
    size, dims = np.count_nonzero(like.visible), like.visible.ndim
    radius = size ** (1 / dims) / 2
    noise = ndimage.gaussian_filter(rng.normal(size=(int(6 * radius) + 4,) * dims), radius / 2)
    places = np.indices(noise.shape).reshape(dims, -1) - (noise.shape[0] - 1) / 2
    height = noise / noise.std() - (np.linalg.norm(places, axis=0) / radius).reshape(noise.shape)
    return height >= np.partition(height.ravel(), -size)[-size]


def _union(one: AmodalObject, other: AmodalObject) -> Mask:
    """Both, crossing in their middles, made as large as the one."""
    shape = np.maximum(one.visible.shape, other.visible.shape)
    both = np.zeros(shape, bool)
    for mask in (one.visible, other.visible):
        first = (shape - mask.shape) // 2
        both[tuple(slice(low, low + length) for low, length in zip(first, mask.shape, strict=True))] |= mask
    return _scaled(both, one)


def _half(mask: Mask, rng: np.random.Generator) -> Mask:
    places = np.argwhere(mask)
    along = (np.indices(mask.shape).T - places.mean(0)) @ rng.normal(size=mask.ndim)
    return mask & (along.T >= 0)


def masks_of(folder: str, dims: int) -> list[Mask]:
    """The complete objects of another cohort; of volumes, for a run of pictures, the slice with most of each."""
    cohort = load_objects(find_cohort(folder))
    cohort = replace(cohort, cases=tuple(replace(case, split="test") for case in cohort.cases[:OTHER_CASES]))
    masks = [one.visible for one in complete_objects(objects_of_split(cohort, "test"), cohort.rules)]
    if masks[0].ndim > dims:
        masks = [mask[..., int(mask.sum((0, 1)).argmax())] for mask in masks]
    return masks
