"""Regions of a hand-drawn map of kinds."""

from __future__ import annotations

import numpy as np

from medseg.amodal.objects.regions import regions_of

KINDS = np.array(
    [
        [3, 3, 0, 0, 4],
        [0, 0, 1, 0, 4],
        [3, 0, 0, 0, 0],
        [0, 0, 0, 3, 0],
    ]
)


def test_regions_touch_over_corners_too() -> None:
    regions = regions_of(KINDS)
    assert regions.kinds.tolist() == [0, 3, 4, 1, 3, 3]
    assert regions.sizes.tolist()[1:] == [2, 2, 1, 1, 1]
    assert [sorted(near) for near in regions.neighbours] == [[], [3], [], [1], [], []]
    assert regions.at_border == {1, 2, 4, 5}
    assert regions.of_kind(3) == [1, 4, 5]


def test_boxes_and_masks_of_several_regions() -> None:
    regions = regions_of(KINDS)
    box = regions.box([1, 3])
    assert box == (slice(0, 2), slice(0, 3))
    assert regions.mask([1, 3], box).tolist() == [[True, True, False], [False, False, True]]
    assert regions.voxels([1, 3]) == 3


def test_in_three_axes_the_opposite_corners_of_a_cube_touch() -> None:
    kinds = np.zeros((3, 3, 3), int)
    kinds[0, 2, 0], kinds[1, 1, 1], kinds[2, 0, 2], kinds[0, 0, 2] = 3, 4, 5, 6
    regions = regions_of(kinds)
    touching = {int(kinds_near) for kinds_near in regions.kinds[list(regions.neighbours[regions.of_kind(4)[0]])]}
    assert touching == {3, 5, 6}
    assert regions.at_border == set(range(1, 5)) - set(regions.of_kind(4))
