"""The crop on which an object lies: where it meets the map, made larger, laid back onto the map."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject

Window = tuple[slice, ...]
Mask = NDArray[np.bool_]
Voxel = TypeVar("Voxel", bound=np.generic)


def windows(shape: Sequence[int], size: Sequence[int], first: NDArray[np.integer]) -> tuple[Window, Window]:
    """Where a box of ``size`` whose first voxel lies at ``first`` meets a canvas: in the canvas, and in the box."""
    ends = [
        (max(int(at), 0), max(min(int(at) + many, length), 0))
        for at, many, length in zip(first, size, shape, strict=True)
    ]
    inner = tuple(slice(start - int(at), max(stop - int(at), 0)) for (start, stop), at in zip(ends, first, strict=True))
    return tuple(slice(start, stop) for start, stop in ends), inner


def padded(amodal_object: AmodalObject, margin: Sequence[int]) -> AmodalObject:
    """The same object on a larger crop: ``margin`` more voxels on either side of each axis, with nothing in them."""
    width = [(m, m) for m in margin]
    corner = tuple(c - m for c, m in zip(amodal_object.corner, margin, strict=True))
    return replace(changed(amodal_object, lambda mask: np.pad(mask, width)), corner=corner)


def cut(amodal_object: AmodalObject, box: Window) -> AmodalObject:
    """The same object on a part of its crop."""
    corner = tuple(c + axis.start for c, axis in zip(amodal_object.corner, box, strict=True))
    return replace(changed(amodal_object, lambda mask: mask[box]), corner=corner)


def changed(amodal_object: AmodalObject, change: Callable[[Mask], Mask]) -> AmodalObject:
    """The object with the same done to each of its masks."""
    occluder, amodal = amodal_object.occluder, amodal_object.amodal
    return replace(
        amodal_object,
        visible=change(amodal_object.visible),
        occluder=None if occluder is None else change(occluder),
        hiders=tuple(replace(hider, mask=change(hider.mask)) for hider in amodal_object.hiders),
        amodal=None if amodal is None else change(amodal),
    )


def on_map(array: NDArray[Voxel], amodal_object: AmodalObject) -> NDArray[Voxel]:
    """An array (S...) of the object's crop on the grid of its map: nothing around it, what sticks out cut off."""
    placed = np.zeros(amodal_object.map_shape, array.dtype)
    there, here = windows(amodal_object.map_shape, array.shape, np.asarray(amodal_object.corner))
    placed[there] = array[here]
    return placed
