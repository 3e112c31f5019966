"""The way from the network's grid to the voxels that may be added is the plain resampling of whole crops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from skimage.measure import label

from medseg.amodal.completion import room as module
from medseg.amodal.completion.room import Room, way_to
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.occlusion.frames import Frame, frame_of, from_frame
from medseg.amodal.occlusion.sections import FrameConfig

from .conftest import crossed


def turned(dims: int) -> Frame:
    """A frame that is turned, scaled, and meets the map in part."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(dims, dims)))[0]
    return Frame(matrix=turn * 0.8, offset=np.full(dims, 3.3), size=(7, 8, 9)[:dims], reduction=1.0)


def slanted(dims: int) -> AmodalObject:
    """A bar along the diagonal, whose middle lies below a block as wide as the crop."""
    index = np.indices((14, 16, 18)[:dims])
    amodal = np.ptp(index, axis=0) < 3
    block = (index[0] >= 6) & (index[0] < 10)
    return replace(
        crossed(),
        visible=amodal & ~block,
        occluder=block,
        amodal=amodal,
        corner=(0,) * dims,
        map_shape=amodal.shape,
    )


@pytest.mark.parametrize("dims", [2, 3])
def test_the_way_is_the_plain_resampling(dims: int):
    frame, shape = turned(dims), (9, 10, 11)[:dims]
    places = np.argwhere(np.ones(shape, bool))
    grids = np.random.default_rng(1).random((3, *frame.size), np.float32)
    found = way_to(places, frame) @ grids.reshape(3, -1).T
    plain = np.stack([from_frame(grid, frame, shape).ravel() for grid in grids], axis=1)
    assert (plain == 0).any() and (plain > 0.5).any()
    np.testing.assert_allclose(found, plain, atol=1e-6)


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("portion", [1, 2**26])
def test_samples_are_cut_where_they_may_grow_and_lose_their_islands(
    dims: int, portion: int, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "NUMBERS_AT_ONCE", portion)
    shown, rules = slanted(dims), FrameConfig(size=(12,) * dims)
    grids = np.random.default_rng(2).random((4, *rules.size), np.float32)
    levels = np.array([0.5, 0.6, 0.7, 2.0])
    room = Room.around(shown, rules)
    found = room.samples(torch.from_numpy(grids)[:, None], levels, np.ones(room.way.shape[0], np.float32))
    frame, islands = frame_of(shown, rules), 0
    assert shown.occluder is not None
    for sample, grid, level in zip(found, grids, levels, strict=True):
        wanted = shown.visible | ((from_frame(grid, frame, shown.visible.shape) >= level) & shown.occluder)
        parts = np.asarray(label(wanted, connectivity=dims))
        plain = np.isin(parts, parts[shown.visible])
        assert (sample == plain).all()
        islands += np.count_nonzero(wanted & ~plain)
    assert islands and (found[0] & ~shown.visible).any() and (found[3] == shown.visible).all()


def test_probabilities_are_1_where_the_object_is_seen_and_0_where_it_may_not_grow():
    shown, rules = slanted(2), FrameConfig(size=(12, 12))
    room = Room.around(shown, rules)
    probs = room.probs(room.at_allowed(torch.full((1, 1, 12, 12), 0.3))[:, 0])
    assert shown.occluder is not None and probs.dtype == np.float32
    assert (probs[shown.visible] == 1).all() and (probs[~(shown.visible | shown.occluder)] == 0).all()
    np.testing.assert_allclose(probs[6:10, 6:10], 0.3, atol=1e-6)


def test_where_nothing_may_grow_there_is_nothing_to_say():
    shown = replace(slanted(2), occluder=np.zeros((14, 16), bool))
    room = Room.around(shown, FrameConfig(size=(12, 12)))
    assert room.at_allowed(torch.rand(3, 1, 12, 12)).shape == (0, 3)
    assert (room.samples(torch.rand(3, 1, 12, 12), np.zeros(3), np.ones(0, np.float32)) == shown.visible).all()
