"""Confusion matrices of the annotators as heat maps, with the names of the classes and the numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from numpy.typing import NDArray

from medseg.reporting import shown_name

PER_ROW = 6
MOST = 18
"""So many annotators are drawn, the first ones of confusion.csv; a heading says how many there are."""
ROW_HEIGHT, HEADING_HEIGHT = 2.9, 0.5


@dataclass(frozen=True, kw_only=True)
class Confusion:
    """One annotator's matrices, whose columns sum to 1; a class that does not occur has a column of nan."""

    annotator: str
    """Whose."""
    classes: tuple[str, ...]
    """Names in the order of O and T."""
    estimated: NDArray[np.float64]
    """(O,T) as it was learned."""
    empirical: NDArray[np.float64] | None
    """(O,T) as counted against the known truth; None where no truth is known."""


def read_confusion(path: Path) -> list[Confusion]:
    """Read confusion.csv (annotator,observed,true,estimated,empirical); nothing where there is no file."""
    if not path.is_file():
        return []
    frame = pd.read_csv(path, dtype="str", keep_default_na=False)
    classes = tuple(str(name) for name in frame["true"].unique())
    confusions = []
    for annotator, group in frame.groupby("annotator", sort=False):
        estimated, empirical = _matrix(group, "estimated", classes), _matrix(group, "empirical", classes)
        known = None if np.isnan(empirical).all() else empirical
        confusion = Confusion(annotator=str(annotator), classes=classes, estimated=estimated, empirical=known)
        confusions.append(confusion)
    return confusions


def confusion_height(confusions: Sequence[Confusion]) -> float:
    """Height in inches that ``draw_confusion`` needs."""
    return HEADING_HEIGHT + ROW_HEIGHT * _num_rows(confusions)


def draw_confusion(figure: SubFigure, confusions: Sequence[Confusion], colours: dict[str, str]) -> None:
    """A heat map per annotator; where the truth is known, the empirical matrix below the estimated one.

    colours: annotator -> the colour of its title, as in the pictures above.
    """
    shown = confusions[:MOST]
    heading = "Confusion: share of the voxels of each true class (column) that the annotator calls so (row)"
    if len(shown) < len(confusions):
        heading += f"; the first {len(shown)} of {len(confusions)} annotators"
    figure.suptitle(heading, fontsize=10)
    axes = figure.subplots(_num_rows(shown), PER_ROW, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    step = _rows_per_annotator(shown)
    for index, confusion in enumerate(shown):
        row, column = step * (index // PER_ROW), index % PER_ROW
        colour = colours.get(confusion.annotator, "black")
        estimated = axes[row, column]
        draw_matrix(estimated, confusion.estimated, confusion.classes)
        estimated.set_title(f"{shown_name(confusion.annotator, 20)}, estimated", fontsize=9, color=colour)
        if confusion.empirical is not None:
            empirical = axes[row + 1, column]
            draw_matrix(empirical, confusion.empirical, confusion.classes)
            empirical.set_title(f"{shown_name(confusion.annotator, 20)}, measured", fontsize=9, color=colour)
    for axis in axes[:, 1:].flat:  # the names of the observed classes stand beside the first column
        axis.set_yticks([])
        axis.set_ylabel("")


def draw_matrix(axis: Axes, matrix: NDArray[np.float64], classes: Sequence[str]) -> None:
    """One matrix (O,T): observed classes downward, true classes to the right, a number in every cell."""
    axis.set_axis_on()
    axis.imshow(np.ma.masked_invalid(matrix), cmap="Blues", vmin=0, vmax=1)
    axis.set_facecolor("0.9")
    size, names = 8 if len(classes) <= 4 else 6, [shown_name(name, 16) for name in classes]
    for (o, t), value in np.ndenumerate(matrix):
        text = "n/a" if np.isnan(value) else f"{value:.3f}" if len(classes) <= 4 else f"{value:.2f}"
        axis.text(t, o, text, ha="center", va="center", fontsize=size, color="white" if value > 0.6 else "black")
    axis.set_xticks(range(len(classes)), names, fontsize=size)
    if len(classes) > 2:
        axis.tick_params("x", rotation=30)
        for name in axis.get_xticklabels():
            name.set(ha="right", rotation_mode="anchor")
    axis.set_yticks(range(len(classes)), names, fontsize=size)
    axis.set_xlabel("true", fontsize=8)
    axis.set_ylabel("observed", fontsize=8)


def _matrix(group: pd.DataFrame, column: str, classes: Sequence[str]) -> NDArray[np.float64]:
    matrix = np.full((len(classes), len(classes)), np.nan)
    observed, true = (group[name].map(list(classes).index).to_numpy() for name in ("observed", "true"))
    matrix[observed, true] = group[column].astype(float).to_numpy()
    return matrix


def _rows_per_annotator(confusions: Sequence[Confusion]) -> int:
    return 1 if all(confusion.empirical is None for confusion in confusions) else 2


def _num_rows(confusions: Sequence[Confusion]) -> int:
    return _rows_per_annotator(confusions) * -(-min(len(confusions), MOST) // PER_ROW)
