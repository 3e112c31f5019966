"""LIDC-IDRI: ``LIDC-IDRI-0001/<study>/<series>/*.dcm`` with the readers' XML beside them, or in a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import find_objects
from skimage.measure import label

from medseg.cohorts.layouts.choices import Choices
from medseg.cohorts.layouts.converting import put_image, put_mask
from medseg.cohorts.layouts.files import natural
from medseg.cohorts.layouts.published.lidc_xml import Reading, inside, read_reading
from medseg.cohorts.layouts.survey import cohort_of
from medseg.contracts import Case, Cohort, Refused, Volume, complaint
from medseg.images import INSTANCE, DicomSeries, find_series, read_series, slice_tags

NEEDS = "[LIDC-IDRI/]LIDC-IDRI-0001/<study>/<series>/*.dcm, and the readers' .xml beside them or below tcia-lidc-xml/"
CLASS_NAMES = {0: "background", 1: "nodule"}
MARGIN_MM = 16.0
"""Of the box around a nodule, on every side where the scan has so much."""

Grid = tuple[slice, ...]


def detect(root: Path) -> bool:
    """Whether folders LIDC-IDRI-* with DICOM files lie here or in a folder below."""
    patients = (path for depth in ("", "*/") for path in root.glob(f"{depth}LIDC-IDRI-[0-9]*") if path.is_dir())
    return any(any(patient.rglob("*.dcm")) for patient in patients)


def index(root: Path, choices: Choices) -> Cohort:
    """A case per nodule of 3 mm and more that any reader drew, cut out of its scan with 16 mm around it.

    Nodules of different readers are one where their voxels touch. Annotators reader1..4 are slots: the first reader of
    one scan is another person than the first of the next. A reader of the scan who drew nothing there has an empty
    mask; a scan with fewer readings lacks the others. Boxes are written as NIfTI in Hounsfield units.
    Raises Refused where no reading belongs to any scan, and for scans that cannot be read.
    """
    readings = _readings(root)
    scans = [series for folder in _folders(root) for series in find_series(folder) if series.series in readings]
    if not scans:
        got = f"none, of {len(readings)} readings"
        raise Refused([complaint("scans", "series that an XML file names in SeriesInstanceUid", got, str(root))])
    cases = [case for series in scans for case in _cases(series, readings[series.series], choices.out or root)]
    return cohort_of(root, cases, choices, class_names=CLASS_NAMES)


def _readings(root: Path) -> dict[str, Reading]:
    """Unique name of a scan -> its reading."""
    found = (read_reading(path) for path in sorted(root.rglob("*.xml")))
    return {reading.series: reading for reading in found if reading}


def _folders(root: Path) -> list[Path]:
    found = {path.parent for path in root.rglob("*.dcm")}
    return sorted(found, key=lambda path: natural(path.as_posix()))


def _cases(series: DicomSeries, reading: Reading, out: Path) -> Iterator[Case]:
    patient = series.patient or series.series
    scan = read_series(series, patient)
    masks = _masks(reading, series, scan.array.shape[1:])
    regions = np.asarray(label(masks.any(axis=0), connectivity=3))
    margin = [int(np.ceil(MARGIN_MM / mm)) for mm in scan.spacing_mm or (1.0, 1.0, 1.0)]
    for number, box in enumerate(find_objects(regions), 1):
        name = f"{patient}_{series.series.rsplit('.', 1)[-1][-6:]}_n{number:02}"
        grid = tuple(
            slice(max(part.start - wide, 0), min(part.stop + wide, length))
            for part, wide, length in zip(box, margin, regions.shape, strict=True)
        )
        own = masks[(slice(None), *grid)] & (regions[grid] == number)
        cut = _cut(scan, grid)
        yield Case(
            name=name,
            patient=patient,
            images=(put_image(out, name, cut),),
            annotations={
                f"reader{reader}": put_mask(out, f"reader{reader}", name, replace(cut, array=mask.astype(np.uint8)))
                for reader, mask in enumerate(own, 1)
            },
        )


def _masks(reading: Reading, series: DicomSeries, shape: Sequence[int]) -> NDArray[np.bool_]:
    """(A,X,Y,Z) what each reader drew. Raises Refused for contours in slices that the scan does not have."""
    place = {slice_tags(path).get(INSTANCE, "").strip(): z for z, path in enumerate(series.files)}
    masks = np.zeros((len(reading.readers), *shape), bool)
    lost = [contour.instance for contours in reading.readers for contour in contours if contour.instance not in place]
    if lost:
        got = f"{len(lost)} contours in others, the first in {lost[0]}"
        raise Refused([complaint("slices of contours", "those of their scan", got, series.patient)])
    for mask, contours in zip(masks, reading.readers, strict=True):
        for contour in sorted(contours, key=lambda contour: not contour.included):
            drawn = inside(contour, (shape[1], shape[0])).T
            mask[:, :, place[contour.instance]] |= drawn
            if not contour.included:
                mask[:, :, place[contour.instance]] &= ~drawn
    return masks


def _cut(scan: Volume, grid: Grid) -> Volume:
    """A box of a scan, at its place in the patient."""
    affine = scan.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ [part.start for part in grid]
    return replace(scan, array=scan.array[(slice(None), *grid)], affine=affine)
