"""Residual units that MONAI's U-Nets have not: preactivated, inverted, rescaled.

Imports torch and MONAI alone: an exported bundle has a copy of this file.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from monai.networks.blocks.acti_norm import ADN
from monai.networks.blocks.convolutions import Convolution
from monai.networks.layers.utils import get_act_layer
from torch import Tensor, nn

from medseg.annotators.mathematics.norms import convolutions

EXPANSION = 4
"""Channels between the narrow ends of an inverted residual, per channel that enters it. Sandler et al. have 6; by 4 it
has about as many weights as one plain convolution of 3x3, in 3D a third of one."""


@dataclass(frozen=True, kw_only=True)
class UnitLayers:
    """What the blocks of one level are made of."""

    block: str
    """``residual``, ``preactivation`` or ``inverted_residual``."""
    units: int
    """Convolutions of a block, or inverted residuals one after the other."""
    spatial_dims: int
    """2 or 3."""
    kernel_size: int | Sequence[int] = 3
    """Of the convolutions, one number or one per axis."""
    norm: str | tuple[str, dict[str, Any]] | None
    """As MONAI's factories call it; None: none."""
    act: str | tuple[str, dict[str, Any]]
    """As MONAI's factories call it."""
    dropout: str | float | tuple[Any, ...] | None
    """Share of the activations."""
    rescale: bool = False
    """Sums are those of ``Unit`` with a multiplier."""

    @property
    def linear_norm(self) -> str | tuple[str, dict[str, Any]] | None:
        """``norm`` where no activation follows, without the threshold that comes along with it."""
        return ("FRN", {"threshold": False}) if self.norm == "FRN" else self.norm


class Unit(nn.Module):
    """x_k = a(s(x_{k-1}) + F(x_{k-1})), or rescaled x_k = a(sqrt((k-1+c)/(k+c)) s(x_{k-1}) + m/sqrt(k+c) F(x_{k-1})).

    The latter is Shao et al., NeurIPS 2020 (RescaleNet): where F(x) has the variance of x, so has the sum, at every k.
    s: the skip, the identity where it can be. a: nothing, or an activation. m: learned, 1 at first. k of c: the place
    of the unit among those of the network (``number_units``).
    """

    def __init__(
        self, function: nn.Module, skip: nn.Module, *, after: nn.Module | None = None, rescale: bool = False
    ) -> None:
        super().__init__()
        self.function, self.skip, self.after = function, skip, after or nn.Identity()
        self.multiplier = nn.Parameter(torch.ones(())) if rescale else None
        self.k, self.c = 1, 1

    def forward(self, features: Tensor) -> Tensor:
        """(B,C,S...) -> what the function makes of its shape."""
        kept, added = self.skip(features), self.function(features)
        if self.multiplier is not None:
            kept = kept * math.sqrt((self.k - 1 + self.c) / (self.k + self.c))
            added = added * (self.multiplier / math.sqrt(self.k + self.c))
        return self.after(kept + added)


def build_block(
    layers: UnitLayers,
    channels_in: int,
    channels_out: int,
    *,
    stride: int | Sequence[int] = 1,
    first: bool = False,
    last: bool = False,
) -> nn.Module:
    """(B,C,S...) -> (B,C',S'...): the block of one level; the stride is that of its first convolution or unit.

    first: it sees the image, which is not activated before. last: its sum is not activated, since the network ends.
    """
    if layers.block == "inverted_residual":
        widths = [channels_in, *[channels_out] * layers.units]
        strides = [stride, *[1] * (layers.units - 1)]
        pairs = zip(widths[:-1], widths[1:], strides, strict=True)
        return nn.Sequential(*(_inverted(layers, narrow, out, stride=step) for narrow, out, step in pairs))
    skip = _skip(layers, channels_in, channels_out, stride)
    if layers.block == "preactivation":
        function = _preactivated(layers, channels_in, channels_out, stride)
        return Unit(function[1:] if first else function, skip, rescale=layers.rescale)
    after = None if last else get_act_layer(layers.act)
    return Unit(_residual(layers, channels_in, channels_out, stride), skip, after=after, rescale=layers.rescale)


