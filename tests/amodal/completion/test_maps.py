"""A label map in memory: taken apart, completed, put together again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from medseg.amodal.completion.label_maps import complete_map
from medseg.contracts import Refused

from .conftest import Known, completer, crossing


def test_a_map_in_memory(known: Known):
    known.shares = lambda samples: [0.0, 1.0]
    done = complete_map(crossing(), (0.5, 2.0), completer(), samples=2)
    assert {row.object: row.status for row in done.rows} == {
        "map/rod-1": "unoccluded",
        "map/bar-1": "unoccluded",
        "map/rod-2": "completed",
        "map/rod-3": "completed",
    }
    left = done.rows[2]  # 4 x 8 pixels of 1 mm2, and the bar's 12 x 4
    assert (left.unit, left.visible, left.completed, left.occluded_fraction) == ("mm2", 32.0, 80.0, 0.6)
    assert (left.low_50, left.high_50) == (44.0, 68.0)  # quarters of 32..80
    assert left.low_90 < left.low_80 < left.low_50 < left.high_50 < left.high_80 < left.high_90
    assert len(done.objects) == len(done.completions) == 4
    assert {(order.a, order.b, order.front) for order in done.orders} >= {("map/bar-1", "map/rod-2", "map/bar-1")}
    assert (done.labels == crossing()).all()  # all that the rods gain is seen to be bar


def test_nothing_occluded_means_that_the_map_is_its_own_completion(known: Known):
    free = np.where(crossing() == 2, 0, crossing())
    done = complete_map(free, None, completer(), 3)
    assert (done.labels == free).all() and {row.status for row in done.rows} == {"unoccluded"}
    assert all(row.low_90 == row.high_90 == row.visible == row.completed for row in done.rows)
    assert known.batches == [] and {row.unit for row in done.rows} == {"px"}


def test_an_unknown_region_is_painted_and_anywhere_goes_beyond_it(known: Known):
    labels = np.where(crossing() == 2, 9, crossing())
    labels[:, 20:] = 0
    done = complete_map(labels, None, completer(size=16), 0)
    assert [row.status for row in done.rows] == ["completed", "completed"]
    assert (done.labels[labels == 9] == 9).all()  # both rods claim it
    one = np.where(np.arange(32) > 15, 0, labels)
    assert (complete_map(one, None, completer(size=16), 0).labels[one == 9] == 1).all()
    everywhere = complete_map(one, None, completer(size=32), 0, anywhere=True)
    assert (everywhere.labels == 1).sum() > (one > 0).sum() and everywhere.rows[0].completed == (
        everywhere.labels == 1
    ).sum()


@pytest.mark.parametrize(
    ("labels", "spacing", "sentence"),
    [
        (np.zeros((8, 8), int), None, "label map: expected at least one object, got background alone (map)"),
        (np.zeros((4, 4, 4, 2), int), None, "spatial dims: expected 2 (cohort.yaml), got 4: 4x4x4x2 (map)"),
        (np.full((8, 8), 7), None, "label values: expected 0, 1, 2, 255, 9, got 7 in 64 voxels"),
        (np.full((8, 8), 0.5), None, "mask values: expected integers, got 0.5 (64 of 64 voxels)"),
        (crossing(), (1.0,), "spacing: expected 2 lengths, one per axis, got 1 (label map)"),
    ],
)
def test_a_bad_map_is_refused(labels: np.ndarray, spacing: tuple[float, ...] | None, sentence: str):
    with pytest.raises(Refused) as refused:
        complete_map(labels, spacing, completer())
    assert len(refused.value.complaints) == 1 and refused.value.complaints[0].startswith(sentence)


@pytest.mark.parametrize(("prob", "names"), [(0.9, ["map/rod-2"]), (0.3, ["map/rod-2", "map/rod-3"])])
def test_pieces_are_one_object_where_the_model_finds_them_as_likely_connected_as_not(
    known: Known, prob: float, names: list[str]
):
    known.prob = prob
    model = completer()
    decided = replace(model.signature, rules=replace(model.signature.rules, pieces="decided"))
    done = complete_map(crossing(), None, replace(model, signature=decided), samples=0)
    assert [row.object for row in done.rows if row.status == "completed"] == names


@pytest.mark.parametrize(("prob", "visible"), [(0.9, 40), (0.3, 32)])
def test_an_end_too_small_for_an_object_is_joined_or_dropped(known: Known, prob: float, visible: int):
    known.prob = prob
    labels = crossing()
    labels[10:14, 18:] = 0  # 4 x 2 pixels of the right rod are left
    model = completer()
    rules = replace(model.signature.rules, pieces="decided", smallest=9)
    done = complete_map(labels, None, replace(model, signature=replace(model.signature, rules=rules)), samples=0)
    (row,) = (row for row in done.rows if row.status == "completed")
    assert row.visible == visible
    assert sum(row.reason == "smaller than 9 voxels" for row in done.rows) == (prob < 0.5)
