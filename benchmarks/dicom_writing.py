"""Scans and segmentations as DICOM, from arrays: for folders that imitate what a hospital exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pydicom
from highdicom import AlgorithmIdentificationSequence, seg
from numpy.typing import NDArray
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.sr.coding import Code
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian, generate_uid

from medseg.contracts import Volume

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
"""Of RAS."""


def write_series(folder: Path, scan: Volume, patient: str) -> list[Path]:
    """A CT series of integers (X,Y,Z), a file per slice, named against their order; its files in order of Z."""
    folder.mkdir(parents=True)
    columns, rows, depth = scan.array.shape
    lps = LPS @ scan.affine
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    axes = lps[:3, :3] / spacing
    series, study, frame = (generate_uid(entropy_srcs=[patient, kind]) for kind in ("series", "study", "frame"))
    paths = []
    for z in range(depth):
        file = new_file(CTImageStorage, generate_uid(entropy_srcs=[patient, str(z)]))
        file.PatientID, file.PatientName, file.PatientBirthDate, file.PatientSex = patient, "", "", ""
        file.StudyInstanceUID, file.SeriesInstanceUID, file.FrameOfReferenceUID = study, series, frame
        file.StudyID, file.StudyDate, file.StudyTime = "1", "20260101", "120000"
        file.AccessionNumber, file.ReferringPhysicianName, file.PositionReferenceIndicator = "", "", ""
        file.Manufacturer, file.Modality, file.SeriesNumber, file.InstanceNumber = "", "CT", 1, z + 1
        file.ImagePositionPatient = [float(f"{mm:.9g}") for mm in (lps @ [0, 0, z, 1])[:3]]
        file.ImageOrientationPatient = [float(f"{part:.9g}") for part in (*axes[:, 0], *axes[:, 1])]
        file.PixelSpacing, file.SliceThickness = [float(spacing[1]), float(spacing[0])], float(spacing[2])
        file.Rows, file.Columns, file.SamplesPerPixel = rows, columns, 1
        file.PhotometricInterpretation, file.BitsAllocated, file.BitsStored, file.HighBit = "MONOCHROME2", 16, 16, 15
        file.PixelRepresentation, file.RescaleSlope, file.RescaleIntercept = 1, 1, 0
        file.PixelData = scan.array[:, :, z].T.astype("<i2").tobytes()
        paths.append(folder / f"IM{depth - z:03}")
        file.save_as(paths[-1], enforce_file_format=True)
    return paths


def write_seg(path: Path, slices: Sequence[Path], segments: Mapping[str, NDArray[np.bool_]], creator: str = "") -> None:
    """segments: name -> mask (X,Y,Z) on the slices of a series; only slices in which anything lies are written."""
    code = Code("91723000", "SCT", "Anatomical structure")
    by = AlgorithmIdentificationSequence("hand", code, "1")
    described = [
        seg.SegmentDescription(number, name, code, code, "SEMIAUTOMATIC", by)
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
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    file.save_as(path)


def new_file(kind: UID, name: UID) -> FileDataset:
    """An empty one of a kind."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = kind, name
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    file = FileDataset("", {}, file_meta=meta, preamble=b"\0" * 128)
    file.SOPClassUID, file.SOPInstanceUID = kind, name
    return file
