"""Pictures of single cases: image, every annotator's outline, recovered truth, predicted annotators, entropy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgba
from matplotlib.figure import SubFigure
from matplotlib.lines import Line2D
from numpy.typing import NDArray
from skimage.measure import find_contours

from medseg.reporting import shown_name

LINE_STYLES = ("-", "--", ":", "-.")
"""One per foreground class, where colour already says who drew."""
LEGEND_CHARACTERS = 180
"""So many fit beside one another on the page; a line and its gap take eight."""
COLUMNS = ("image", "annotators", "recovered truth", "predicted annotators", "entropy of the truth (nats)")


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One slice of one case, as report/panels/<case>.npz holds it."""

    case: str
    """Name of the case."""
    image: NDArray[np.floating]
    """(H,W) or (H,W,3) in 0..1."""
    labels: NDArray[np.integer]
    """(A,H,W) drawn; -1 of an absent annotator."""
    truth_labels: NDArray[np.integer]
    """(H,W) recovered."""
    annotator_labels: NDArray[np.integer]
    """(A,H,W) predicted."""
    entropy: NDArray[np.floating]
    """(H,W) of the recovered truth, in nats."""
    known_truth: NDArray[np.integer] | None
    """(H,W), None where it is not known."""
    annotators: tuple[str, ...]
    """Names in the order of A."""
    classes: tuple[str, ...]
    """Names, the background first."""
    aspect: float
    """Height of a pixel divided by its width."""
    evidence: NDArray[np.floating] | None = None
    """(A,H,W) nats by which each label speaks for the fused truth; None where no fusion is known."""
    reliability: NDArray[np.floating] | None = None
    """(A,H,W) learned probability that each annotator writes the truth; None of a run without matrices."""


def read_panel(path: Path) -> Panel:
    """Read report/panels/<case>.npz; the file's name is the case's."""
    with np.load(path) as arrays:
        return Panel(
            case=path.stem,
            image=arrays["image"],
            labels=arrays["labels"],
            truth_labels=arrays["truth_labels"],
            annotator_labels=arrays["annotator_labels"],
            entropy=arrays["entropy"],
            known_truth=arrays.get("known_truth"),
            annotators=tuple(str(name) for name in arrays["annotators"]),
            classes=tuple(str(name) for name in arrays["classes"]),
            aspect=float(arrays["aspect"]),
            evidence=arrays.get("evidence"),
            reliability=arrays.get("reliability"),
        )


def annotator_colours(annotators: Sequence[str]) -> dict[str, str]:
    """A colour per annotator: those of tab10 up to ten, evenly spaced hues beyond."""
    if len(annotators) <= 10:
        return {name: to_hex(f"C{index}") for index, name in enumerate(annotators)}
    hues = np.linspace(0.05, 0.95, len(annotators))
    return {name: to_hex(colormaps["turbo"](hue)) for name, hue in zip(annotators, hues, strict=True)}


def draw_panels(figure: SubFigure, panels: Sequence[Panel], colours: dict[str, str]) -> None:
    """A row per case with the pictures named in ``COLUMNS``, and above them a legend."""
    axes = figure.subplots(len(panels), len(COLUMNS), squeeze=False)
    brightest = max(float(np.log(len(panels[0].classes))), 1e-6)
    for row, panel in zip(axes, panels, strict=True):
        for axis in row[:4]:
            _show_image(axis, panel)
        _draw_annotators(row[1], panel.labels, panel, colours)
        _draw_truth(row[2], panel)
        _draw_annotators(row[3], panel.annotator_labels, panel, colours)
        shown = row[4].imshow(panel.entropy, cmap="magma", vmin=0, vmax=brightest, aspect=panel.aspect)
        figure.colorbar(shown, ax=row[4], fraction=0.046, pad=0.02)
        row[4].set_axis_off()
        case = shown_name(panel.case)
        row[0].set_title(f"{COLUMNS[0]}: {case}" if panel is panels[0] else case, fontsize=9)
    for axis, title in zip(axes[0, 1:], COLUMNS[1:], strict=True):
        axis.set_title(title, fontsize=9)
    handles = _legend(colours, panels[0].classes, any(panel.known_truth is not None for panel in panels))
    longest = max(len(str(handle.get_label())) for handle in handles)
    ncols = max(1, LEGEND_CHARACTERS // (longest + 8))
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols, fontsize=8)


def _show_image(axis: Axes, panel: Panel) -> None:
    axis.imshow(np.clip(panel.image, 0, 1), cmap="gray", vmin=0, vmax=1, aspect=panel.aspect)
    axis.set_axis_off()


def _draw_annotators(axis: Axes, labels: NDArray[np.integer], panel: Panel, colours: dict[str, str]) -> None:
    for drawn, name in zip(labels, panel.annotators, strict=True):
        draw_outlines(axis, drawn, len(panel.classes), colours[name])


def draw_outlines(axis: Axes, labels: NDArray[np.integer], classes: int, colour: str) -> None:
    """The border of each foreground class of labels (H,W), in the line style of that class."""
    for label in range(1, classes):
        _draw_outline(axis, labels == label, colour, LINE_STYLES[(label - 1) % len(LINE_STYLES)])


def _draw_truth(axis: Axes, panel: Panel) -> None:
    overlay = np.zeros((*panel.truth_labels.shape, 4))
    for label in range(1, len(panel.classes)):
        colour = class_colour(label)
        overlay[panel.truth_labels == label] = to_rgba(colour, 0.4)
        _draw_outline(axis, panel.truth_labels == label, colour, "-")
        if panel.known_truth is not None:
            _draw_outline(axis, panel.known_truth == label, "white", (0, (2, 2)))
    axis.imshow(overlay, aspect=panel.aspect)


def _draw_outline(
    axis: Axes,
    mask: NDArray[np.bool_],
    colour: str,
    style: str | tuple[int, tuple[int, ...]],
) -> None:
    """The border of a mask, closed where it meets the edge of the image."""
    for contour in find_contours(np.pad(mask, 1).astype(np.float32), 0.5):
        axis.plot(contour[:, 1] - 1, contour[:, 0] - 1, color=colour, linestyle=style, linewidth=1.1)


def class_colour(label: int) -> str:
    """Of the fill of a foreground class."""
    return to_hex(colormaps["Set2"]((label - 1) % 8))


def _legend(colours: dict[str, str], classes: Sequence[str], known_truth: bool) -> list[Line2D]:
    """Annotators by colour; classes by the fill of the truth and, where several, the style of an annotator's line."""
    handles = [Line2D([], [], color=colour, label=shown_name(name)) for name, colour in colours.items()]
    for label, name in enumerate(map(shown_name, classes[1:]), start=1):
        handles.append(Line2D([], [], color=class_colour(label), linewidth=6, alpha=0.6, label=name))
        if len(classes) > 2:
            style = LINE_STYLES[(label - 1) % len(LINE_STYLES)]
            handles.append(Line2D([], [], color="0.3", linestyle=style, label=f"{name}, by an annotator"))
    if known_truth:
        handles.append(Line2D([], [], color="0.6", linestyle=(0, (2, 2)), label="known truth (white)"))
    return handles
