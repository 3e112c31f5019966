"""What a completion is measured against: rivals that learn nothing, or nothing but a store of shapes."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import convex_hull_image

from medseg.amodal.nouns import AmodalObject


def visible(amodal_object: AmodalObject) -> NDArray[np.bool_]:
    """The amodal mask (S...), if nothing were occluded: the visible part as it is."""
    return amodal_object.visible.copy()


def hull(amodal_object: AmodalObject) -> NDArray[np.bool_]:
    """The amodal mask (S...), if the object were convex: the convex hull of the visible part's voxel faces.

    Where no hull is defined (3D, all visible voxels in one plane) it is the visible part.
    """
    box = tuple(slice(index.min(), index.max() + 1) for index in np.nonzero(amodal_object.visible))
    amodal = amodal_object.visible.copy()
    with warnings.catch_warnings():  # scikit-image warns of a flat set, and returns nothing
        warnings.simplefilter("ignore", UserWarning)
        amodal[box] |= convex_hull_image(amodal_object.visible[box])
    return amodal


def hull_in_occluder(amodal_object: AmodalObject) -> NDArray[np.bool_]:
    """visible | (hull & occluder), (S...): the hull where something could hide it; an unknown occluder is anywhere."""
    amodal = hull(amodal_object)
    return amodal if amodal_object.occluder is None else amodal_object.visible | (amodal & amodal_object.occluder)


class NearestShape:
    """The complete training shape most like what is visible, pasted behind the occluder.

    shapes: (N,S...) amodal masks of training objects in frames laid as those of the queries are (around a visible part,
    if the queries' frames are); of one class, if the class is known. Masks, or soft masks that are cut at 0.5.
    Raises ValueError without a shape.
    """

    def __init__(self, shapes: NDArray[np.bool_] | NDArray[np.floating]) -> None:
        if not len(shapes):
            raise ValueError(f"shapes: expected at least one, got {shapes.shape} (NearestShape)")
        self._size = shapes.shape[1:]
        self._shapes = _cut(shapes).reshape(len(shapes), -1).astype(np.float32)

    def complete(
        self,
        visible: NDArray[np.bool_] | NDArray[np.floating],
        occluder: NDArray[np.bool_] | NDArray[np.floating] | None,
    ) -> NDArray[np.float32]:
        """visible | (shape & occluder), (S...) of 0 and 1.

        The shape is the one of the highest IoU with the visible part over the voxels that the occluder leaves to
        be seen (the first of equals). occluder None: unknown; all voxels are compared, and the shape may lie anywhere.
        """
        seen = _cut(visible).reshape(-1)
        behind = np.ones_like(seen) if occluder is None else _cut(occluder).reshape(-1) & ~seen
        compared = np.ones_like(seen) if occluder is None else ~behind
        shared, of_shape = np.einsum(
            "nv,qv->qn", self._shapes, np.stack([seen, compared]).astype(np.float32), optimize=True
        )
        union = of_shape + np.count_nonzero(seen) - shared
        nearest = int(np.argmax(shared / np.maximum(union, 1)))
        return (seen | (behind & (self._shapes[nearest] > 0))).astype(np.float32).reshape(self._size)


def _cut(mask: NDArray[np.bool_] | NDArray[np.floating]) -> NDArray[np.bool_]:
    return mask.astype(np.float32) >= 0.5
