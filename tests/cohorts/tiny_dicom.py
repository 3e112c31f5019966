"""Scans of a few voxels as DICOM, turned in space, and what people drew on them as SEG and as RTSTRUCT."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

SHAPE = (9, 8, 6)
"""X (along a row), Y, Z."""
SPACING = (0.5, 0.75, 3.0)
"""Of X, Y, Z in mm."""
CORNER = np.array([-40.0, 25.0, 110.0])
TURN = np.array([[0.8, -0.6, 0.0], [0.48, 0.64, -0.6], [0.36, 0.48, 0.8]]).T
"""Columns: the directions of X, Y and Z in the patient, LPS+."""


def points_of(voxels: np.ndarray) -> np.ndarray:
    """Places (N,3) in voxels -> mm, LPS+."""
    return CORNER + (voxels * SPACING) @ TURN.T


def write_series(folder: Path, patient: str) -> list[Path]:
    """A CT whose voxel x, y, z is 100 z + 10 y + x; its slices, the last of them in the first file."""
    folder.mkdir(parents=True)
    frame, series, study = (generate_uid(entropy_srcs=[patient, kind]) for kind in ("frame", "series", "study"))
    paths = []
    for z in range(SHAPE[2]):
        file = _file(CTImageStorage, generate_uid(entropy_srcs=[patient, str(z)]))
        file.PatientID, file.PatientName, file.PatientBirthDate, file.PatientSex = patient, "", "", ""
        file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study, series, frame
        file.StudyID, file.StudyDate, file.StudyTime = "1", "20260101", "120000"
        file.AccessionNumber, file.ReferringPhysicianName, file.PositionReferenceIndicator = "", "", ""
        file.Manufacturer, file.Modality, file.SeriesNumber, file.InstanceNumber = "none", "CT", 1, z + 1
        file.ImagePositionPatient = [*points_of(np.array([0, 0, z])).tolist()]
        file.ImageOrientationPatient = [*TURN[:, 0].tolist(), *TURN[:, 1].tolist()]
        file.PixelSpacing, file.SliceThickness = [SPACING[1], SPACING[0]], SPACING[2]
        file.Rows, file.Columns, file.SamplesPerPixel = SHAPE[1], SHAPE[0], 1
        file.PhotometricInterpretation, file.BitsAllocated, file.BitsStored, file.HighBit = "MONOCHROME2", 16, 16, 15
        file.PixelRepresentation, file.RescaleSlope, file.RescaleIntercept = 1, 1, 0
        y, x = np.mgrid[: SHAPE[1], : SHAPE[0]]
        file.PixelData = (100 * z + 10 * y + x).astype(np.int16).tobytes()
        paths.append(folder / f"IM{SHAPE[2] - z:02}")
        file.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_seg(path: Path, slices: Sequence[Path], segments: Mapping[str, np.ndarray], creator: str = "") -> None:
    """segments: name -> mask (X,Y,Z), all of them in as few frames as there are."""
    seg = pytest.importorskip("highdicom").seg
    code = Code("49755003", "SCT", "Morphologically Altered Structure")
    algorithm = pytest.importorskip("highdicom").AlgorithmIdentificationSequence("hand", code, "1")
    described = [
        seg.SegmentDescription(number, name, code, code, "SEMIAUTOMATIC", algorithm)
        for number, name in enumerate(segments, start=1)
    ]
    file = seg.Segmentation(
        [pydicom.dcmread(each) for each in slices],
        np.stack([mask.transpose(2, 1, 0) for mask in segments.values()], axis=-1).astype(np.uint8),
        "BINARY",
        described,
        series_instance_uid=generate_uid(),
        series_number=2,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="none",
        manufacturer_model_name="none",
        software_versions="1",
        device_serial_number="1",
        content_creator_name=f"{creator}^" if creator else None,
        series_description=f"segmentation of {path.stem}",
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path)


def write_rtstruct(path: Path, slices: Sequence[Path], structures: Mapping[str, list[np.ndarray]], label: str) -> None:
    """structures: name -> outlines, each of them points (N,3) in voxels."""
    first = pydicom.dcmread(slices[0])
    file = _file(RTStructureSetStorage, generate_uid())
    file.PatientID, file.Modality, file.StructureSetLabel = first.PatientID, "RTSTRUCT", label
    file.StudyInstanceUID, file.SeriesInstanceUID = first.StudyInstanceUID, generate_uid()
    series, study, frame = pydicom.Dataset(), pydicom.Dataset(), pydicom.Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    study.RTReferencedSeriesSequence, frame.RTReferencedStudySequence = [series], [study]
    frame.FrameOfReferenceUID, file.ReferencedFrameOfReferenceSequence = first.FrameOfReferenceUID, [frame]
    file.StructureSetROISequence, file.ROIContourSequence = [], []
    for number, (name, outlines) in enumerate(structures.items(), start=1):
        structure, drawn = pydicom.Dataset(), pydicom.Dataset()
        structure.ROINumber, structure.ROIName, drawn.ReferencedROINumber = number, name, number
        drawn.ContourSequence = []
        for outline in outlines:
            contour = pydicom.Dataset()
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(outline)
            contour.ContourData = [round(float(number), 3) for number in points_of(outline).ravel()]
            drawn.ContourSequence.append(contour)
        file.StructureSetROISequence.append(structure)
        file.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)


def rectangle(rows: tuple[float, float], columns: tuple[float, float], z: float) -> np.ndarray:
    """The outline (4,3) in voxels of all x in ``rows`` and y in ``columns``."""
    (low, high), (left, right) = rows, columns
    return np.array([[low, left, z], [high, left, z], [high, right, z], [low, right, z]])


def _file(kind: UID, name: UID) -> FileDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, name
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = kind, name
    return file
