"""Which objects are complete ones to learn from, by rule."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from medseg.amodal.objects import complete_objects

from .conftest import OVERLAP, cross, extract, pasted


def test_by_default_only_what_nothing_hides_is_complete() -> None:
    labels = np.pad(cross(), ((0, 0), (0, 10)))
    labels[2:5, 16:20] = 1
    objects = extract(labels).objects
    complete = complete_objects(objects, OVERLAP)
    assert [one.name for one in complete] == ["m/a-2"] and complete[0] is objects[1]


def test_by_rule_so_is_every_known_whole_as_if_nothing_hid_it() -> None:
    labels = np.pad(cross(), ((0, 0), (0, 10)))
    labels[2:5, 16:20], labels[7:10, 16:20], labels[7:10, 20:22] = 1, 1, 9
    rules = replace(OVERLAP, complete="known", unknown=(9,))
    found = {one.name: one for one in complete_objects(extract(labels, rules).objects, rules)}
    assert list(found) == ["m/a-1", "m/a-2", "m/b-1"]  # of a-3 nobody knows how far it goes
    one = found["m/a-1"]
    assert (one.unoccluded, one.corner, one.visible.shape, one.hiders) == (True, (1, 4), (9, 3), ())
    assert one.occluder is not None and not one.occluder.any()
    np.testing.assert_array_equal(pasted(one, one.visible), (labels == 1) & (np.arange(23) < 9) | (labels == 255))
    np.testing.assert_array_equal(one.amodal, one.visible)
