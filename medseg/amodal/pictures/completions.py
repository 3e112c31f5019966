"""Pictures of what the completing network does: completions with their samples, reconstructions, latent traversals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from medseg.amodal.pictures.objects import COLOURS, painted
from medseg.reporting import number_text, shown_name

DOTS_PER_INCH = 110
SAMPLES = 4
COLUMNS = ("seen", "truth", "answer", "probability (0 dark, 1 light)", *(f"sample {n + 1}" for n in range(SAMPLES)))
SIDE, ROW_HEIGHT, HEADING_HEIGHT = 1.7, 1.95, 0.75
PER_ROW = 12
"""So many reconstructions stand beside one another."""
TILE, MARGIN = 0.75, 0.6


@dataclass(frozen=True, kw_only=True)
class CompletionPanel:
    """One object on its crop, arrays (S...) of 2 or 3 axes."""

    name: str
    """``<case>/<object>``."""
    visible: NDArray[np.bool_]
    """(S...) what is seen."""
    occluder: NDArray[np.bool_] | None
    """(S...) what may hide it; None where that is not known."""
    amodal: NDArray[np.bool_] | None
    """(S...) the truth; None where it is not known."""
    answer: NDArray[np.bool_]
    """(S...) the completed mask."""
    probs: NDArray[np.floating]
    """(S...) p(voxel belongs to the object)."""
    samples: NDArray[np.bool_]
    """(N,S...) draws of the amodal mask; N may be 0."""
    amodal_iou: float
    """Of the answer; nan where the amodal mask is not known."""
    occluded_iou: float
    """Of the answer; nan where the amodal mask is not known, and where nothing is occluded."""
    spacing: tuple[float, ...]
    """Length of a voxel along each of the S axes, in any unit."""


@rc_context({"text.parse_math": False})
def draw_completions(path: Path, rows: Sequence[CompletionPanel]) -> Path:
    """Draw a row per object with the pictures named in ``COLUMNS``, in the colours of the objects' contact sheet.

    Of a volume the slice that shows most of the occluded part (of the occluder, where the amodal mask is not known).
    """
    width, height = SIDE * len(COLUMNS), HEADING_HEIGHT + ROW_HEIGHT * len(rows)
    figure = Figure(figsize=(width, height), dpi=DOTS_PER_INCH)
    top = 1 - HEADING_HEIGHT / height
    room = {"left": 0.01, "right": 0.99, "bottom": 0.01, "top": top, "wspace": 0.06, "hspace": 0.16}
    axes = figure.subplots(len(rows), len(COLUMNS), squeeze=False, gridspec_kw=room)
    for axis in axes.flat:
        axis.set_axis_off()
    for row, panel in zip(axes, rows, strict=True):
        _draw_panel(row, panel)
    for axis, title in zip(axes[0], COLUMNS, strict=True):
        box = axis.get_position()
        figure.text((box.x0 + box.x1) / 2, 1 - 0.5 / height, title, ha="center", va="center", fontsize=8)
    names = {"occluder": "occluder", "visible": "visible", "occluded": "occluded (truth) or added (answer, samples)"}
    handles = [Patch(color=COLOURS[name], label=label) for name, label in names.items()]
    figure.legend(handles=handles, loc="upper center", ncols=len(handles), fontsize=8, frameon=False)
    return _save(figure, path)


def draw_reconstructions(
    path: Path, masks: NDArray[np.bool_] | NDArray[np.floating], reconstructions: NDArray[np.floating]
) -> Path:
    """Draw masks (N,S...) and below each its reconstruction (N,S...), both in 0..1, on the network's grid.

    Of a volume the slice that shows most of the mask.
    """
    pairs = np.stack([masks.astype(np.float32), reconstructions.astype(np.float32)], axis=1)
    if pairs.ndim == 5:
        areas = pairs[:, 0].sum(axis=(1, 2))
        pairs = np.stack([pair[..., int(area.argmax())] for pair, area in zip(pairs, areas, strict=True)])
    blocks = [pairs[start : start + PER_ROW] for start in range(0, len(pairs), PER_ROW)]
    blank = np.zeros((2, min(len(pairs), PER_ROW), *pairs.shape[2:]), np.float32)
    tiles = np.concatenate([_filled(blank, np.moveaxis(block, 0, 1)) for block in blocks])
    return _save(_mosaic(tiles, ["mask", "network"] * len(blocks), []), path)


def draw_traversals(path: Path, probs: NDArray[np.floating], names: Sequence[str], steps: Sequence[float] = ()) -> Path:
    """Draw decoded probs (L,K,S...): a named row per direction of z, along which K steps are taken.

    steps: (K,) in standard deviations, written above the columns. Of volumes one slice, the one with most probability.
    """
    tiles = probs
    if probs.ndim == 5:
        tiles = probs[..., int(probs.sum(axis=(0, 1, 2, 3)).argmax())]
    return _save(_mosaic(tiles, names, [f"{step:+g} sd" if step else "mean" for step in steps]), path)


def draw_shapes(path: Path, rows: Mapping[str, NDArray[np.floating]]) -> Path:
    """Draw shapes (N,S...) in 0..1 of one grid, a named row of each kind; of volumes the middle slice."""
    tiles = np.stack([*rows.values()])
    if tiles.ndim == 5:
        tiles = tiles[..., tiles.shape[-1] // 2]
    return _save(_mosaic(tiles, [*rows], []), path)


def _draw_panel(axes: Sequence[Axes], panel: CompletionPanel) -> None:
    flat = _slice(panel)
    visible, nothing = panel.visible[flat], np.zeros_like(panel.visible[flat])
    occluder = nothing if panel.occluder is None else panel.occluder[flat]
    aspect = panel.spacing[0] / panel.spacing[1]
    seen, truth, answer, probability, *samples = axes
    masks = [(seen, visible), (answer, panel.answer[flat])]
    if panel.amodal is not None:
        masks.append((truth, panel.amodal[flat]))
    masks += [(axis, sample[flat]) for axis, sample in zip(samples, panel.samples, strict=False)]
    for axis, amodal in masks:
        axis.imshow(painted(visible, occluder & ~amodal, amodal), interpolation="nearest", aspect=aspect)
    probability.imshow(panel.probs[flat], cmap="magma", vmin=0, vmax=1, interpolation="nearest", aspect=aspect)
    scores = f"IoU amodal {number_text(panel.amodal_iou)}, occluded {number_text(panel.occluded_iou)}"
    seen.set_title(f"{shown_name(panel.name, 64)}   {scores}", fontsize=8, loc="left", pad=3)


def _slice(panel: CompletionPanel) -> tuple[slice | int, ...]:
    """All of a picture; of a volume the slice across the last axis with most of what matters."""
    if panel.visible.ndim == 2:
        return (slice(None), slice(None))
    occluded = None if panel.amodal is None else panel.amodal & ~panel.visible
    shown = next(mask for mask in (occluded, panel.occluder, panel.visible) if mask is not None and mask.any())
    return (slice(None), slice(None), int(shown.sum(axis=(0, 1)).argmax()))


def _filled(blank: NDArray[np.float32], tiles: NDArray[np.float32]) -> NDArray[np.float32]:
    """tiles (2,K,H,W) in the first columns of blank (2,K',H,W)."""
    filled = blank.copy()
    filled[:, : tiles.shape[1]] = tiles
    return filled


def _mosaic(tiles: NDArray[np.floating], row_names: Sequence[str], column_names: Sequence[str]) -> Figure:
    """tiles (R,K,H,W) in 0..1 as one picture, with a line of two pixels around each."""
    num_rows, num_columns, high, wide = tiles.shape
    padded = np.pad(tiles.astype(np.float32), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=0.5)
    joined = padded.transpose(0, 2, 1, 3).reshape(num_rows * (high + 2), num_columns * (wide + 2))
    size = (MARGIN + TILE * num_columns, MARGIN / 2 + TILE * num_rows * (high + 2) / (wide + 2))
    figure = Figure(figsize=size, dpi=DOTS_PER_INCH)
    axis = figure.add_axes((MARGIN / size[0], 0, 1 - MARGIN / size[0], 1 - MARGIN / 2 / size[1]))
    axis.imshow(joined, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axis.set_yticks((np.arange(num_rows) + 0.5) * (high + 2) - 0.5, row_names, fontsize=7)
    axis.set_xticks((np.arange(len(column_names)) + 0.5) * (wide + 2) - 0.5, column_names, fontsize=7)
    axis.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    axis.spines[:].set_visible(False)
    return figure


def _save(figure: Figure, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path
