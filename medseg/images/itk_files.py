"""What SimpleITK reads of NRRD and MHA: voxels, tags, and where they lie in the patient."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Refused, Volume, complaint
from medseg.images.geometry import LPS_TO_RAS
from medseg.images.integrity import check_payload, reason, require_mha_header
from medseg.images.promises import require_size

if TYPE_CHECKING:  # half a second to import, and most cohorts have no such file
    import SimpleITK


def read_itk(path: Path, where: str) -> Volume:
    """-> Volume (C,S...) without a spacing. Raises Refused for a broken file and a failed checksum."""
    import SimpleITK

    try:
        reader = itk_header(path, where)
        pixel = SimpleITK.Image([1, 1], reader.GetPixelID(), reader.GetNumberOfComponents())
        require_size(reader.GetSize(), reader.GetNumberOfComponents(), where)
        expected = math.prod(reader.GetSize()) * SimpleITK.GetArrayViewFromImage(pixel).nbytes
        check_payload(path.read_bytes(), expected, where)
        image = reader.Execute()
    except RuntimeError as error:
        raise Refused([complaint("file", "an NRRD or MHA image", reason(error), where)]) from error
    array = SimpleITK.GetArrayFromImage(image).transpose()  # (Z,Y,X[,C]) -> ([C,]X,Y,Z)
    channels = array if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
    return Volume(
        array=np.stack([squeezed(channel) for channel in channels]), affine=itk_affine(image), spacing_mm=None
    )


def read_tags(path: Path) -> dict[str, str]:
    """What the header of an NRRD or MHA says beside its image, key -> text. Raises Refused for no such file."""
    try:
        reader = itk_header(path, str(path))
    except RuntimeError as error:
        raise Refused([complaint("file", "an NRRD or MHA image", reason(error), str(path))]) from error
    return {key: reader.GetMetaData(key) for key in reader.GetMetaDataKeys()}


def itk_header(path: Path, where: str) -> SimpleITK.ImageFileReader:
    """A reader that has read the header only."""
    import SimpleITK

    if path.name.lower().endswith(".mha"):
        require_mha_header(path, where)
    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader


def itk_affine(image: SimpleITK.ImageFileReader | SimpleITK.Image) -> NDArray[np.float64]:
    """(4,4) voxel index -> mm, RAS+; ITK itself counts LPS+."""
    dims = min(image.GetDimension(), 3)
    lps = np.eye(4)
    direction = np.reshape(image.GetDirection(), (image.GetDimension(), -1))
    lps[:dims, :dims] = (direction * np.asarray(image.GetSpacing()))[:dims, :dims]
    lps[:dims, 3] = image.GetOrigin()[:dims]
    return LPS_TO_RAS @ lps


def squeezed(array: NDArray[np.generic]) -> NDArray[np.generic]:
    """Without trailing axes of length 1, down to two."""
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    return array
