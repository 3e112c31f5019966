"""Series of DICOM slices -> one volume, through SimpleITK; slices are told by their unique names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from medseg.contracts import Refused, Volume, complaint
from medseg.images.integrity import reason
from medseg.images.itk_files import itk_affine
from medseg.images.promises import require_size

PATIENT, SERIES, INSTANCE, MODALITY = "0010|0020", "0020|000e", "0008|0018", "0008|0060"
UNEVEN = 0.01
"""Of the distance between slices: a series whose distances differ by more lacks a slice, or is no volume."""


@dataclass(frozen=True, kw_only=True)
class DicomSeries:
    """A folder of slices."""

    files: tuple[Path, ...]
    """In the order of the third axis."""
    patient: str
    """As the files say."""
    series: str
    """Its unique name."""
    modality: str
    """``CT``, ``MR``, ..."""


def find_series(folder: Path) -> list[DicomSeries]:
    """The series of a folder's own files, headers read only; [] where none is DICOM."""
    import SimpleITK

    found = []
    for name in SimpleITK.ImageSeriesReader.GetGDCMSeriesIDs(str(folder)):
        files = SimpleITK.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), name)
        tags = slice_tags(Path(files[0]))
        found.append(
            DicomSeries(
                files=tuple(map(Path, files)),
                patient=tags.get(PATIENT, "").strip(),
                series=tags.get(SERIES, "").strip(),
                modality=tags.get(MODALITY, "").strip(),
            )
        )
    return found


def slice_tags(path: Path) -> dict[str, str]:
    """What the header of one file says, ``group|element`` -> text. Raises Refused for no DICOM."""
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise Refused([complaint("file", "a DICOM slice", reason(error), str(path))]) from error
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def read_series(series: DicomSeries, where: str) -> Volume:
    """-> Volume (1,X,Y,Z), in Hounsfield units for CT. Raises Refused for damage and slices at uneven distances."""
    import SimpleITK

    positions = [_position(path) for path in series.files]
    steps = np.linalg.norm(np.diff(positions, axis=0), axis=1)
    if len(steps) and (steps.max() - steps.min() > UNEVEN * steps.mean() or steps.min() == 0):
        got = f"{steps.min():.4g} to {steps.max():.4g} mm"
        raise Refused([complaint("distances of slices", "one", got, where)])
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in series.files])
    try:
        image = reader.Execute()
    except RuntimeError as error:
        raise Refused([complaint("file", "a series of DICOM slices", reason(error), where)]) from error
    array = SimpleITK.GetArrayFromImage(image).transpose()
    require_size(array.shape, array.dtype.itemsize, where)
    return Volume(array=array[None], affine=itk_affine(image), spacing_mm=tuple(map(float, image.GetSpacing())))


def _position(path: Path) -> tuple[float, ...]:
    text = slice_tags(path).get("0020|0032", "0\\0\\0")
    return tuple(float(number) for number in text.split("\\"))
