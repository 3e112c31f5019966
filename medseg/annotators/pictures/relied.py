"""How far the labels' truth relied on each annotator: a row per case, a column per annotator, in colours around 0."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

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
    panels = [read_panel(source) for source in sorted((run_folder / "report" / "panels").glob("*.npz"))]
    panels = [panel for panel in panels if panel.evidence is not None][:MOST_PANELS]
    if not panels:
        return []
    annotators = panels[0].annotators[:MOST_ANNOTATORS]
    size = min(WIDTH / len(annotators), MOST_WIDE)
    figure = Figure(
        figsize=(WIDTH, HEADING_HEIGHT + (size - 0.1) * len(panels)), layout="constrained", dpi=DOTS_PER_INCH
    )
    axes = figure.subplots(len(panels), len(annotators), squeeze=False)
    colours, scale = annotator_colours(panels[0].annotators), _scale(panels)
    for row, panel in zip(axes, panels, strict=True):
        for index, axis in enumerate(row):
            _draw_one(axis, panel, index, colour=colours[annotators[index]], scale=scale)
        row[0].text(-0.05, 0.5, shown_name(panel.case, 24), transform=row[0].transAxes, ha="right", va="center",
                    rotation=90, fontsize=8)  # fmt: skip
    for axis, name in zip(axes[0], annotators, strict=True):
        axis.set_title(shown_name(name, 20), fontsize=9, color=colours[name])
    shown = axes[0, 0].images[-1]
    figure.colorbar(shown, ax=axes, fraction=0.02, pad=0.01, label="nats for the fused truth")
    heading = "Relied on: blue, where a label spoke for the truth of all labels; red, where it was overruled"
    if len(annotators) < len(panels[0].annotators):
        heading += f"; the first {len(annotators)} of {len(panels[0].annotators)} annotators"
    figure.suptitle(heading, fontsize=10)
    path = run_folder / "report" / "reliance.png"
    figure.savefig(path)
    return [path]


def _draw_one(axis: Axes, panel: Panel, index: int, *, colour: str, scale: float) -> None:
    """The evidence of one annotator over the image, with what he drew."""
    assert panel.evidence is not None
    axis.set_axis_off()
    axis.imshow(np.clip(panel.image, 0, 1), cmap="gray", vmin=0, vmax=1, aspect=panel.aspect)
    where = disputed(panel.labels) & (panel.labels[index] != UNLABELLED)
    evidence = np.ma.masked_where(~where, panel.evidence[index])
    axis.imshow(evidence, cmap="RdBu", vmin=-scale, vmax=scale, aspect=panel.aspect, interpolation="nearest")
    draw_outlines(axis, panel.labels[index], len(panel.classes), colour)


def _scale(panels: Sequence[Panel]) -> float:
    """The same for all panels, so that colours can be compared."""
    found = [
        np.abs(panel.evidence[:, disputed(panel.labels)]).ravel() for panel in panels if panel.evidence is not None
    ]
    values = np.concatenate(found)
    return max(float(np.percentile(values, BRIGHTEST)), 0.1) if values.size else 1.0
