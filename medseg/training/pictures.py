"""Arrays as W&B's pictures want them: W&B neither scales an image nor checks the shape of a mask."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from medseg.contracts import UNLABELLED, Refused, complaint


def window_to_uint8(image: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Stretch the 1st to the 99th percentile to 0..255; an 8-bit image stays as it is."""
    if image.dtype == np.uint8:
        return image.astype(np.uint8)
    values = image.astype(np.float64)
    low, high = np.percentile(values, (1, 99))
    return np.round(255 * np.clip((values - low) / max(high - low, 1e-12), 0, 1)).astype(np.uint8)


@rc_context({"text.parse_math": False})
def draw_matrix(matrix: NDArray[np.floating], class_names: Sequence[str]) -> NDArray[np.uint8]:
    """A matrix (O,T) as an RGB picture (H,W,3) with its numbers."""
    names = [name if len(name) <= 16 else f"{name[:9]}…{name[-6:]}" for name in class_names]
    figure = Figure(figsize=(1.5 + 0.8 * matrix.shape[1], 1.2 + 0.7 * matrix.shape[0]), layout="constrained")
    axes = figure.add_subplot(
        xticks=range(matrix.shape[1]),
        yticks=range(matrix.shape[0]),
        xticklabels=names,
        yticklabels=names,
        xlabel="true",
        ylabel="observed",
    )
    axes.imshow(matrix, vmin=0, vmax=1, cmap="Blues")
    for (row, column), value in np.ndenumerate(matrix):
        colour = "white" if value > 0.5 else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def drawable_mask(mask: NDArray[np.integer], shape: tuple[int, ...], classes: int, where: str) -> NDArray[np.uint8]:
    """Class indices as W&B draws them; UNLABELLED becomes the number after the last class.

    Raises Refused where the mask has not the shape of the image, which W&B would accept.
    """
    if mask.shape != shape:
        expected, got = ("x".join(map(str, lengths)) for lengths in (shape, mask.shape))
        raise Refused([complaint("mask shape", expected, got, where)])
    return np.where(mask == UNLABELLED, classes, mask).astype(np.uint8)
