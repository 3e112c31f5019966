from __future__ import annotations

import numpy as np
import pytest

from medseg.amodal.objects.crops import on_map
from medseg.amodal.objects.ordinary import OrdinaryMap, ordinary_map
from medseg.contracts import ClassLabel, ObjectRules, ObjectScheme, Volume

CLASSES = tuple(ClassLabel(name=name, value=value) for name, value in (("no", 0), ("rod", 1), ("bar", 2), ("disc", 3)))


def crossed() -> np.ndarray:
    """A rod of 2 x 16 across a bar of 16 x 2, and a disc that touches the bar below."""
    labels = np.zeros((30, 30), np.uint8)
    labels[10:12, 4:20], labels[2:18, 10:12], labels[10:12, 10:12] = 1, 2, 255
    labels[18:22, 8:14] = 3
    return labels


def ordinary(case: str, labels: np.ndarray, **rules: int) -> OrdinaryMap:
    dims = labels.ndim
    scheme = ObjectScheme(classes=CLASSES, rules=ObjectRules(overlap=(255,), **rules), spatial_dims=dims)
    volume = Volume(array=labels, affine=np.eye(4), spacing_mm=None)
    return ordinary_map(volume, scheme, case)


def with_front(front: str, labels: np.ndarray) -> OrdinaryMap:
    """The first of some cases in which this object lies in front."""
    drawn = (ordinary(f"c{number}", labels) for number in range(20))
    return next(found for found in drawn if any(one.name.endswith(f"{front}-1~front") for one in found.objects))


@pytest.mark.parametrize(("front", "back", "value"), [("rod", "bar", 1), ("bar", "rod", 2)])
def test_the_overlap_belongs_to_the_one_in_front_both_ways(front: str, back: str, value: int):
    labels = crossed()
    found = with_front(front, labels)
    expected = np.where(labels == 255, value, labels)
    assert (found.volume.array == expected).all() and (labels == 255).any()
    of_name = {one.name.split("/")[1]: one for one in found.objects}
    seen = {name: int(one.visible.sum()) for name, one in of_name.items()}
    assert seen == {f"{front}-1~front": 32, f"{back}-1~back": 28}
    assert all(one.amodal is not None and one.amodal.sum() == 32 for one in found.objects)
    ((first, second),) = found.fronts
    assert (first.split("/")[1], second.split("/")[1]) == (f"{front}-1~front", f"{back}-1~back")


def test_whatever_touches_may_hide_an_object_with_all_of_it():
    found = with_front("rod", crossed())
    hiding = {one.label: on_map(one.occluder, one) for one in found.objects if one.occluder is not None}
    assert (hiding["bar"] == np.isin(found.volume.array, [1, 3])).all()
    assert (hiding["rod"] == (found.volume.array == 2)).all()
    assert found.scheme.rules.hides == {name: ("rod", "bar", "disc") for name in ("rod", "bar", "disc")}
    assert found.scheme.rules.overlap == ()


def test_a_case_is_drawn_alike_every_time_and_other_cases_otherwise():
    maps = [ordinary(f"c{number}", crossed()).volume.array for number in range(12)]
    again = [ordinary(f"c{number}", crossed()).volume.array for number in range(12)]
    assert all((one == other).all() for one, other in zip(maps, again, strict=True))
    assert {int(one[10, 10]) for one in maps} == {1, 2}


def test_two_that_cross_twice_are_in_one_order():
    labels = np.zeros((30, 30), np.uint8)
    labels[10:12, 4:26], labels[2:18, 8:10], labels[2:18, 18:20], labels[2:4, 8:20] = 1, 2, 2, 2
    labels[10:12, 8:10] = labels[10:12, 18:20] = 255
    for number in range(12):
        found = ordinary(f"c{number}", labels)
        assert len(found.fronts) == 1 and found.volume.array[10, 8] == found.volume.array[10, 18]


def test_an_overlap_of_nobody_is_background_and_contacts_are_not_judged():
    labels = crossed()
    labels[25:27, 25:27] = 255
    found = ordinary("c", labels, smallest_occluded=5)
    assert found.objects == () == found.fronts and not (found.volume.array == 255).any()
    assert not found.volume.array[25:27, 25:27].any()


def test_volumes_are_taken_apart_by_the_same_code():
    labels = np.zeros((*crossed().shape, 6), np.uint8)
    labels[..., 2:4] = crossed()[..., None]
    found = ordinary("c", labels)
    assert sorted(int(one.visible.sum()) for one in found.objects) == [56, 64]