def number_units(network: nn.Module) -> None:
    """Tell every ``Unit`` with a multiplier its place k of c, from the image on: down, and up again.

    The paper has one chain. In a U-Net it is the way through the deepest level: what comes over the side is stacked
    beside the signal, not added to it, and has its scale.
    """
    units = [module for module in network.modules() if isinstance(module, Unit) and module.multiplier is not None]
    for place, unit in enumerate(units, start=1):
        unit.k, unit.c = place, len(units)


def start_unnormalised(network: nn.Module, slope: float) -> None:
    """Weights of variance 2 / ((1 + slope^2) fan_in), He et al., ICCV 2015, Eq. 15, where no norm sets the scale.

    A signal keeps its second moment through a convolution and an activation with this slope below 0; fan_in counts the
    weights that one output sees. The skips of units, which no activation follows, have 1 / fan_in. Biases start at 0.
    """
    linear = {each for unit in network.modules() if isinstance(unit, Unit) for each in convolutions(unit.skip)}
    for module in convolutions(network):
        assert isinstance(module, nn.Conv2d | nn.Conv3d | nn.ConvTranspose2d | nn.ConvTranspose3d)
        seen = math.prod(module.kernel_size) * module.in_channels / module.groups
        if isinstance(module, nn.ConvTranspose2d | nn.ConvTranspose3d):
            seen /= math.prod(module.stride)
        gain = 1 if module in linear else 2 / (1 + slope**2)
        nn.init.normal_(module.weight, std=math.sqrt(gain / seen))
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _skip(layers: UnitLayers, channels_in: int, channels_out: int, stride: int | Sequence[int]) -> nn.Module:
    """The identity where the shape stays, else the convolution of MONAI's residual unit."""
    if not _strided(stride) and channels_in == channels_out:
        return nn.Identity()
    size = layers.kernel_size if _strided(stride) else 1
    return Convolution(layers.spatial_dims, channels_in, channels_out, kernel_size=size, strides=stride, conv_only=True)


def _preactivated(
    layers: UnitLayers, channels_in: int, channels_out: int, stride: int | Sequence[int]
) -> nn.Sequential:
    """Norm, activation, convolution, and again: He et al., ECCV 2016 (Identity mappings), Fig. 1b."""
    function = nn.Sequential()
    for number in range(layers.units):
        width = channels_in if number == 0 else channels_out
        normed = ADN(
            "NAD", width, act=layers.act, norm=layers.norm, norm_dim=layers.spatial_dims, dropout=layers.dropout
        )
        steps = stride if number == 0 else 1
        function.extend([normed, _convolution(layers, width, channels_out, strides=steps, conv_only=True)])
    return function


def _residual(layers: UnitLayers, channels_in: int, channels_out: int, stride: int | Sequence[int]) -> nn.Sequential:
    """Convolutions with activations between them, the last one bare: the sum is activated."""
    function = nn.Sequential()
    for number in range(layers.units):
        width, steps = (channels_in, stride) if number == 0 else (channels_out, 1)
        bare = number == layers.units - 1
        function.append(_convolution(layers, width, channels_out, strides=steps, conv_only=bare))
    return function


def _inverted(layers: UnitLayers, channels_in: int, channels_out: int, *, stride: int | Sequence[int]) -> nn.Module:
    """Sandler et al., CVPR 2018 (MobileNetV2), Fig. 4d: 1x1 to ``EXPANSION`` times the channels, depthwise, 1x1 linear.

    The narrow ends are added where they have one shape.
    """
    wide, narrow = channels_in * EXPANSION, replace(layers, kernel_size=1)
    linear = replace(narrow, norm=layers.linear_norm)
    function = nn.Sequential(
        _convolution(narrow, channels_in, wide),
        _convolution(layers, wide, wide, strides=stride, groups=wide),
        _convolution(linear, wide, channels_out, adn_ordering="N"),
    )
    if _strided(stride) or channels_in != channels_out:
        return function
    return Unit(function, nn.Identity(), rescale=layers.rescale)


def _convolution(layers: UnitLayers, channels_in: int, channels_out: int, **arguments: Any) -> Convolution:
    """Convolution, norm, dropout, activation, as far as the arguments of MONAI's class leave them."""
    return Convolution(
        layers.spatial_dims,
        channels_in,
        channels_out,
        kernel_size=layers.kernel_size,
        norm=layers.norm,
        act=layers.act,
        dropout=layers.dropout,
        **arguments,
    )


def _strided(stride: int | Sequence[int]) -> bool:
    return math.prod([stride] if isinstance(stride, int) else stride) > 1
