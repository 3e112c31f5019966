"""LIDC-IDRI's contours as its XML files have them: readers, nodules, a contour per slice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from medseg.contracts import Refused, complaint, read_text

MOST_BYTES = 2**25
"""Of a file; the largest has one million."""
SPACE = "{http://www.nih.gov}"


@dataclass(frozen=True, kw_only=True)
class Contour:
    """One outline in one slice."""

    instance: str
    """Unique name of the slice's DICOM file."""
    rows: NDArray[np.int64]
    """(N,) of its points, pixels just outside of the nodule."""
    columns: NDArray[np.int64]
    """(N,) likewise."""
    included: bool
    """False: a hole, which is taken out."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All that four readers drew in one scan."""

    series: str
    """Unique name of the scan."""
    readers: tuple[tuple[Contour, ...], ...]
    """Those of the nodules of 3 mm and more; a reader may have seen none."""


def read_reading(path: Path) -> Reading | None:
    """None for an XML file of another kind (of radiographs). Raises Refused for one that is broken, or has entities."""
    text = read_text(path, most_bytes=MOST_BYTES)
    if "<!DOCTYPE" in text or "<!ENTITY" in text:
        raise Refused([complaint("XML", "no document type, and no entities", "such a one", str(path))])
    try:
        root = ElementTree.fromstring(text.encode())
    except ElementTree.ParseError as error:
        raise Refused([complaint("XML", "a reading of LIDC-IDRI", str(error), str(path))]) from error
    if root.tag != f"{SPACE}LidcReadMessage":
        return None
    series = root.findtext(f"{SPACE}ResponseHeader/{SPACE}SeriesInstanceUid", "").strip()
    sessions = root.findall(f"{SPACE}readingSession")
    try:
        return Reading(series=series, readers=tuple(tuple(_contours(session)) for session in sessions))
    except (ValueError, TypeError) as error:
        raise Refused([complaint("XML", "whole numbers in every edgeMap", str(error), str(path))]) from error


def _contours(session: ElementTree.Element) -> Iterator[Contour]:
    """Of one reader; nodules below 3 mm have a single point, and no contour."""
    for roi in session.iterfind(f"{SPACE}unblindedReadNodule/{SPACE}roi"):
        points = [
            (int(edge.findtext(f"{SPACE}yCoord", "")), int(edge.findtext(f"{SPACE}xCoord", "")))
            for edge in roi.iterfind(f"{SPACE}edgeMap")
        ]
        if len(points) < 3:
            continue
        rows, columns = np.asarray(points, np.int64).T
        yield Contour(
            instance=roi.findtext(f"{SPACE}imageSOP_UID", "").strip(),
            rows=rows,
            columns=columns,
            included=roi.findtext(f"{SPACE}inclusion", "TRUE").strip().upper() != "FALSE",
        )


def inside(contour: Contour, shape: tuple[int, int]) -> NDArray[np.bool_]:
    """(Y,X) the pixels strictly inside of an outline, which itself is no part of the nodule.

    >>> square = np.array([1, 1, 1, 2, 3, 3, 3, 2]), np.array([1, 2, 3, 3, 3, 2, 1, 1])
    >>> int(inside(Contour(instance="", rows=square[0], columns=square[1], included=True), (5, 5)).sum())
    1
    """
    mask = np.zeros(shape, bool)
    rows, columns = polygon(contour.rows, contour.columns, shape)
    mask[rows, columns] = True
    kept = (contour.rows >= 0) & (contour.rows < shape[0]) & (contour.columns >= 0) & (contour.columns < shape[1])
    mask[contour.rows[kept], contour.columns[kept]] = False
    return mask
