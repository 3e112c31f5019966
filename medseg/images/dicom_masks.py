"""Masks in DICOM: SEG (voxels of named segments) and RTSTRUCT (named outlines in mm), onto the grid of their scan.

SEG is read by highdicom. RTSTRUCT needs no more than pydicom, which comes with it, and skimage: an outline is a polygon
in a slice of the scan.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray
from skimage.draw import polygon

from medseg.contracts import Refused, Volume, complaint
from medseg.images.geometry import LPS_TO_RAS
from medseg.images.integrity import reason

if TYPE_CHECKING:  # an extra
    from pydicom import Dataset

Kind = Literal["SEG", "RTSTRUCT"]
Mask = NDArray[np.bool_]

_KINDS: dict[str, Kind] = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",  # of label maps
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
}
_OUTLINES = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_HEAD = 4096
"""Bytes of a file in which it says what it holds."""
_CLASS = b"\x02\x00\x02\x00UI"
OFF_GRID = 0.1
"""Of a voxel, by which a voxel of a SEG may lie off one of its scan, and an outline off its slice: coordinates are
rounded when they are written."""


@dataclass(frozen=True, kw_only=True)
class DicomMasks:
    """What one file says was drawn on one scan."""

    path: Path
    """The file."""
    kind: Kind
    """Which of the two."""
    series: str
    """Unique name of the scan; "" where the file does not say."""
    creator: str
    """Who made it; "" where nobody says so."""
    description: str
    """What its series, or its set of structures, is called; perhaps ""."""
    names: tuple[str, ...]
    """Of the segments, or structures, in the order of the file."""


def mask_kind(path: Path) -> Kind | None:
    """By the first bytes of the file; None for any other."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    at = head.find(_CLASS)
    if head[128:132] != b"DICM" or at < 0:
        return None
    start, length = at + len(_CLASS) + 2, int.from_bytes(head[at + len(_CLASS) :][:2], "little")
    return _KINDS.get(head[start : start + length].decode("latin-1").strip("\0 "))


def read_mask_header(path: Path) -> DicomMasks:
    """Of a file that has a ``mask_kind``. Raises Refused without the packages, and for damage."""
    file = _read(path, pixels=False)
    kind = _KINDS[str(file.file_meta.MediaStorageSOPClassUID)]
    if kind == "SEG":
        series = [each for each in file.get("ReferencedSeriesSequence", [])]
        names = [str(each.SegmentLabel) for each in file.SegmentSequence if each.SegmentNumber > 0]
    else:
        series = [
            each
            for frame in file.get("ReferencedFrameOfReferenceSequence", [])
            for study in frame.get("RTReferencedStudySequence", [])
            for each in study.get("RTReferencedSeriesSequence", [])
        ]
        names = [str(each.ROIName) for each in file.get("StructureSetROISequence", [])]
    creator, description = ("ContentCreatorName", "SeriesDescription")
    if kind == "RTSTRUCT":
        creator, description = ("OperatorsName", "StructureSetLabel")
    return DicomMasks(
        path=path,
        kind=kind,
        series=str(series[0].SeriesInstanceUID) if series else "",
        creator=str(file.get(creator) or ""),
        description=str(file.get(description) or ""),
        names=tuple(names),
    )


def masks_on(masks: DicomMasks, scan: Volume, where: str) -> Iterator[tuple[str, Mask]]:
    """Each segment or structure by its name, as a mask (X,Y,Z) on the grid of its scan (C,X,Y,Z).

    A voxel of a SEG of fractions belongs to a segment from one half on. A voxel belongs to a structure if its centre
    lies inside of an odd number of its outlines: one within another cuts a hole. Raises Refused for damage, and for
    what does not lie on the voxels of the scan.
    """
    return _segments(masks, scan, where) if masks.kind == "SEG" else _structures(masks, scan, where)


def _read(path: Path, *, pixels: bool) -> Dataset:
    """The file, as highdicom reads a SEG where its pixels are asked for."""
    try:
        import pydicom
        from highdicom.seg import segread
    except ImportError as error:
        expected = "the package highdicom: pip install 'medseg[dicom]'"
        raise Refused([complaint("DICOM SEG and RTSTRUCT", expected, "none", str(path))]) from error
    try:
        return segread(path) if pixels else pydicom.dcmread(path, stop_before_pixels=True)
    except Exception as error:  # whatever a damaged file makes them raise
        raise Refused([complaint("file", "an intact DICOM SEG or RTSTRUCT", reason(error), str(path))]) from error


