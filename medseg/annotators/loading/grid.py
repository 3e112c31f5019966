"""The grid that the network sees: the section of a config, and labels on their way to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medseg.annotators.loading.placement import Placement, orient, place, resize
from medseg.contracts import UNLABELLED, Fraction, Section, Width


class Grid(Section):
    """The grid that the network sees: the section ``data.grid``."""

    mode: Literal["resize", "patch"] = "resize"
    """``resize``: the whole image, aspect kept, padded to ``size``. ``patch``: the image resampled to ``spacing_mm`` or
    ``spacing_pixels``, patches of ``size`` in training, a sliding window in prediction."""
    size: tuple[Width, ...]
    """(S,) of what the network gets at once."""
    spacing_mm: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """(S,) of a voxel in mode ``patch``; None: as it is."""
    spacing_pixels: tuple[Annotated[float, Field(gt=0)], ...] | None = None
    """The same in voxels of the file itself, for images without a scale too: [2, 2] shows half the resolution."""
    foreground_fraction: Annotated[float, Field(ge=0, le=1)] = 0.5
    """So many of the training patches hold foreground for certain, each class that a case has as often."""
    disagreement_fraction: Annotated[float, Field(ge=0, le=1)] = 0.0
    """So many of the other training patches hold a voxel on which annotators disagree."""
    overlap: Fraction = 0.25
    """Of neighbouring windows in prediction, as a part of their length."""

    def place(self, shape: Sequence[int], affine: NDArray[np.float64], spacing_mm: Sequence[float] | None) -> Placement:
        """Where a case of this shape (S,), affine (4,4) and spacing lies: whole, or resampled; see ``placement``."""
        spacing = {"to_mm": self.spacing_mm, "to_pixels": self.spacing_pixels}
        return place(shape, affine, spacing_mm, size=self.size, whole=self.mode == "resize", **spacing)


def labels_to_grid(labels: NDArray[np.integer], placement: Placement) -> NDArray[np.int16]:
    """(A,S...) class indices -> the network's grid by nearest neighbour; padding is UNLABELLED."""
    placed = np.full((len(labels), *placement.shape), UNLABELLED, np.int16)
    for row, drawn in zip(placed, labels, strict=True):  # one after another: numbers of a resize are float32
        resized = resize(orient(drawn[None].astype(np.float32), placement), placement.resized_shape, linear=False)
        row[placement.inside] = np.rint(resized[0])
    return placed
