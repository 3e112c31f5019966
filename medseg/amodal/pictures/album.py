"""Objects slice by slice for the report: what is seen, the truth, the answer, the probability map."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex
from numpy.typing import NDArray

from medseg.amodal.nouns import AmodalObject, Completion
from medseg.amodal.pictures.objects import COLOURS, painted
from medseg.reporting import PICTURE_SIDE, SLICE_SIDE, CasePictures, encoded, enlarged, slices_with

SEEN = ("seen", "truth", "answer", "probability")
NAMES = {"occluder": "occluder", "visible": "visible", "occluded": "occluded (truth) or added (answer)"}
LEGEND = [(to_hex(COLOURS[name]), label) for name, label in NAMES.items()]
"""(colour, what it stands for)."""


def pictures_of(amodal_object: AmodalObject, said: Completion) -> CasePictures:
    """An object on its crop with the tiles named in SEEN, of a volume at most ``MOST_SLICES`` times.

    The truth's tile is that of what is seen where the amodal mask is not known.
    """
    known = [amodal_object.visible, said.amodal]
    if amodal_object.amodal is not None:
        known.append(amodal_object.amodal)
    side = (PICTURE_SIDE if amodal_object.visible.ndim == 2 else SLICE_SIDE) // 2  # there are no fine lines in them
    spacing = amodal_object.spacing_mm or (1.0, 1.0)
    aspect, slices = spacing[0] / spacing[1], {}
    for number in slices_with(np.any(known, axis=0)):
        slices[number] = encoded([enlarged(tile, side, aspect) for tile in _tiles(amodal_object, said, number)])
    return CasePictures(case=amodal_object.name, slices=slices)


def _tiles(amodal_object: AmodalObject, said: Completion, number: int) -> Iterator[NDArray[np.floating]]:
    """(H,W,3) each, in the order of SEEN."""
    flat = (..., number) if amodal_object.visible.ndim == 3 else (...,)
    visible = amodal_object.visible[flat]
    occluder = np.zeros_like(visible) if amodal_object.occluder is None else amodal_object.occluder[flat]
    truth = visible if amodal_object.amodal is None else amodal_object.amodal[flat]
    for amodal in (visible, truth, said.amodal[flat]):
        yield painted(visible, occluder & ~amodal, amodal)
    yield colormaps["magma"](said.probs[flat].astype(np.float64))[..., :3]
