"""Units: what is added to what, how many weights they have, and where they stand among the others."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from medseg.annotators.mathematics.blocks import (
    EXPANSION,
    Unit,
    UnitLayers,
    build_block,
    number_units,
    start_unnormalised,
)
from medseg.annotators.mathematics.model import TrueLabelNetwork
from medseg.annotators.mathematics.settings import NetworkConfig

CHANNELS = 32
SLOPE = 0.25


def layers(block: str, **keys: Any) -> UnitLayers:
    given: dict[str, Any] = {"units": 1, "spatial_dims": 2, "norm": "INSTANCE", "act": "PRELU", "dropout": 0.0}
    return UnitLayers(block=block, **given | keys)


def weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("block", ["preactivation", "inverted_residual"])
@pytest.mark.parametrize("size", [(8, 8), (4, 4, 4)])
def test_a_unit_whose_last_convolution_says_nothing_is_the_identity(block: str, size: tuple[int, ...]) -> None:
    unit = build_block(layers(block, spatial_dims=len(size), units=1 + (block == "preactivation")), 6, 6)
    features = torch.randn(2, 6, *size)
    assert not torch.allclose(unit(features), features)
    last = [module for module in unit.modules() if isinstance(module, nn.Conv2d | nn.Conv3d)][-1]
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)  # type: ignore[arg-type]
    torch.testing.assert_close(unit(features), features)


def test_a_preactivated_unit_normalises_and_activates_before_it_convolves() -> None:
    unit = build_block(layers("preactivation"), 4, 4)
    features, (convolution,) = torch.randn(2, 4, 8, 8), [each for each in unit.modules() if isinstance(each, nn.Conv2d)]
    normed = nn.functional.instance_norm(features)
    activated = torch.where(normed > 0, normed, SLOPE * normed)
    torch.testing.assert_close(unit(features), features + convolution(activated))


def test_the_image_is_not_activated_before_its_first_convolution() -> None:
    unit = build_block(layers("preactivation", norm="FRN", act="IDENTITY"), 1, 4, first=True)
    assert isinstance(unit, Unit)
    dark = -torch.rand(1, 1, 8, 8)  # all of it below the threshold
    assert not torch.equal(unit.function(dark), unit.function(2 * dark))


@pytest.mark.parametrize("dims", [2, 3])
def test_an_inverted_residual_has_the_weights_of_its_three_convolutions(dims: int) -> None:
    wide = 8 * EXPANSION
    kernels = (8 * wide + wide) + (3**dims * wide + wide) + (wide * 8 + 8)
    unit = build_block(layers("inverted_residual", spatial_dims=dims), 8, 8)
    assert weights(unit) == kernels + 2  # two PReLU, and none at the linear end
    frn = build_block(layers("inverted_residual", spatial_dims=dims, norm="FRN", act="IDENTITY"), 8, 8)
    assert weights(frn) == kernels + 2 * 3 * wide + 2 * 8  # scale, shift and threshold; at the end no threshold


def test_a_strided_block_halves_the_grid_once() -> None:
    for block in ("residual", "preactivation", "inverted_residual"):
        built = build_block(layers(block, units=3), 4, 6, stride=(2, 1))
        assert built(torch.randn(2, 4, 8, 8)).shape == (2, 6, 4, 8)


def test_the_sum_of_a_rescaled_unit_by_hand() -> None:
    """k = 2 of c = 3: sqrt(4/5) x + m / sqrt(5) F(x)."""
    unit = Unit(nn.ReLU(), nn.Identity(), rescale=True)
    unit.k, unit.c = 2, 3
    nn.init.constant_(unit.multiplier, 0.5)  # type: ignore[arg-type]
    expected = [math.sqrt(0.8) + 0.5 / math.sqrt(5), -math.sqrt(0.8)]
    torch.testing.assert_close(unit(torch.tensor([1.0, -1.0])), torch.tensor(expected))


def last_moment(block: str, rescale: bool, units: int = 60) -> Tensor:
    """Of activations after so many random units, which begins at 1."""
    torch.manual_seed(0)
    kind = layers(block, units=2, norm=None, rescale=rescale)
    stack = nn.Sequential(*(build_block(kind, CHANNELS, CHANNELS) for _ in range(units)))
    start_unnormalised(stack, SLOPE)
    number_units(stack)
    with torch.no_grad():
        return stack(torch.randn(8, CHANNELS, 16, 16)).square().mean()


def test_the_variance_stays_in_a_deep_rescaled_stack_and_explodes_in_another() -> None:
    assert 0.7 < last_moment("preactivation", rescale=True) < 1.4
    assert 0.2 < last_moment("residual", rescale=True) < 5  # its sums are activated
    assert last_moment("preactivation", rescale=False) > 1e12  # doubles with every unit
    assert last_moment("residual", rescale=False) > 1e12


@pytest.mark.parametrize("keys", [{"name": "unet"}, {"name": "dynunet"}, {"block": "inverted_residual"}])
def test_units_are_numbered_from_the_image_on(keys: dict[str, Any]) -> None:
    config = NetworkConfig(channels=(4, 6, 8), norm="rescale", features=4, **keys)
    network = TrueLabelNetwork(config, 1, 3, size=(16, 16))
    units = [module for module in network.modules() if isinstance(module, Unit) and module.multiplier is not None]
    met: list[int] = []
    for unit in units:
        unit.register_forward_hook(lambda unit, _inputs, _output: met.append(unit.k))  # type: ignore[arg-type]
    network(torch.randn(1, 1, 16, 16))
    assert len(met) == len(units) >= 5
    assert met == list(range(1, len(met) + 1)) and {unit.c for unit in units} == {len(met)}


@pytest.mark.parametrize("transposed", [False, True])
def test_where_nothing_is_normalised_a_signal_keeps_its_second_moment(transposed: bool) -> None:
    torch.manual_seed(0)
    kind = nn.ConvTranspose2d if transposed else nn.Conv2d
    stride = {"stride": 2, "output_padding": 1} if transposed else {}
    layer = nn.Sequential(nn.PReLU(), kind(64, 64, 3, padding=1, **stride))  # type: ignore[arg-type]
    start_unnormalised(layer, SLOPE)
    inner = layer(torch.randn(4, 64, 24, 24))[..., 1:-1, 1:-1]
    assert inner.square().mean().item() == pytest.approx(1, abs=0.1)
