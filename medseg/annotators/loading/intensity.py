"""How intensities reach the network: a section of a config, and images on their way to the network's grid."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from medseg.annotators.loading.placement import Placement, Window, image_to_grid
from medseg.contracts import Section

Channel = Annotated[int, Field(ge=0)]


class Intensity(Section):
    """How intensities reach the network: the section ``data.intensity``."""

    normalisation: Literal["zscore", "nonzero", "window"] = "zscore"
    """``zscore``: each channel of each image has mean 0 and deviation 1. ``nonzero``: the same of the voxels that are
    not 0, holes in them too; the others are 0 (a brain without its skull). ``window``: the same numbers for every
    image, so that Hounsfield units keep their meaning."""
    window: tuple[float, float] | None = None
    """Values of the files, low and high, to which ``window`` clips."""
    mean: float | None = None
    """Subtracted then (None: the middle of the window)."""
    deviation: Annotated[float, Field(gt=0)] | None = None
    """Divided by then (None: half the width of the window)."""
    channels: tuple[Channel, ...] | None = None
    """Which channels the window is for, from 0; the others have ``zscore`` (None: all)."""

    @property
    def fixed(self) -> Window | None:
        """The numbers that are the same for every image."""
        if self.window is None:
            return None
        low, high = self.window
        return Window(
            low=low,
            high=high,
            mean=(low + high) / 2 if self.mean is None else self.mean,
            deviation=(high - low) / 2 if self.deviation is None else self.deviation,
            channels=self.channels,
        )

    def to_grid(self, image: NDArray[np.generic], placement: Placement) -> NDArray[np.float32]:
        """(C,S...) on the file's grid -> (C,S...) on the network's grid, as ``normalisation`` says."""
        return image_to_grid(image, placement, window=self.fixed, nonzero=self.normalisation == "nonzero")

    def complaints(self) -> Iterator[str]:
        """A window that is none, and numbers that nobody would read."""
        if self.normalisation == "window" and (self.window is None or self.window[0] >= self.window[1]):
            got = "none" if self.window is None else list(self.window)
            yield f"data.intensity.window: expected [low, high], the first below the second, got {got}"
        if self.normalisation != "window":
            for key in ("window", "mean", "deviation", "channels"):
                if (value := getattr(self, key)) is not None:
                    yield f"data.intensity.{key}: expected normalisation window beside it, got {value!r} without"


ZSCORE = Intensity()
"""Each image by itself."""
