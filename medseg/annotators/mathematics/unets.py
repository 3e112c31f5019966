"""MONAI's U-Nets with the units of ``blocks`` at their levels.

Imports torch and MONAI alone: an exported bundle has a copy of this file.
"""

from __future__ import annotations

from typing import Any

from monai.networks.blocks.dynunet_block import UnetUpBlock
from monai.networks.nets.dynunet import DynUNet
from monai.networks.nets.unet import UNet
from torch import nn

from medseg.annotators.mathematics.blocks import UnitLayers, build_block, number_units


class UnitUNet(UNet):
    """``UNet`` whose levels are blocks of ``num_res_units`` units, and one unit behind each transposed convolution.

    block, rescale: see ``UnitLayers``. The other arguments are those of MONAI's class.
    """

    def __init__(self, *, block: str, rescale: bool = False, **arguments: Any) -> None:
        self.block, self.rescale = block, rescale  # MONAI's class builds its levels as it is made
        super().__init__(**arguments)
        number_units(self)

    def _layers(self, units: int) -> UnitLayers:
        return UnitLayers(
            block=self.block,
            units=units,
            spatial_dims=self.dimensions,
            kernel_size=self.kernel_size,
            norm=self.norm,
            act=self.act,
            dropout=self.dropout,
            rescale=self.rescale,
        )

    def _get_down_layer(self, in_channels: int, out_channels: int, strides: int, is_top: bool) -> nn.Module:
        layers = self._layers(self.num_res_units)
        return build_block(layers, in_channels, out_channels, stride=strides, first=is_top)

    def _get_up_layer(self, in_channels: int, out_channels: int, strides: int, is_top: bool) -> nn.Module:
        upsampled = super()._get_up_layer(in_channels, out_channels, strides, is_top)
        assert isinstance(upsampled, nn.Sequential)
        return nn.Sequential(upsampled[0], build_block(self._layers(1), out_channels, out_channels, last=is_top))


class UnitDynUNet(DynUNet):
    """``DynUNet`` with blocks of so many units at every level, on the way down and on the way up.

    block, units, rescale: see ``UnitLayers``. The other arguments are those of MONAI's class.
    """

    def __init__(self, *, block: str, units: int, rescale: bool = False, **arguments: Any) -> None:
        self.block, self.units, self.rescale = block, units, rescale  # MONAI's class builds its levels as it is made
        super().__init__(**arguments)
        number_units(self)

    def _layers(self, kernel_level: int) -> UnitLayers:
        return UnitLayers(
            block=self.block,
            units=self.units,
            spatial_dims=self.spatial_dims,
            kernel_size=self.kernel_size[kernel_level],
            norm=self.norm_name,
            act=self.act_name,
            dropout=self.dropout,
            rescale=self.rescale,
        )

    def _level(self, level: int) -> nn.Module:
        """The block from the level above, or the image, to this one."""
        before, width = [self.in_channels, *self.filters][level : level + 2]
        return build_block(self._layers(level), before, width, stride=self.strides[level], first=level == 0)

    def _up_level(self, level: int) -> nn.Module:
        """From the level below to this one, beside what came over from the way down."""
        width, below, step = self.filters[level], self.filters[level + 1], self.upsample_kernel_size[level]
        up = UnetUpBlock(
            self.spatial_dims,
            below,
            width,
            kernel_size=3,
            stride=step,
            upsample_kernel_size=step,
            norm_name="BIAS",
            trans_bias=self.trans_bias,
        )
        up.add_module("conv_block", build_block(self._layers(level + 1), 2 * width, width))
        return up

    def get_input_block(self) -> Any:
        """Of the image's own grid."""
        return self._level(0)

    def get_downsamples(self) -> nn.ModuleList:
        """Of the levels between the first and the last."""
        return nn.ModuleList(map(self._level, range(1, len(self.filters) - 1)))

    def get_bottleneck(self) -> Any:
        """Of the last level."""
        return self._level(len(self.filters) - 1)

    def get_upsamples(self) -> nn.ModuleList:
        """From the last level to the first."""
        return nn.ModuleList(map(self._up_level, reversed(range(len(self.filters) - 1))))
