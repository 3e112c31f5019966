"""A scan of a few voxels as DICOM, turned in space, and what people drew on it as RTSTRUCT (SEG: benchmarks/)."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from pydicom.uid import RTStructureSetStorage, generate_uid

from medseg.contracts import Volume

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
dicom_writing = importlib.import_module("dicom_writing")

SHAPE = (9, 8, 6)
"""X (along a row), Y, Z."""
TURN = np.array([[-0.8, 0.48, -0.36], [-0.6, -0.64, 0.48], [0.0, 0.6, 0.8]])
"""Columns: the directions of X, Y and Z in the patient, RAS+."""
AFFINE = np.eye(4)
AFFINE[:3, :3], AFFINE[:3, 3] = TURN * (0.5, 0.75, 3.0), (40.0, -25.0, 110.0)

write_seg = dicom_writing.write_seg


def write_series(folder: Path, patient: str, moved: float = 0.0) -> list[Path]:
    """A CT whose voxel x, y, z is 100 z + 10 y + x; its slices. moved: by so many voxels along X."""
    x, y, z = np.indices(SHAPE)
    affine = AFFINE.copy()
    affine[:3, 3] += moved * AFFINE[:3, 0]
    return dicom_writing.write_series(
        folder, Volume(array=100 * z + 10 * y + x, affine=affine, spacing_mm=None), patient
    )


def write_rtstruct(path: Path, slices: Sequence[Path], structures: Mapping[str, list[np.ndarray]], label: str) -> None:
    """structures: name -> outlines, each of them points (N,3) in voxels."""
    first = pydicom.dcmread(slices[0])
    file = dicom_writing.new_file(RTStructureSetStorage, generate_uid())
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
        drawn.ContourSequence = [_contour(outline) for outline in outlines]
        file.StructureSetROISequence.append(structure)
        file.ROIContourSequence.append(drawn)
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path, enforce_file_format=True)


def _contour(outline: np.ndarray) -> pydicom.Dataset:
    contour = pydicom.Dataset()
    contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(outline)
    ras = np.column_stack([outline, np.ones(len(outline))]) @ AFFINE.T
    contour.ContourData = [round(float(mm), 3) for mm in (ras[:, :3] * (-1, -1, 1)).ravel()]
    return contour


def rectangle(rows: tuple[float, float], columns: tuple[float, float], z: float) -> np.ndarray:
    """The outline (4,3) in voxels of all x in ``rows`` and y in ``columns``."""
    (low, high), (left, right) = rows, columns
    return np.array([[low, left, z], [high, left, z], [high, right, z], [low, right, z]])