# ----------------------------------------------------------------------------------------------- SEG
def _segments(masks: DicomMasks, scan: Volume, where: str) -> Iterator[tuple[str, Mask]]:
    file: Any = _read(masks.path, pixels=True)
    for name, number in zip(masks.names, file.segment_numbers, strict=True):
        try:
            volume = file.get_volume(segment_numbers=[number])
        except Exception as error:  # frames at uneven distances, a codec that is not there
            raise Refused([complaint("frames of a SEG", "one volume", reason(error), where)]) from error
        yield name, _on_grid(volume.array[..., 0] >= 0.5, LPS_TO_RAS @ volume.affine, scan, where)


def _on_grid(inside: Mask, affine: NDArray[np.float64], scan: Volume, where: str) -> Mask:
    """A mask with a grid of its own onto that of a scan, of which it may be a part, turned by right angles; slices that
    no segment touches need not be there."""
    steps = np.linalg.inv(scan.affine) @ affine
    corners = np.stack(np.meshgrid(*([0, length - 1] for length in inside.shape), indexing="ij"), -1).reshape(-1, 3)
    turn, start = np.rint(steps[:3, :3]).astype(int), np.rint(steps[:3, 3]).astype(int)
    exact = corners @ steps[:3, :3].T + steps[:3, 3]
    reach = corners @ turn.T + start
    long = turn[:, [length > 1 for length in inside.shape]]  # along an axis of one voxel no step is taken
    parallel = (np.count_nonzero(long, axis=0) == 1).all() and (np.abs(long[:, 1:]) <= 1).all()
    shape = np.asarray(scan.array.shape[1:])
    if not parallel or np.abs(exact - reach).max() > OFF_GRID or (reach < 0).any() or (reach >= shape).any():
        got = f"one from voxel {_place(exact.min(0))} to {_place(exact.max(0))} of {shape.tolist()}, or turned"
        raise Refused([complaint("grid of segments", "a part of the scan's", got, where)])
    found = np.zeros(tuple(shape), bool)
    found[tuple((np.argwhere(inside) @ turn.T + start).T)] = True
    return found


# ------------------------------------------------------------------------------------------ RTSTRUCT
def _structures(masks: DicomMasks, scan: Volume, where: str) -> Iterator[tuple[str, Mask]]:
    file = _read(masks.path, pixels=False)
    drawn = {int(each.ReferencedROINumber): each for each in file.get("ROIContourSequence", [])}
    for structure in file.get("StructureSetROISequence", []):
        found = np.zeros(scan.array.shape[1:], bool)
        contours = getattr(drawn.get(int(structure.ROINumber)), "ContourSequence", [])
        for contour in contours:
            if contour.ContourGeometricType in _OUTLINES:
                _cut(found, np.reshape(np.asarray(contour.ContourData, float), (-1, 3)), scan, where)
        yield str(structure.ROIName), found


def _cut(found: Mask, points: NDArray[np.float64], scan: Volume, where: str) -> None:
    """Turn around what lies inside of an outline, points (N,3) in mm, LPS+."""
    lps = np.column_stack([points, np.ones(len(points))])
    places = (lps @ (np.linalg.inv(scan.affine) @ LPS_TO_RAS).T)[:, :3]
    z = int(np.rint(places[:, 2].mean()))
    if np.abs(places[:, 2] - z).max() > OFF_GRID or not 0 <= z < found.shape[2]:
        got = f"one from slice {places[:, 2].min():.2f} to {places[:, 2].max():.2f} of {found.shape[2]}"
        raise Refused([complaint("outline", "one in a slice of its scan", got, where)])
    rows, columns = polygon(places[:, 0], places[:, 1], found.shape[:2])
    found[rows, columns, z] ^= True


def _place(numbers: NDArray[Any]) -> list[float]:
    return [round(float(number), 2) + 0.0 for number in numbers]
