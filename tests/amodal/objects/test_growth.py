"""Where an object may grow, and its way back onto the map: strips of voxels on which it can be counted."""

from __future__ import annotations

import numpy as np
import pytest
from skimage.measure import label

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import objects_of
from medseg.amodal.objects.crops import on_map, padded
from medseg.amodal.objects.growth import attached, may_grow, painted, within
from medseg.amodal.objects.seams import bridged
from medseg.contracts import ClassLabel, ObjectCohort, ObjectRules, Volume

CLASSES = (ClassLabel(name="background", value=0), ClassLabel(name="rod", value=1), ClassLabel(name="bar", value=2))
HIDES = ObjectRules(overlap=(255,), unknown=(9,), hides={"bar": ("rod",)})


def cohort(rules: ObjectRules = HIDES, dims: int = 2) -> ObjectCohort:
    return ObjectCohort(root=None, name="", classes=CLASSES, spatial_dims=dims, # pyright: ignore[reportArgumentType]
                  cases=(), rules=rules)  # fmt: skip


def strip(visible: str, occluder: str | None) -> AmodalObject:
    """One row of voxels, x where the mask is set."""

    def mask(row: str) -> np.ndarray:
        return np.array([[letter == "x" for letter in row]])

    shape = (1, len(visible))
    hider = None if occluder is None else mask(occluder)
    return AmodalObject(
        name="c/rod-1",
        case="c",
        label="rod",
        class_index=0,
        visible=mask(visible),
        occluder=hider,
        amodal=None,
        unoccluded=False,
        corner=(0, 0),
        map_shape=shape,
        affine=np.eye(4),
        spacing_mm=None,
    )


def row(mask: np.ndarray) -> str:
    return "".join("x" if voxel else "." for voxel in mask[0])


@pytest.mark.parametrize(
    ("visible", "occluder", "gap", "anywhere", "allowed"),
    [
        ("xxx.......", "...xxxx...", 0, False, "...xxxx..."),
        ("xxx.......", ".....xxx..", 0, False, ".....xxx.."),
        ("xxx.......", ".....xxx..", 1, False, ".....xxx.."),  # the seam is two voxels wide
        ("xxx.......", ".....xxx..", 2, False, "...xxxxx.."),
        ("xxx.......", ".....xxx..", 3, False, "...xxxxx.."),
        ("xxx.......", "..........", 3, False, ".........."),
        ("xxx.......", None, 0, False, "...xxxxxxx"),
        ("xxx.......", ".....xxx..", 0, True, "...xxxxxxx"),
        ("xxx.......", "..xxxxx...", 0, False, "...xxxx..."),  # shared voxels belong to the visible part
    ],
)
def test_what_may_be_added(visible: str, occluder: str | None, gap: int, anywhere: bool, allowed: str):
    assert row(may_grow(strip(visible, occluder), gap, anywhere)) == allowed


def test_nothing_is_added_outside_of_the_map():
    wide = padded(strip("xx..", None), [1, 2])
    allowed = may_grow(wide)
    assert allowed.shape == (3, 8) and allowed.sum() == 2 and allowed[1, 4:6].all()


# --------------------------------------------------------------------------------------- the seam
def seam_map(seam: int) -> np.ndarray:
    """A rod along the middle row, cut by a bar of three columns, with ``seam`` background voxels on either side."""
    labels = np.zeros((11, 21), int)
    labels[5, 2:19] = 1
    labels[:, 9 - seam : 12 + seam] = 0
    labels[2:9, 9:12] = 2
    return labels


def objects(labels: np.ndarray, rules: ObjectRules, gap: int) -> list[AmodalObject]:
    of_map = cohort(rules)
    return bridged(
        objects_of(Volume(array=labels, affine=np.eye(4), spacing_mm=None), of_map.scheme, "c").objects,
        labels,
        of_map.scheme,
        gap,
    )


