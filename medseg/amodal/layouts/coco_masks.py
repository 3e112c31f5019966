"""Masks of COCO's json files: polygons, and run-length codes in numbers or in text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon2mask


def decoded(segmentation: Any, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """A segmentation as COCO has it -> (Y,X) of this shape.

    Polygons are ``[[x1,y1,x2,y2,...], ...]`` or one such list, run-length codes ``{"size": [h,w], "counts": ...}``.
    Raises ValueError for anything else, and for a code of another shape.
    """
    if isinstance(segmentation, dict) and "counts" in segmentation:
        return _from_runs(segmentation, shape)
    if not isinstance(segmentation, list):
        raise ValueError(f"a segmentation of type {type(segmentation).__name__}")
    polygons = segmentation if segmentation and isinstance(segmentation[0], list) else [segmentation]
    mask = np.zeros(shape, bool)
    for polygon in polygons:
        if len(polygon) % 2 or len(polygon) < 6:
            raise ValueError(f"a polygon of {len(polygon)} numbers")
        corners = np.reshape(np.asarray(polygon, float), (-1, 2))[:, ::-1]  # x,y -> row, column
        mask |= polygon2mask(shape, corners - 0.5)  # pixel (0, 0) is the square from 0 to 1
    return mask


def _from_runs(code: dict[str, Any], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Runs of 0 and 1 in turn, down the columns, the first of 0."""
    size, counts = tuple(code.get("size", ())), code["counts"]
    runs = counts if isinstance(counts, list) else runs_of_text(counts)
    if size != shape or sum(runs) != shape[0] * shape[1]:
        got = f"size {list(size)} with runs of {sum(runs)} pixels"
        raise ValueError(f"{got} for an image of {shape[0]}x{shape[1]}")
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape, order="F")


def runs_of_text(text: str) -> Sequence[int]:
    """The runs behind a compressed code (COCO's maskApi.c, rleFrString).

    A character carries 48 + five bits of a number, the lowest first, + 32 if more follow; the last one's highest
    bit is the sign. From the fourth number on each is the difference to the last but one.
    """
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    return runs
