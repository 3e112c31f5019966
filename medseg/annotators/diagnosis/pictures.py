"""The tables as pictures: curves over levels, over shares of swapped labels, over examples; clusters; the graph."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from medseg.annotators.diagnosis.concepts import ANNOTATOR, CLUSTER, Concepts
from medseg.annotators.diagnosis.learnability import EXAMPLES
from medseg.annotators.diagnosis.robustness import MAPPER, NETWORK, Mapped
from medseg.reporting import shown_name

DOTS_PER_INCH = 110
PER_ROW, MOST_SHOWN = 5, 8
"""Panels beside one another, and clusters or annotators in one picture."""

COLOURINGS = {
    "class": "the most frequent true class",
    "error": "share that the network calls wrong",
    "disagreement": "share of annotators against most of them",
}
"""Column of mapper.csv -> what a colour of the graph means."""


@rc_context({"text.parse_math": False})
def draw_decodability(table: pd.DataFrame, path: Path) -> None:
    """A panel per property: the score of a probe at every level, before training and after."""
    groups = dict(list(table.groupby("property", sort=False)))
    figure, axes = _panels(len(groups), 3.1, 2.7)
    for axis, (name, rows) in zip(axes, groups.items(), strict=False):
        places = np.arange(len(rows))
        axis.axhline(rows["chance"].iloc[0], color="0.5", linewidth=0.8, linestyle=":")
        axis.plot(places, rows["before"], "o--", color="0.6", markersize=4, label="before training")
        ends = (rows["before"] + rows["change_low"], rows["before"] + rows["change_high"])
        axis.vlines(places, *ends, color="C0", linewidth=1.5)
        axis.plot(places, rows["after"], "o-", color="C0", markersize=4, label="after training")
        axis.set_title(shown_name(str(name), 32), fontsize=9)
        axis.set_xticks(places, rows["level"].tolist(), rotation=35, ha="right", fontsize=7)
        axis.set_ylabel("R²" if rows["score"].iloc[0] == "r2" else "area under ROC", fontsize=8)
        low = min(float(np.nanmin(rows[["before", "after", "chance"]])), float(ends[0].min()))
        axis.set_ylim(max(low, rows["chance"].iloc[0] - 0.5) - 0.04, 1.04)
        axis.tick_params("y", labelsize=8)
        axis.grid(axis="y", alpha=0.3)
    axes[0].legend(fontsize=7, frameon=False)
    figure.savefig(path)


@rc_context({"text.parse_math": False})
def draw_memorisation(table: pd.DataFrame, path: Path) -> None:
    """A row per choice of whose labels are swapped, a column per annotator: nats over the share that is swapped."""
    clean, swaps = table[table["percent"] == 0], table[table["percent"] > 0]
    whose, names = swaps["swapped"].unique().tolist(), table["annotator"].unique().tolist()[:MOST_SHOWN]
    figure = Figure(figsize=(1 + 2.5 * len(names), 0.6 + 2.4 * len(whose)), layout="constrained", dpi=DOTS_PER_INCH)
    axes = figure.subplots(len(whose), len(names), squeeze=False, sharex=True, sharey="row")
    for row, one in zip(axes, whose, strict=True):
        for axis, name in zip(row, names, strict=True):
            rows = pd.concat([part[part["annotator"] == name] for part in (clean, swaps[swaps["swapped"] == one])])
            _draw_nats(axis, rows.sort_values("percent"))
            axis.set_title(f"of {shown_name(name, 20)}", fontsize=9)
        row[0].set_ylabel(f"swapped: {shown_name(str(one), 20)}\nnats per voxel", fontsize=8)
    for axis in axes[-1]:
        axis.set_xlabel("% of labels swapped", fontsize=8)
    axes[0, 0].legend(fontsize=7, frameon=False)
    figure.savefig(path)


def _draw_nats(axis: Axes, rows: pd.DataFrame) -> None:
    styles = {
        "shown_nats": ("C0", "training, as shown"),
        "held_out_nats": ("C1", "held-out, clean"),
    }
    for name, (colour, label) in styles.items():
        axis.vlines(rows["percent"], rows[f"{name}_low"], rows[f"{name}_high"], color=colour, linewidth=1.5)
        axis.plot(rows["percent"], rows[name], "o-", color=colour, markersize=4, label=label)
    axis.plot(rows["percent"], rows["swapped_nats"], "o:", color="C0", markersize=3, label="training, swapped ones")
    axis.plot(rows["percent"], rows["last_nats"], "^--", color="0.6", markersize=3, label="training, last epoch, all")
    axis.set_xticks(rows["percent"].unique())
    axis.tick_params(labelsize=8)
    axis.grid(alpha=0.3)


@rc_context({"text.parse_math": False})
def draw_clusters(found: Concepts, dims: int, path: Path) -> None:
    """Above where each cluster adds and cuts; below how its members are told, and whose they are."""
    lines = found.judged[found.judged["told_by"] == "a line"].set_index("group")["line"]
    columns = len(found.names)
    figure = Figure(figsize=(max(12.0, 1 + 2 * columns), 7.0), layout="constrained", dpi=DOTS_PER_INCH)
    above, below = figure.subfigures(2, 1, height_ratios=[1, 1.1], squeeze=False)[:, 0]
    maps = above.subplots(1, columns, squeeze=False)[0]
    side = round(found.deviations.images.shape[1] ** (1 / dims))
    images = [found.deviations.images[found.cluster == number].mean(axis=0).reshape((side,) * dims)
              for number in range(1, len(found.names) + 1)]  # fmt: skip
    flat = [image if dims == 2 else image.mean(axis=0).T[::-1] for image in images]
    scale = max(*(float(np.abs(image).max()) for image in flat), 1e-6)
    for axis in maps:
        axis.set_axis_off()
    for axis, name, image in zip(maps, found.names, flat, strict=False):
        axis.imshow(image, cmap="RdBu_r", vmin=-scale, vmax=scale)
        axis.set_title(f"{name}\n{lines[name]}", fontsize=9)
    above.colorbar(maps[0].images[0], ax=maps, fraction=0.02, pad=0.01, label="adds +, cuts -")
    parts = below.subplots(1, 3)
    for axis, grouping in zip(parts, (CLUSTER, ANNOTATOR), strict=False):
        _draw_learned(axis, found.judged[found.judged["grouping"] == grouping])
        axis.set_title(f"told from others, by {grouping}", fontsize=9)
    _draw_shares(parts[2], found.masks)
    figure.savefig(path)


def _draw_learned(axis: Axes, table: pd.DataFrame) -> None:
    axis.axhline(0.5, color="0.5", linewidth=0.8, linestyle=":")
    for number, (name, rows) in enumerate(list(table.groupby("group", sort=False))[:MOST_SHOWN]):
        shown, line = rows.iloc[: len(EXAMPLES)], rows.iloc[-1]
        places, colour = np.arange(len(shown)) + 0.04 * number, f"C{number % 10}"
        axis.vlines(places, shown["accuracy_low"], shown["accuracy_high"], color=colour, linewidth=1, alpha=0.6)
        axis.plot(places, shown["accuracy"], "o-", color=colour, markersize=4, label=shown_name(str(name), 20))
        axis.plot(len(EXAMPLES) + 0.04 * number, line["accuracy"], "*", color=colour, markersize=9)
    axis.set_xticks(range(len(EXAMPLES) + 1), [*map(str, EXAMPLES), "a line"])
    axis.set_xlabel("examples shown", fontsize=8)
    axis.set_ylabel("right choices of two", fontsize=8)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7, frameon=False, loc="lower left")


def _draw_shares(axis: Axes, masks: pd.DataFrame) -> None:
    """Of each annotator's masks, the share in each cluster."""
    shares = pd.crosstab(masks["annotator"], masks["cluster"], normalize="index")
    shares = shares.loc[masks["annotator"].unique().tolist()]
    axis.imshow(shares.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(shares.to_numpy()):
        colour = "white" if value > 0.6 else "black"
        axis.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=8, color=colour)
    axis.set_yticks(range(len(shares)), [shown_name(str(name), 20) for name in shares.index], fontsize=8)
    axis.set_xticks(range(shares.shape[1]), [f"cluster {name}" for name in shares.columns], fontsize=8)
    axis.set_title("share of an annotator's masks", fontsize=9)


