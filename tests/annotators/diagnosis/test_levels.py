"""The levels of a network: one for each stretch of layers on a grid, read at the voxel that was asked about."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import nn

from medseg.annotators.diagnosis.levels import levels_at
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.settings import NetworkConfig


def network(name: str, **keys: object) -> TrueLabelNetwork:
    torch.manual_seed(0)
    config = NetworkConfig(name=name, channels=(4, 8, 16), features=4, **keys)  # pyright: ignore[reportArgumentType]
    return TrueLabelNetwork(config, 1, 2, size=(16, 16)).eval()


@pytest.mark.parametrize("name", ["unet", "dynunet"])
def test_levels_go_down_and_up_again_and_leave_no_hook(name: str) -> None:
    model, voxels = network(name), np.array([[0, 0], [15, 3]])
    levels = levels_at(model, torch.randn(1, 16, 16), voxels)
    grids = [level.name.split(": ")[-1] for level in levels]
    assert grids[0] == "image" and grids[-1] == "16x16" and len(set(grids)) == len(set(grids[1:])) + 1
    assert all(len(level.values) == 2 for level in levels) and all(a != b for a, b in pairwise(grids))
    assert not any(module._forward_hooks for module in model.modules())


def test_the_last_level_is_what_the_backbone_says_there() -> None:
    model, image = network("unet"), torch.randn(1, 16, 16)
    voxels = np.array([[2, 5], [9, 14]])
    with torch.no_grad():
        said = model.backbone(image[None])[0].numpy()
    levels = levels_at(model, image, voxels)
    np.testing.assert_allclose(levels[-1].values, said[:, [2, 9], [5, 14]].T, atol=1e-6)
    np.testing.assert_array_equal(levels[0].values[:, 0], image[0].numpy()[[2, 9], [5, 14]])


def test_a_coarse_level_is_read_at_the_block_in_which_the_voxel_lies() -> None:
    model = network("unet")
    model.backbone = nn.Sequential(nn.AvgPool2d(4), nn.Upsample(scale_factor=4), nn.Conv2d(1, 4, 1))
    image = torch.arange(256.0).reshape(1, 16, 16)
    coarse = levels_at(model, image, np.array([[0, 7], [15, 15]]))[1]
    blocks = image[0].reshape(4, 4, 4, 4).mean(dim=(1, 3)).numpy()
    assert coarse.name == "1: 4x4"
    np.testing.assert_array_equal(coarse.values[:, 0], [blocks[0, 1], blocks[3, 3]])
