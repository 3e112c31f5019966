"""Crops of a rod made larger and laid back, voxel by voxel."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medseg.amodal.nouns import AmodalObject, Hider
from medseg.amodal.objects.crops import cut, on_map, padded, windows


def rod(rows: int, columns: int, room: int, corner: tuple[int, int], map_shape: tuple[int, int]) -> AmodalObject:
    """An unoccluded rod with room around it."""
    mask = np.pad(np.ones((rows, columns), bool), room)
    return AmodalObject(
        name="m/rod-1",
        case="m",
        label="rod",
        class_index=0,
        visible=mask,
        occluder=None,
        amodal=mask,
        unoccluded=True,
        corner=corner,
        map_shape=map_shape,
        affine=np.eye(4),
        spacing_mm=None,
    )


def test_windows_cut_off_what_sticks_out():
    canvas, box = windows((8, 8), (5, 2), np.array([-1, 7]))
    assert canvas == (slice(0, 4), slice(7, 8)) and box == (slice(1, 5), slice(0, 1))


def test_padding_moves_the_corner_and_nothing_else():
    amodal_object = rod(6, 14, room=1, corner=(20, 30), map_shape=(80, 80))
    larger = padded(amodal_object, (2, 3))
    assert larger.visible.shape == (8 + 4, 16 + 6) and larger.corner == (18, 27)
    assert (larger.visible[2:-2, 3:-3] == amodal_object.visible).all() and larger.visible.sum() == 84
    assert larger.occluder is None and larger.map_shape == (80, 80)


def test_masks_go_back_to_where_they_were_and_what_sticks_out_is_cut():
    wide = padded(rod(1, 2, room=0, corner=(0, 0), map_shape=(1, 4)), [1, 1])
    assert on_map(wide.visible, wide).tolist() == [[True, True, False, False]]
    assert on_map(np.ones((3, 4), np.float32), wide).tolist() == [[1.0, 1.0, 1.0, 0.0]]


def test_what_may_hide_an_object_moves_with_it():
    front = np.zeros((8, 16), bool)
    front[3, 5] = True
    one = replace(rod(6, 14, room=1, corner=(20, 30), map_shape=(80, 80)), hiders=(Hider(name="m/bar-1", mask=front),))
    (wide,) = padded(one, (2, 3)).hiders
    assert wide.name == "m/bar-1" and wide.mask.shape == (12, 22) and np.argwhere(wide.mask).tolist() == [[5, 8]]
    smaller = cut(one, (slice(2, 7), slice(4, 16)))
    assert smaller.corner == (22, 34) and np.argwhere(smaller.hiders[0].mask).tolist() == [[1, 1]]
    assert np.array_equal(on_map(smaller.hiders[0].mask, smaller), on_map(front, one))
