"""The outliers as they were drawn: a panel each, with the reference and what the others drew."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medseg.annotators.people.findings import Findings
from medseg.annotators.pictures.panels import draw_outlines
from medseg.reporting import shown_name

DOTS_PER_INCH = 110
MOST, PER_ROW = 10, 5
"""So many are drawn, the worst ones."""


@rc_context({"text.parse_math": False})
def draw_outliers(findings: Findings, path: Path) -> None:
    """The outlier red, its reference white, the others grey; of a volume the slice with the most of both.

    Where there is none, the picture says so. Raises Refused for files that cannot be read.
    """
    places = findings.outliers.places[:MOST].tolist()
    columns, rows = max(min(len(places), PER_ROW), 1), max(-(-len(places) // PER_ROW), 1)
    figure = Figure(figsize=(max(3.2 * columns, 5.0), 0.4 + 3.5 * rows), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (case, annotator) in zip(axes.flat, places, strict=False):
        _draw_one(axis, findings, case, annotator)
    legend = "red: the outlier; white: what he is measured by; grey: the others"
    figure.suptitle(legend if places else "no outlier", fontsize=10)
    figure.savefig(path)


def _draw_one(axis: Axes, findings: Findings, case: int, annotator: int) -> None:
    labelling = findings.labelling
    record = labelling.record(labelling.cohort.cases[case])
    reference, drawn = labelling.references(record)[annotator], record.labels[annotator]
    flat: tuple[slice | int, ...] = (slice(None),) * 2
    if drawn.ndim == 3:
        flat = (*flat, int(((drawn > 0) | (reference > 0)).sum((0, 1)).argmax()))
    steps, classes = record.spacing_mm or (1.0, 1.0), len(labelling.classes)
    image = record.image[(0, *flat)]
    low, high = np.percentile(image, [0.5, 99.5])
    axis.imshow(image, cmap="gray", vmin=low, vmax=max(high, low + 1e-6), aspect=steps[0] / steps[1])
    for other, labels in enumerate(record.labels):
        if other != annotator:
            draw_outlines(axis, labels[flat], classes, "0.6")
    draw_outlines(axis, reference[flat], classes, "white")
    draw_outlines(axis, drawn[flat], classes, "red")
    name, dice = labelling.annotators[annotator], findings.outliers.dice[case, annotator]
    axis.set_title(f"{shown_name(record.case.name, 30)}\n{shown_name(name, 20)}, Dice {dice:.2f}", fontsize=8)
