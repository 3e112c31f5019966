"""Cases slice by slice for the report: the image, what annotators drew, their vote, the recovered truth, where it is
unsure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_rgb
from numpy.typing import NDArray
from skimage.segmentation import find_boundaries

from medseg.annotators.consensus import majority_vote
from medseg.annotators.loading.records import Record
from medseg.annotators.nouns import Prediction
from medseg.annotators.pictures.panels import Panel, annotator_colours, class_colour
from medseg.annotators.pictures.slices import foreground_of, panel_of
from medseg.reporting import PICTURE_SIDE, SLICE_SIDE, CasePictures, encoded, enlarged, slices_with

COLUMNS = ("image", "annotators", "vote", "recovered truth", "unsure (entropy)")
KNOWN = "white"
"""The line of the known truth."""
FILL = 0.4
"""Weight of a class's colour over the image."""


def pictures_of(
    record: Record, prediction: Prediction, *, annotators: Sequence[str], classes: Sequence[str]
) -> CasePictures:
    """A case with the tiles named in COLUMNS, of a volume at most ``MOST_SLICES`` times."""
    numbers = slices_with(foreground_of(record, prediction))
    slices = {}
    for number in numbers:
        panel = panel_of(record, prediction, annotators=annotators, classes=classes, at=number)
        slices[number] = encoded(list(_tiles(panel, PICTURE_SIDE if record.image.ndim == 3 else SLICE_SIDE)))
    return CasePictures(case=prediction.case, slices=slices)


def legend(annotators: Sequence[str], classes: Sequence[str], known_truth: bool) -> list[tuple[str, str]]:
    """(colour, name) of annotators' lines, of the fill of classes, of the known truth."""
    found = [(colour, name) for name, colour in annotator_colours(annotators).items()]
    found += [(class_colour(label), name) for label, name in enumerate(classes[1:], start=1)]
    return found + [(KNOWN, "known truth")] * known_truth


def _tiles(panel: Panel, side: int) -> Iterator[NDArray[np.floating]]:
    """(H,W,3) each, in the order of COLUMNS."""

    def large(array: NDArray[np.generic]) -> NDArray[np.generic]:
        return enlarged(array, side, panel.aspect)

    image = large(panel.image).astype(np.float32)
    image = np.repeat(image[..., None], 3, axis=2) if image.ndim == 2 else image
    yield image
    drawn, colours = image.copy(), annotator_colours(panel.annotators)
    for labels, name in zip(panel.labels, panel.annotators, strict=True):
        drawn[_outline(large(labels), side)] = to_rgb(colours[name])
    yield drawn
    for labels in (majority_vote(panel.labels, len(panel.classes)), panel.truth_labels):
        filled, shown = image.copy(), large(labels)
        for label in range(1, len(panel.classes)):
            inside, colour = shown == label, np.array(to_rgb(class_colour(label)))
            filled[inside] = (1 - FILL) * filled[inside] + FILL * colour
            filled[_outline(inside, side)] = colour
        if panel.known_truth is not None:
            filled[_outline(large(panel.known_truth), side)] = to_rgb(KNOWN)
        yield filled
    brightest = max(float(np.log(len(panel.classes))), 1e-6)
    yield colormaps["magma"](large(panel.entropy).astype(np.float64) / brightest)[..., :3]


def _outline(labels: NDArray[np.generic], side: int) -> NDArray[np.bool_]:
    """The borders of what is labelled (H,W), two pixels wide in a large tile."""
    return find_boundaries(np.maximum(labels.astype(np.int64), 0), mode="inner" if side <= SLICE_SIDE else "thick")
