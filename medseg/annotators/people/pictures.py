"""The findings as pictures: figures with intervals, matrices, who is like whom, and where each errs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from medseg.annotators.labelled_case import Floats
from medseg.annotators.people.findings import Findings
from medseg.annotators.people.space import REACH
from medseg.annotators.people.styles import APART
from medseg.annotators.pictures.heatmaps import draw_matrix
from medseg.reporting import shown_name

DOTS_PER_INCH = 110
WIDTH, PER_ROW = 15.0, 5
MEASURES = {"relative_area": 1.0, "boundary_bias": 0.0, "sensitivity": None, "specificity": None}
"""What annotators.png shows, and the value of who errs to neither side."""
PLANES = (("front", "up"), ("right", "up"), ("right", "front"))
"""What lies along the two axes of each projection of a volume, the first to the right."""


@rc_context({"text.parse_math": False})
def draw_measures(table: pd.DataFrame, order: Sequence[str], path: Path) -> None:
    """annotators.csv as dots with intervals: a row of plots per class, the annotators downward in ``order``."""
    classes = [str(name) for name in table["class"].unique()]
    height = 0.9 + 0.24 * len(order)
    figure = Figure(figsize=(WIDTH, height * len(classes)), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(len(classes), len(MEASURES), squeeze=False, sharey=True)
    for row, name in zip(axes, classes, strict=True):
        of_class = table[table["class"] == name].set_index("annotator").loc[list(order)]
        for axis, (measure, neither) in zip(row, MEASURES.items(), strict=True):
            _draw_dots(axis, of_class, measure, neither)
        row[0].set_ylabel(shown_name(name))
    figure.savefig(path)


def _draw_dots(axis: Axes, table: pd.DataFrame, measure: str, neither: float | None) -> None:
    places = np.arange(len(table))
    if neither is not None:
        axis.axvline(neither, color="0.6", linewidth=0.8)
    for place, cluster, low, high in zip(
        places, table["cluster"], table[f"{measure}_low"], table[f"{measure}_high"], strict=True
    ):
        axis.plot([low, high], [place, place], color=f"C{(cluster - 1) % 10}", linewidth=2)
    axis.scatter(table[measure], places, c=[f"C{(each - 1) % 10}" for each in table["cluster"]], s=28, zorder=3)
    axis.set_yticks(places, [shown_name(str(name), 20) for name in table.index], fontsize=8)
    axis.set_ylim(len(table) - 0.5, -0.5)
    unit = f" ({table['unit'].iloc[0]})" if measure == "boundary_bias" else ""
    axis.set_xlabel(f"{measure}{unit}", fontsize=9)
    axis.tick_params("x", labelsize=8)
    axis.grid(axis="x", alpha=0.3)


@rc_context({"text.parse_math": False})
def draw_matrices(table: pd.DataFrame, order: Sequence[str], path: Path) -> None:
    """confusion.csv as a heat map per annotator."""
    classes = [str(name) for name in table["true"].unique()]
    columns = min(len(order), PER_ROW)
    rows = -(-len(order) // PER_ROW)
    figure = Figure(figsize=(WIDTH * columns / PER_ROW, 2.6 * rows), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, name in zip(axes.flat, order, strict=False):
        of_one = table[table["annotator"] == name]
        shares = of_one.pivot(index="observed", columns="true", values="share").loc[classes, classes]
        draw_matrix(axis, shares.to_numpy(np.float64), classes)
        axis.set_title(shown_name(name, 24), fontsize=9)
    figure.savefig(path)


@rc_context({"text.parse_math": False})
def draw_pairs(findings: Findings, dice: Floats, path: Path) -> None:
    """Style distance and Dice (A,A) of every pair, those who err alike side by side, clusters in frames."""
    styles, names = findings.styles, findings.labelling.annotators
    order, size = styles.order, max(4.0, 1.6 + 0.45 * len(names))
    figure = Figure(figsize=(2 * size + 2, size), layout="constrained", dpi=DOTS_PER_INCH)
    parts = figure.subplots(1, 2)
    unlike = max(float(styles.distance.max()), APART)
    alike = float(np.nanmin(dice)) if not np.isnan(dice).all() else 0.0
    shown = [
        _draw_heat_map(parts[0], styles.distance[np.ix_(order, order)], "Purples", (0.0, unlike)),
        _draw_heat_map(parts[1], dice[np.ix_(order, order)], "Greens", (alike, 1.0)),
    ]
    parts[0].set_title("style distance: how unlike they err", fontsize=10)
    parts[1].set_title("Dice of their labels", fontsize=10)
    ticks = [shown_name(names[index], 20) for index in order]
    for axis, picture in zip(parts, shown, strict=True):
        _frame_clusters(axis, styles.cluster[order])
        axis.set_xticks(range(len(ticks)), ticks, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
        axis.set_yticks(range(len(ticks)), ticks, fontsize=8)
        figure.colorbar(picture, ax=axis, fraction=0.046, pad=0.02)
    figure.savefig(path)


def _draw_heat_map(axis: Axes, values: Floats, colours: str, limits: tuple[float, float]) -> AxesImage:
    """Of every pair (A,A), the diagonal left out, a number in every cell."""
    low, high = limits
    pairs = np.where(np.eye(len(values), dtype=bool), np.nan, values)
    for (row, column), value in np.ndenumerate(pairs):
        if not np.isnan(value):
            colour = "white" if value > (low + high) / 2 else "black"
            axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=7, color=colour)
    return axis.imshow(np.ma.masked_invalid(pairs), cmap=colours, vmin=low, vmax=high)


def _frame_clusters(axis: Axes, clusters: NDArray[np.int64]) -> None:
    for cluster in np.unique(clusters):
        places = np.flatnonzero(clusters == cluster)
        corner, size = (places[0] - 0.5,) * 2, len(places)
        axis.add_patch(Rectangle(corner, size, size, fill=False, edgecolor="C3", linewidth=1.6))


@rc_context({"text.parse_math": False})
def draw_space(findings: Findings, label: int, path: Path) -> None:
    """Where each annotator adds to a foreground class (red) and cuts from it (blue), around the usual object (line).

    A panel per annotator; of volumes three, each the mean along one axis.
    """
    signed, inside = findings.space.signed()[:, label - 1], findings.space.inside()[label - 1]
    names, planes = findings.labelling.annotators, 1 if inside.ndim == 2 else 3
    panels = [(a, plane) for a in findings.styles.order.tolist() for plane in range(planes)]
    flat = [_flattened(signed[a], plane) for a, plane in panels]
    scale = max((float(np.nanmax(np.abs(each))) for each in flat if not np.isnan(each).all()), default=1.0) or 1.0
    columns = min(len(panels), PER_ROW if planes == 1 else 6)
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.2 + 2.8 * columns, 0.6 + 2.9 * rows), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(rows, columns, squeeze=False)
    for axis in axes.flat:
        axis.set_axis_off()
    for axis, (a, plane), values in zip(axes.flat, panels, flat, strict=False):
        _draw_frame(axis, values, _flattened(inside, plane), scale)
        axis.set_title(
            shown_name(names[a], 24) + ("" if planes == 1 else ": {} →, {} ↑".format(*PLANES[plane])), fontsize=9
        )
    along = "share of cases" if planes == 1 else "share of cases, mean along the line of sight"
    figure.colorbar(axes.flat[0].images[0], ax=axes, fraction=0.02, pad=0.01, label=f"{along}: adds +, cuts -")
    figure.suptitle(f"{shown_name(findings.labelling.classes[label])}: red, where he adds; blue, where he cuts; line: "
                    f"the usual object; {2 * REACH:g} radii wide", fontsize=10)  # fmt: skip
    figure.savefig(path)


def _flattened(values: Floats, plane: int) -> Floats:
    """(F...) -> a picture: of three axes the mean along one, the first remaining axis to the right, the last up."""
    if values.ndim == 2:
        return values
    known = ~np.isnan(values)
    mean = np.nan_to_num(values).sum(axis=plane) / np.maximum(known.sum(axis=plane), 1)
    return np.where(known.any(axis=plane), mean, np.nan).T[::-1]


def _draw_frame(axis: Axes, values: Floats, inside: Floats, scale: float) -> None:
    axis.imshow(np.ma.masked_invalid(values), cmap="RdBu_r", vmin=-scale, vmax=scale)
    level = 0.5 * float(inside.max())
    if level > 0:
        axis.contour(inside, levels=[level], colors="black", linewidths=1)