@rc_context({"text.parse_math": False})
def draw_mapper(found: Mapped, path: Path) -> None:
    """The graph under each colouring, and how the two classifiers bear the attack."""
    columns = [name for name in map(str, found.nodes.columns) if name.startswith("most ")]
    groups, shares = ["class", *columns[:1]], ["error", "disagreement"]
    figure, axes = _panels(len(groups) + len(shares) + 1, 4.2, 3.6, per_row=3)
    for axis, name in zip(axes, [*groups, *shares], strict=False):
        _draw_graph(axis, found, name, grouped=name in groups)
        axis.set_title(shown_name(COLOURINGS.get(name, name.replace("most ", "the most frequent ")), 48), fontsize=9)
    last = axes[len(groups) + len(shares)]
    for colour, name in (("C0", NETWORK), ("C3", MAPPER)):
        rows = found.robustness[found.robustness["classifier"] == name]
        label = "votes of the nodes" if name == MAPPER else "network"
        last.vlines(rows["epsilon"], rows["accuracy_low"], rows["accuracy_high"], color=colour, linewidth=1.5)
        last.plot(rows["epsilon"], rows["accuracy"], "o-" if name == NETWORK else "s--", color=colour, markersize=4,
                  label=label)  # fmt: skip
    last.set_xlabel("strength of the attack (deviations of the image)", fontsize=8)
    last.set_ylabel("held-out voxels called right", fontsize=8)
    last.tick_params(labelsize=8)
    last.legend(fontsize=8, frameon=False)
    figure.savefig(path)


