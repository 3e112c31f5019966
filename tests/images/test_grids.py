"""Masks on the grid of their image: by hand on grids of a few voxels."""

from __future__ import annotations

from itertools import permutations, product
from pathlib import Path

import numpy as np
import pytest

from medseg.contracts import Refused, Volume
from medseg.images.files import read_channels, write_map
from medseg.images.grids import grid_complaints, onto_grid, require_grid

AFFINE = np.array([[-0.8, 0, 0, 10], [0, 0.6, -0.8, -20], [0, 0.8, 0.6, 5], [0, 0, 0, 1]], float) @ np.diag(
    [1, 2, 3, 1]
)
IMAGE = Volume(array=np.arange(24.0).reshape(1, 2, 3, 4), affine=AFFINE, spacing_mm=(0.8, 2, 3))
ORDERS = [(order, signs) for order in permutations(range(3)) for signs in product((1, -1), repeat=3)]


def stored(order: tuple[int, ...], signs: tuple[int, ...]) -> Volume:
    """The image with its axes in another order, mirrored where the sign says so, its affine alike."""
    array = IMAGE.array.transpose([0, *(axis + 1 for axis in order)])
    index = np.eye(4)  # index in the file -> index of the image
    index[:3, :3] = 0
    for axis, (source, sign) in enumerate(zip(order, signs, strict=True)):
        index[source, axis] = sign
        if sign < 0:
            array = np.flip(array, axis + 1)
            index[source, 3] = IMAGE.array.shape[source + 1] - 1
    assert IMAGE.spacing_mm is not None
    return Volume(array=array, affine=AFFINE @ index, spacing_mm=tuple(IMAGE.spacing_mm[axis] for axis in order))


@pytest.mark.parametrize(("order", "signs"), ORDERS)
def test_all_48_orders_of_a_volume_come_back(order: tuple[int, ...], signs: tuple[int, ...]) -> None:
    back = onto_grid(stored(order, signs), IMAGE)
    np.testing.assert_array_equal(back.array, IMAGE.array)
    np.testing.assert_allclose(back.affine, AFFINE, atol=1e-12)
    assert back.spacing_mm == IMAGE.spacing_mm
    assert grid_complaints("mask", back, IMAGE, where="c01/bob", whose="its image") == []


def test_a_mirrored_slice_comes_back() -> None:
    image = Volume(array=np.arange(6).reshape(1, 2, 3), affine=np.eye(4), spacing_mm=(1, 1))
    affine = np.diag([-1.0, 1, 1, 1])
    affine[0, 3] = 1  # index 0 lies at 1 mm
    back = onto_grid(Volume(array=image.array[:, ::-1], affine=affine, spacing_mm=(1, 1)), image)
    np.testing.assert_array_equal(back.array, image.array)


def test_a_lost_direction_is_no_reordering() -> None:
    lost = Volume(array=IMAGE.array, affine=AFFINE @ np.diag([-1, 1, 1, 1]), spacing_mm=IMAGE.spacing_mm)
    with pytest.raises(Refused) as caught:
        require_grid("mask", lost, IMAGE, where="c01/bob", whose="its image")
    assert caught.value.complaints == (  # one step of .8 mm, twice
        "mask affine: expected spacing 0.8x2x3 mm (its image), got spacing 0.8x2x3 mm, "
        "corners up to 1.6 mm apart; looks like a left-right flip (c01/bob)",
    )


def test_a_turn_by_a_degree_and_a_picture_without_a_scale_stay_as_they_are() -> None:
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.02), -np.sin(0.02)], [np.sin(0.02), np.cos(0.02)]]
    for volume in (
        Volume(array=IMAGE.array, affine=turn @ AFFINE, spacing_mm=IMAGE.spacing_mm),
        Volume(array=IMAGE.array, affine=np.diag([-1.0, 1, 1, 1]), spacing_mm=None),
        Volume(array=IMAGE.array, affine=np.zeros((4, 4)), spacing_mm=(0, 0, 0)),
    ):
        assert onto_grid(volume, IMAGE) is volume


def test_channels_of_other_grids_are_brought_together_or_refused(tmp_path: Path) -> None:
    def written(name: str, volume: Volume) -> Path:
        return write_map(tmp_path / name, Volume(array=volume.array[0], affine=volume.affine, spacing_mm=None))

    first = written("a.nii.gz", IMAGE)
    both = read_channels([first, written("b.nii.gz", stored((2, 0, 1), (1, -1, 1)))])
    np.testing.assert_array_equal(both.array[1], both.array[0])
    moved = written("c.nii.gz", Volume(array=IMAGE.array, affine=2 * AFFINE, spacing_mm=None))
    with pytest.raises(Refused, match="channel affine: expected spacing 0.8x2x3 mm .the first channel., got"):
        read_channels([first, moved])
