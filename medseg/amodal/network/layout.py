"""The numbers that a network is built for. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from medseg.contracts import Section, Width


class NetworkConfig(Section):
    """Encoders, decoder and the rival's U-Net: the section ``network``."""

    channels: tuple[Width, ...] = (32, 64, 64)
    """Width of each level, from fine to coarse; each is half as long as the one before."""
    patch: Width = 2
    """So many voxels along each axis enter as one position of the first level, its channels."""
    coarse: Width = 32
    """Z, the length of the part of z that says which shape it is."""
    fine: Width = 4
    """F, the channels of the part of z that says where its outline runs."""
    level: Annotated[int, Field(ge=0)] = 1
    """The level on whose grid the fine part lies."""
    drawing: Width = 16
    """Width, on every level, of the decoder that draws completions: the condition brings what is certain."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Of the rival pcnet: share of the channels that are left out; above 0 it draws samples, by leaving out others."""


class Layout(NetworkConfig):
    """The section, and beside it what the data say: all that a network is built for."""

    size: tuple[int, ...]
    """(S,) voxels of the frame."""
    classes: int
    """K."""

    @property
    def deepest(self) -> tuple[int, ...]:
        """(S,) the grid of the last level."""
        return tuple(length // self.patch >> (len(self.channels) - 1) for length in self.size)
