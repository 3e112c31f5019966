"""A contact sheet of objects as they were read: what is visible, what may hide it, and what is occluded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects.checking import chosen_objects
from medseg.contracts import ObjectCohort
from medseg.reporting import shown_name

DOTS_PER_INCH = 110
PER_ROW = 10
SIDE, LEGEND_HEIGHT = 1.5, 0.5
COLOURS = {"occluder": "lightskyblue", "visible": "mediumseagreen", "occluded": "darkorange"}
"""In the order of painting: each is laid over those before it."""


@dataclass(frozen=True, kw_only=True)
class ObjectPicture:
    """One object on its crop, masks (S...) of 2 or 3 axes."""

    name: str
    """``<case>/<object>``."""
    visible: NDArray[np.bool_]
    """(S...) what is seen."""
    occluder: NDArray[np.bool_] | None
    """(S...) what may hide it; None where that is not known."""
    amodal: NDArray[np.bool_] | None
    """(S...) the truth; None where it is not known."""
    spacing: tuple[float, ...]
    """Length of a voxel along each of the S axes, in any unit."""


MOST_OBJECTS, SEED = 60, 0
"""On the sheet of a cohort."""


def draw_cohort(cohort: ObjectCohort, page: Path) -> Path:
    """Draw some objects of a cohort, half of them occluded if there are as many."""
    return draw_objects(page, [_picture(one) for one in chosen_objects(cohort, MOST_OBJECTS, SEED)])


def _picture(one: AmodalObject) -> ObjectPicture:
    spacing = one.spacing_mm or (1.0,) * one.visible.ndim
    return ObjectPicture(name=one.name, visible=one.visible, occluder=one.occluder, amodal=one.amodal, spacing=spacing)


@rc_context({"text.parse_math": False})
def draw_objects(path: Path, pictures: Sequence[ObjectPicture]) -> Path:
    """Draw the objects in their order, ten in a row; of a volume the slice that shows most of the visible part."""
    num_rows = max(1, -(-len(pictures) // PER_ROW))
    size = (SIDE * PER_ROW, LEGEND_HEIGHT + SIDE * 1.25 * num_rows)
    figure = Figure(figsize=size, layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(num_rows, PER_ROW, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, picture in zip(axes.flat, pictures, strict=False):
        _draw(axis, picture)
    handles = [Patch(color=colour, label=name) for name, colour in COLOURS.items()]
    figure.legend(handles=handles, loc="outside upper center", ncols=len(handles), fontsize=9, frameon=False)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    return path


def painted(visible: NDArray[np.bool_], occluder: NDArray[np.bool_], amodal: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Masks (H,W) -> (H,W,3) in 0..1, white where there is nothing."""
    colours = np.ones((*visible.shape, 3))
    for name, mask in {"occluder": occluder, "visible": visible, "occluded": amodal & ~visible}.items():
        colours[mask] = to_rgb(COLOURS[name])
    return colours


def _draw(axis: Axes, picture: ObjectPicture) -> None:
    nothing = np.zeros_like(picture.visible)
    known = [nothing if mask is None else mask for mask in (picture.occluder, picture.amodal)]
    masks, spacing = [picture.visible, *known], picture.spacing
    if picture.visible.ndim == 3:
        areas = picture.visible.sum(axis=(0, 1))
        masks = [mask[..., int(areas.argmax())] for mask in masks]
    axis.imshow(painted(*masks), interpolation="nearest", aspect=spacing[0] / spacing[1])
    axis.set_title(f"{shown_name(picture.name)}\n{_occluded_share(picture)}", fontsize=5.5)


def _occluded_share(picture: ObjectPicture) -> str:
    if picture.amodal is None:
        return "amodal mask unknown"
    occluded = 1 - picture.visible.sum() / picture.amodal.sum()
    return f"{occluded:.0%} occluded" if occluded else "unoccluded"
