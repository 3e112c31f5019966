"""Volumes with a place in the patient: NIfTI through nibabel, NRRD and MHA through SimpleITK.

Both read to (X,Y,Z) and an RAS+ affine, so that a volume gives the same array whatever its file is.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from medseg.contracts import Refused, Volume, complaint
from medseg.images.geometry import LPS_TO_RAS, spacing_of
from medseg.images.headers import ImageHeader
from medseg.images.integrity import gunzip, reason
from medseg.images.itk_files import itk_affine, itk_header, read_itk, squeezed
from medseg.images.promises import nifti_complaints, require_right_angles, require_size

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".mha")

BROKEN_NIFTI = (ImageFileError, HeaderDataError, WrapStructError, OSError, ValueError, OverflowError, TypeError)
"""What nibabel raises at a damaged file."""


# ---------------------------------------------------------------------------------------- reading
def read_scan(path: Path, where: str) -> Volume:
    """-> Volume (C,S...); trailing axes of length 1 are dropped.

    Raises Refused for a broken or truncated file, a failed checksum, and for more than three axes.
    """
    nifti = path.name.lower().endswith(NIFTI_SUFFIXES)
    if nifti:
        _require_named_as_packed(path, where)
    volume = _read_nifti(path.read_bytes(), where) if nifti else read_itk(path, where)
    spatial_dims = volume.array.ndim - 1
    require_right_angles(volume.affine, min(spatial_dims, 3), where)
    if spatial_dims > 3:
        size = "x".join(map(str, volume.array.shape[1:]))
        got = f"{size}; {spatial_dims}-D: pick a volume or list channels"
        raise Refused([complaint("dimensions", "2 or 3", got, where)])
    return replace(volume, spacing_mm=spacing_of(volume.affine, spatial_dims))


def scan_header(path: Path, where: str) -> ImageHeader:
    """Of what ``read_scan`` gives, without reading voxels. Raises Refused for a file without a readable header."""
    try:
        if path.name.lower().endswith(NIFTI_SUFFIXES):
            _require_named_as_packed(path, where)
            image, channels = nib.load(path), 1
            _require_sound(image.header, where)  # pyright: ignore[reportArgumentType]
            affine = np.asarray(image.affine, np.float64)  # pyright: ignore[reportAttributeAccessIssue]
        else:
            reader = itk_header(path, where)
            affine, channels = itk_affine(reader), reader.GetNumberOfComponents()
        shape = stored_shape(path)
    except (*BROKEN_NIFTI, EOFError, zlib.error, RuntimeError) as error:
        raise Refused([complaint("file", "a NIfTI, NRRD or MHA image", reason(error), where)]) from error
    while len(shape) > 2 and shape[-1] == 1:
        shape = shape[:-1]
    return ImageHeader(channels=channels, shape=shape, affine=affine, spacing_mm=spacing_of(affine, len(shape)))


def _require_named_as_packed(path: Path, where: str) -> None:
    """Raise Refused for a packed file without .gz in its name, and for an unpacked one with it: readers go by names."""
    with path.open("rb") as file:
        packed, named = file.read(2) == b"\x1f\x8b", path.name.lower().endswith(".gz")
    if packed != named:
        kinds = ("an unpacked file, as its name has no .gz", "a packed file, as its name ends in .gz")
        raise Refused([complaint("file", kinds[named], "a packed one" if packed else "an unpacked one", where)])


def _require_sound(header: nib.Nifti1Header, where: str) -> None:
    require_size(header.get_data_shape(), header.get_data_dtype().itemsize, where)
    found = nifti_complaints(header, where)
    if found:
        raise Refused(found)


def read_stack(path: Path) -> NDArray[np.generic]:
    """All axes of a NIfTI of several volumes, as it is stored. Raises Refused for a broken file."""
    try:
        image = nib.load(path)
        _require_sound(image.header, str(path))  # pyright: ignore[reportArgumentType]
        return np.asarray(image.dataobj)  # pyright: ignore[reportAttributeAccessIssue]
    except (*BROKEN_NIFTI, EOFError, zlib.error) as error:
        raise Refused([complaint("file", "a NIfTI image", reason(error), str(path))]) from error


def stored_shape(path: Path) -> tuple[int, ...]:
    """The axes (X,Y,...) as the header has them, those of length 1 included."""
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        return tuple(int(n) for n in nib.load(path).shape)  # pyright: ignore[reportAttributeAccessIssue]
    return itk_header(path, str(path)).GetSize()


def _read_nifti(content: bytes, where: str) -> Volume:
    if content[:2] == b"\x1f\x8b":
        content = gunzip(content, where, lambda start: _nifti_bytes(start, where))
    header_bytes = [int.from_bytes(content[:4], order) for order in ("little", "big")]
    kind = nib.Nifti2Image if 540 in header_bytes else nib.Nifti1Image
    try:
        image = kind.from_bytes(content)
        header = kind.header_class(content[: kind.header_class.template_dtype.itemsize], check=False)
        _require_sound(header, where)  # as it is stored: the image's own was mended by nibabel
        expected = _nifti_bytes(content, where)
        if len(content) < (expected or 0):
            raise Refused([complaint("file", f"{expected} bytes", f"{len(content)}: it is cut off", where)])
        array = np.asarray(image.dataobj)
    except BROKEN_NIFTI as error:
        raise Refused([complaint("file", "a NIfTI image", reason(error), where)]) from error
    if array.dtype.kind not in "biuf":
        raise Refused([complaint("voxels", "one number each", str(array.dtype), where)])
    assert image.affine is not None
    return Volume(array=squeezed(array)[None], affine=np.asarray(image.affine, np.float64), spacing_mm=None)


def _nifti_bytes(content: bytes, where: str) -> int | None:
    """Length in bytes of the uncompressed file, by its header; None where the header is not whole.

    Raises Refused for a size that no image has.
    """
    for kind in (nib.Nifti1Header, nib.Nifti2Header):
        try:
            header = kind(content[: kind.template_dtype.itemsize])
        except (WrapStructError, HeaderDataError, ValueError):
            continue
        try:
            item_bytes = header.get_data_dtype().itemsize
        except HeaderDataError:
            return None
        require_size(header.get_data_shape(), item_bytes, where)
        return int(header["vox_offset"]) + math.prod(map(int, header.get_data_shape())) * item_bytes
    return None


# ---------------------------------------------------------------------------------------- writing
def write_scan(path: Path, array: NDArray[np.generic], affine: NDArray[np.float64], channels: bool = False) -> None:
    """array (S...), or (C,S...) with channels, as the suffix of ``path`` says; the affine is kept."""
    dims = array.ndim - channels
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        if channels:  # the fourth axis is theirs, however many are of space
            array = np.moveaxis(array.reshape(*array.shape, *[1] * (3 - dims)), 0, -1)
        image = nib.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
        return
    import SimpleITK

    lps = LPS_TO_RAS @ affine
    spacing = np.asarray(spacing_of(affine, dims))
    image = SimpleITK.GetImageFromArray(array.transpose(), isVector=channels)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:dims, 3].tolist())
    image.SetDirection((lps[:dims, :dims] / spacing).ravel().tolist())
    SimpleITK.WriteImage(image, str(path), useCompression=True)