def _draw_graph(axis: Axes, found: Mapped, name: str, *, grouped: bool) -> None:
    nodes = found.nodes
    x, y = nodes["lens_1"].to_numpy(), nodes["lens_2"].to_numpy()
    for a, b in found.graph.edges:
        axis.plot(x[[a, b]], y[[a, b]], color="0.75", linewidth=0.5, zorder=1)
    size = 8 + 120 * np.sqrt(nodes["voxels"] / nodes["voxels"].max())
    if grouped:
        for number, (group, rows) in enumerate(nodes.groupby(name)):
            axis.scatter(x[rows.index], y[rows.index], size[rows.index], f"C{number % 10}", zorder=2,
                         label=shown_name(str(group), 16), linewidths=0.4, edgecolors="white")  # fmt: skip
        axis.legend(fontsize=6, frameon=False, markerscale=0.6, ncols=2 if nodes[name].nunique() > 5 else 1)
    else:
        shown = axis.scatter(x, y, size, nodes[name], cmap="viridis", zorder=2, linewidths=0.4, edgecolors="white")
        axis.figure.colorbar(shown, ax=axis, fraction=0.046, pad=0.02).ax.tick_params(labelsize=7)
    axis.set_xlabel("first principal component", fontsize=7)
    axis.set_ylabel("second", fontsize=7)
    axis.set_xticks([])
    axis.set_yticks([])


def _panels(number: int, width: float, height: float, *, per_row: int = PER_ROW) -> tuple[Figure, list[Axes]]:
    """So many panels, the places left over empty."""
    columns = min(number, per_row)
    rows = -(-number // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained", dpi=DOTS_PER_INCH)
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axis in axes[number:]:
        axis.set_axis_off()
    return figure, axes
