"""A map per case (row) and annotator (column): how far labels relied on him, how reliable he is learned to be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from medseg.annotators.consensus import disputed
from medseg.annotators.pictures.panels import Panel, annotator_colours, draw_outlines, read_panel
from medseg.contracts import UNLABELLED
from medseg.reporting import shown_name

DOTS_PER_INCH = 110
MOST_PANELS, MOST_ANNOTATORS = 4, 10
"""So many cases and annotators are drawn, the first ones; a heading says how many there are."""
WIDTH, HEADING_HEIGHT, MOST_WIDE = 15.0, 0.7, 3.0
BRIGHTEST = 98
"""The scale ends at this percentile of the evidence in the voxels that are drawn, on both sides of 0."""


@rc_context({"text.parse_math": False})
def draw_reliance(run_folder: Path) -> list[Path]:
    """Draw report/reliance.png from report/panels/*.npz; returns the files written, none where nothing is known.

    Coloured are the voxels on which annotators differ: blue where a label spoke for the fused truth, red where it was
    overruled, pale where it said nothing.
    """
    panels = [panel for panel in _panels(run_folder) if panel.evidence is not None]
    if not panels:
        return []
    scale = _scale(panels)

    def draw(axis: Axes, panel: Panel, index: int) -> AxesImage:
        assert panel.evidence is not None
        where = disputed(panel.labels) & (panel.labels[index] != UNLABELLED)
        evidence = np.ma.masked_where(~where, panel.evidence[index])
        return axis.imshow(evidence, cmap="RdBu", vmin=-scale, vmax=scale, aspect=panel.aspect, interpolation="nearest")

    heading = "Relied on: blue, where a label spoke for the truth of all labels; red, where it was overruled"
    path = run_folder / "report" / "reliance.png"
    return [_draw_maps(panels, draw, heading=heading, unit="nats for the fused truth", path=path)]


@rc_context({"text.parse_math": False})
def draw_reliability(run_folder: Path) -> list[Path]:
    """Draw report/reliability.png from report/panels/*.npz; returns the files written, none for a run without matrices.

    r = sum_t C[t,t](x) p(t|x) of the learned matrices: the probability that the annotator writes what is true there.
    """
    panels = [panel for panel in _panels(run_folder) if panel.reliability is not None]
    if not panels:
        return []

    def draw(axis: Axes, panel: Panel, index: int) -> AxesImage:
        assert panel.reliability is not None
        return axis.imshow(panel.reliability[index], cmap="viridis", vmin=0, vmax=1, aspect=panel.aspect)

    heading = "Learned: the probability that an annotator writes the truth, voxel by voxel; his outlines"
    path = run_folder / "report" / "reliability.png"
    return [_draw_maps(panels, draw, heading=heading, unit="probability", path=path)]


def _panels(run_folder: Path) -> list[Panel]:
    return [read_panel(source) for source in sorted((run_folder / "report" / "panels").glob("*.npz"))]


def _draw_maps(
    panels: Sequence[Panel], draw: Callable[[Axes, Panel, int], AxesImage], *, heading: str, unit: str, path: Path
) -> Path:
    """A row per case, a column per annotator: the image, over it what ``draw`` draws of both, and what he drew."""
    panels, every = panels[:MOST_PANELS], panels[0].annotators
    annotators, colours = every[:MOST_ANNOTATORS], annotator_colours(every)
    size = min(WIDTH / len(annotators), MOST_WIDE)
    figure = Figure(
        figsize=(WIDTH, HEADING_HEIGHT + (size - 0.1) * len(panels)), layout="constrained", dpi=DOTS_PER_INCH
    )
    axes = figure.subplots(len(panels), len(annotators), squeeze=False)
    shown = None
    for row, panel in zip(axes, panels, strict=True):
        for index, axis in enumerate(row):
            axis.set_axis_off()
            axis.imshow(np.clip(panel.image, 0, 1), cmap="gray", vmin=0, vmax=1, aspect=panel.aspect)
            shown = draw(axis, panel, index)
            draw_outlines(axis, panel.labels[index], len(panel.classes), colours[annotators[index]])
        row[0].text(-0.05, 0.5, shown_name(panel.case, 24), transform=row[0].transAxes, ha="right", va="center",
                    rotation=90, fontsize=8)  # fmt: skip
    for axis, name in zip(axes[0], annotators, strict=True):
        axis.set_title(shown_name(name, 20), fontsize=9, color=colours[name])
    assert shown is not None
    figure.colorbar(shown, ax=axes, fraction=0.02, pad=0.01, label=unit)
    if len(annotators) < len(every):
        heading += f"; the first {len(annotators)} of {len(every)} annotators"
    figure.suptitle(heading, fontsize=10)
    figure.savefig(path)
    return path


def _scale(panels: Sequence[Panel]) -> float:
    """The same for all panels, so that colours can be compared."""
    found = [
        np.abs(panel.evidence[:, disputed(panel.labels)]).ravel() for panel in panels if panel.evidence is not None
    ]
    values = np.concatenate(found)
    return max(float(np.percentile(values, BRIGHTEST)), 0.1) if values.size else 1.0
