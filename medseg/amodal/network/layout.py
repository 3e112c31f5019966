"""The numbers that a network is built for. Whoever only reads a config must not wait for torch."""

from __future__ import annotations

from typing import Annotated, Literal

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


class PriorConfig(Section):
    """What complete shapes look like before anything of one is seen: the section ``prior``."""

    kind: Literal["gaussian", "pixelcnn"] = "gaussian"
    """gaussian: N(0, I) over z, as stage I learns it. pixelcnn: beside it p(shape | class) at low resolution, cell by
    cell (van den Oord et al. 2016), which a stage of its own learns after stage I."""
    novelty: Literal["visible_misfit", "nats"] = "visible_misfit"
    """By what an object is found too unlike those of the training to be completed: by what is seen of it and the shape
    that stage I knows for it; or, of kind pixelcnn, by -log p of its completed shape."""
    cell: Width = 4
    """So many voxels of the frame along each axis are one cell, which belongs to a shape that fills half of it."""
    channels: Width = 24
    """Width of the PixelCNN."""
    layers: Width = 5
    """Of the PixelCNN; each sees two cells farther."""


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


class PriorLayout(PriorConfig):
    """The section, and beside it what the data say: all that a PixelCNN is built for."""

    size: tuple[int, ...]
    """(S,) voxels of the frame."""
    classes: int
    """K."""

    @property
    def grid(self) -> tuple[int, ...]:
        """(S,) cells of the frame."""
        return tuple(length // self.cell for length in self.size)
