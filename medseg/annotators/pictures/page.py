"""The page of pictures of a run: what annotators drew, what was recovered, and how each annotator errs."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.figure import Figure

from medseg.annotators.pictures.heatmaps import confusion_height, draw_confusion, read_confusion
from medseg.annotators.pictures.panels import annotator_colours, draw_panels, read_panel

DOTS_PER_INCH = 110
MOST_PANELS = 4
WIDTH, ROW_HEIGHT, LEGEND_HEIGHT = 15.0, 3.0, 0.7


@rc_context({"text.parse_math": False})
def draw_run(run_folder: Path) -> list[Path]:
    """Draw report/run.png: up to four cases, a row each, and the confusion matrices below.

    Reads report/panels/*.npz and confusion.csv; returns the files written, none where there is nothing.
    """
    sources = sorted((run_folder / "report" / "panels").glob("*.npz"))[:MOST_PANELS]
    if not sources:
        return []
    panels = [read_panel(source) for source in sources]
    colours = annotator_colours(panels[0].annotators)
    confusions = read_confusion(run_folder / "confusion.csv")
    heights = [LEGEND_HEIGHT + ROW_HEIGHT * len(panels)]
    if confusions:
        heights.append(confusion_height(confusions))
    figure = Figure(figsize=(WIDTH, sum(heights)), layout="constrained", dpi=DOTS_PER_INCH)
    parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)
    draw_panels(parts[0, 0], panels, colours)
    if confusions:
        draw_confusion(parts[1, 0], confusions, colours)
    path = run_folder / "report" / "run.png"
    figure.savefig(path)
    return [path]
