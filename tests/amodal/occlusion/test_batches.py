"""Objects as tensors, each in its frame."""

from __future__ import annotations

from dataclasses import replace

import torch

from medseg.amodal.occlusion.batches import batch_of

from .conftest import SHOWING, rod


def test_an_unknown_occluder_is_everything_that_is_not_visible():
    amodal_object = replace(rod(), unoccluded=False, amodal=None)
    batch = batch_of([amodal_object], SHOWING.frame)
    torch.testing.assert_close(batch.occluder, 1 - batch.visible)
    assert torch.equal(batch.amodal, batch.visible) and batch.case_index.tolist() == [0]