@pytest.mark.parametrize(("seam", "gap", "occluded"), [(0, 0, True), (2, 0, False), (2, 2, False), (2, 3, True)])
def test_what_hides_an_object_is_found_across_a_seam(seam: int, gap: int, occluded: bool):
    pieces = [amodal_object for amodal_object in objects(seam_map(seam), HIDES, gap) if amodal_object.label == "rod"]
    assert len(pieces) == 2 and all(piece.unoccluded is not occluded for piece in pieces)
    if occluded:
        assert all((on_map(piece.occluder, piece) == (seam_map(seam) == 2)).all() for piece in pieces)
        assert all([hider.name for hider in piece.hiders] == ["c/bar-1"] for piece in pieces)
        assert all((on_map(piece.hiders[0].mask, piece) == (seam_map(seam) == 2)).all() for piece in pieces)


def test_an_unknown_region_joins_across_a_seam_and_a_bar_is_occluded_by_nothing():
    labels = seam_map(2)
    labels[labels == 2] = 9
    assert {(each.unoccluded, each.hiders) for each in objects(labels, HIDES, 3)} == {(False, ())}
    labels = seam_map(2)
    labels[0:9, 9:12] = 2  # the bar touches the border, and is dropped
    assert {piece.hiders[0].name for piece in objects(labels, HIDES, 3)} == {"c/2"}
    bars = [amodal_object for amodal_object in objects(seam_map(2), HIDES, 3) if amodal_object.label == "bar"]
    assert [bar.unoccluded for bar in bars] == [True]


def test_instances_hide_one_another_across_a_seam_and_never_themselves():
    rules = ObjectRules(hides={"rod": ("rod",)}, instances=True)
    found = objects(np.where(seam_map(1) == 2, 7, seam_map(1)), rules, 2)
    assert [amodal_object.unoccluded for amodal_object in found] == [False, False]
    for amodal_object in found:
        assert amodal_object.occluder is not None and not (amodal_object.occluder & amodal_object.visible).any()
    assert objects(np.pad([[4, 4]], 4), rules, 2)[0].unoccluded


# ---------------------------------------------------------------------------------------- painting
def test_a_voxel_is_painted_where_one_object_alone_claims_it_and_nothing_is_seen():
    labels = np.array([[0, 1, 1, 255, 255, 2, 2, 0]])
    rod = strip(".xx.....", ".....xx.")
    bar = AmodalObject(
        name="c/bar-1",
        case="c",
        label="bar",
        class_index=1,
        visible=np.array([[0, 1, 1]], bool),
        occluder=None,
        amodal=None,
        unoccluded=False,
        corner=(0, 4),
        map_shape=(1, 8),
        affine=np.eye(4),
        spacing_mm=None,
    )
    amodal_rod = np.array([[0, 1, 1, 1, 1, 1, 0, 0]], bool)
    amodal_bar = np.array([[1, 1, 1]], bool)
    assert painted(labels, cohort().scheme, [rod, bar], [amodal_rod, amodal_bar]).tolist() == [
        [0, 1, 1, 1, 255, 2, 2, 0]
    ]
    assert labels[0, 3] == 255


def test_islands_are_dropped_and_what_lies_across_a_gap_is_kept():
    visible, grown = np.zeros((1, 12), bool), np.zeros((2, 1, 12), bool)
    visible[0, :3] = True
    grown[0, 0, [3, 6, 7, 11]] = True  # touching; two voxels of seam between; an island
    grown[1, 0, [4, 5]] = True  # above the first mask's, which do not hold it
    assert [np.flatnonzero(found).tolist() for found in attached(grown, visible)] == [[3], []]
    assert [np.flatnonzero(found).tolist() for found in attached(grown, visible, 4)] == [[3, 6, 7], [4, 5]]
    assert not attached(np.zeros_like(grown), visible).any()


@pytest.mark.parametrize("shape", [(20, 30), (8, 9, 10)])
@pytest.mark.parametrize("gap", [0, 1, 2])
def test_many_masks_at_once_are_as_each_by_itself(shape: tuple[int, ...], gap: int):
    rng = np.random.default_rng(gap)
    visible = rng.random(shape) < 0.01
    grown = (rng.random((5, *shape)) < 0.15) & ~visible
    near = within(visible, gap)
    found = attached(grown, visible, gap)
    assert 0 < np.count_nonzero(found) < np.count_nonzero(grown)
    for mask, kept in zip(grown, found, strict=True):
        parts = np.asarray(label(mask | visible, connectivity=len(shape)))
        assert ((np.isin(parts, parts[near & (parts > 0)]) & mask) == kept).all()
