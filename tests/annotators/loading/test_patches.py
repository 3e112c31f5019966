"""Patches lie around every class as often, and where annotators disagree."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.loading import patches
from medseg.annotators.loading.patches import crop_corner, voxels_of_interest
from medseg.contracts import UNLABELLED


def test_a_patch_around_the_foreground_holds_it() -> None:
    foreground = np.array([[1, 30, 2]])
    rng = np.random.default_rng(0)
    for _ in range(50):
        corner = crop_corner((40, 40), (16, 16), rng, foreground=foreground, fraction=1.0)
        assert all(0 <= c <= 24 for c in corner)
        assert all(c <= f < c + 16 for c, f in zip(corner, foreground[0, 1:], strict=True))


def test_the_voxels_of_each_class_and_of_disagreement() -> None:
    labels = np.array([[[0, 1, 2, UNLABELLED]], [[0, 1, 1, 2]]], np.int16)
    found = voxels_of_interest(labels, np.random.default_rng(0))
    assert found.tolist() == [[0, 0, 2], [1, 0, 1], [1, 0, 2], [2, 0, 2], [2, 0, 3]]
    assert found.dtype == np.int32
    nothing = voxels_of_interest(np.full((2, 3, 3), UNLABELLED, np.int16), np.random.default_rng(0))
    assert nothing.shape == (0, 3)


def test_no_more_voxels_of_a_class_are_kept_than_need_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "MOST_VOXELS", 10)
    labels = np.ones((1, 20, 20), np.int16)
    labels[0, 0, :4] = 2
    found = voxels_of_interest(labels, np.random.default_rng(0))
    assert np.bincount(found[:, 0]).tolist() == [0, 10, 4]
    assert len(np.unique(found, axis=0)) == 14 and np.ptp(found[:, 1]) > 5


def test_a_small_class_is_met_as_often_as_a_large_one() -> None:
    """100 voxels of class 1, one of class 2, one of disagreement; patches of one voxel: half of 80 % each, and half of
    the other 20 % disagreement. Four standard deviations of 4000 draws are 0.03."""
    room = np.argwhere(np.ones((10, 10)))
    lists = [np.insert(room, 0, 1, axis=1), [[2, 50, 50]], [[0, 70, 70]]]
    foreground = np.concatenate(lists)
    rng = np.random.default_rng(0)
    corners = np.array(
        [crop_corner((99, 99), (1, 1), rng, foreground=foreground, fraction=0.8, disagreement=0.5) for _ in range(4000)]
    )
    shares = [(corners < 10).all(1).mean(), (corners == 50).all(1).mean(), (corners == 70).all(1).mean()]
    np.testing.assert_allclose(shares, [0.4, 0.4, 0.1], atol=0.03)
