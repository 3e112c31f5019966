"""Volumes with a place in the patient: NIfTI through nibabel, NRRD and MHA through SimpleITK.

Both read to (X,Y,Z) and an RAS+ affine, so that a volume gives the same array whatever its file is.
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections.abc import Callable
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

NIFTI_SUFFIXES = (".nii", ".nii.gz")
ITK_SUFFIXES = (".nrrd", ".mha")

_NRRD_PAYLOAD = re.compile(rb"\r?\n\r?\n")
_NRRD_ENCODING = re.compile(rb"^encoding:\s*(\w+)", re.MULTILINE | re.IGNORECASE)
_NRRD_DETACHED = re.compile(rb"^data ?file:", re.MULTILINE | re.IGNORECASE)
_MHA_PAYLOAD = re.compile(rb"^ElementDataFile\s*=\s*LOCAL[ \t\r]*\n", re.MULTILINE)
_MHA_COMPRESSED = re.compile(rb"^CompressedData\s*=\s*True", re.MULTILINE | re.IGNORECASE)


# ---------------------------------------------------------------------------------------- reading
def read_scan(path: Path, where: str) -> Volume:
    """-> Volume (C,S...); trailing axes of length 1 are dropped.

    Raises Refused for a broken or truncated file, a failed checksum, and for more than three axes.
    """
    nifti = path.name.lower().endswith(NIFTI_SUFFIXES)
    volume = _read_nifti(path.read_bytes(), where) if nifti else _read_itk(path, where)
    spatial_dims = volume.array.ndim - 1
    if spatial_dims > 3:
        size = "x".join(map(str, volume.array.shape[1:]))
        got = f"{size}; {spatial_dims}-D: pick a volume or list channels"
        raise Refused([complaint("dimensions", "2 or 3", got, where)])
    return replace(volume, spacing_mm=spacing_of(volume.affine, spatial_dims))


def stored_shape(path: Path) -> tuple[int, ...]:
    """The axes (X,Y,...) as the header has them, those of length 1 included."""
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        return tuple(int(n) for n in nib.load(path).shape)  # pyright: ignore[reportAttributeAccessIssue]
    import SimpleITK

    reader = SimpleITK.ImageFileReader()
    reader.SetFileName(str(path))
    reader.ReadImageInformation()
    return reader.GetSize()


def _read_nifti(content: bytes, where: str) -> Volume:
    if content[:2] == b"\x1f\x8b":
        content = _gunzip(content, where, _nifti_bytes)
    header_bytes = [int.from_bytes(content[:4], order) for order in ("little", "big")]
    kind = nib.Nifti2Image if 540 in header_bytes else nib.Nifti1Image
    try:
        image = kind.from_bytes(content)
        expected = _nifti_bytes(content)
        if len(content) < (expected or 0):
            raise Refused([complaint("file", f"{expected} bytes", f"{len(content)}: it is cut off", where)])
        array = np.asarray(image.dataobj)
    except (ImageFileError, HeaderDataError, WrapStructError, OSError, ValueError) as error:
        raise Refused([complaint("file", "a NIfTI image", _reason(error), where)]) from error
    if array.dtype.kind not in "biuf":
        raise Refused([complaint("voxels", "one number each", str(array.dtype), where)])
    assert image.affine is not None
    return Volume(array=_squeezed(array)[None], affine=np.asarray(image.affine, np.float64), spacing_mm=None)


def _nifti_bytes(content: bytes) -> int | None:
    """Length in bytes of the uncompressed file, by its header; None where the header is not whole."""
    for kind in (nib.Nifti1Header, nib.Nifti2Header):
        try:
            header = kind(content[: kind.template_dtype.itemsize])
        except (WrapStructError, HeaderDataError, ValueError):
            continue
        item_bytes = header.get_data_dtype().itemsize
        return int(header["vox_offset"]) + math.prod(map(int, header.get_data_shape())) * item_bytes
    return None


def _read_itk(path: Path, where: str) -> Volume:
    import SimpleITK

    try:
        reader = SimpleITK.ImageFileReader()
        reader.SetFileName(str(path))
        reader.ReadImageInformation()
        pixel = SimpleITK.Image([1, 1], reader.GetPixelID(), reader.GetNumberOfComponents())
        expected = math.prod(reader.GetSize()) * SimpleITK.GetArrayViewFromImage(pixel).nbytes
        _check_payload(path.read_bytes(), expected, where)
        image = reader.Execute()
    except RuntimeError as error:
        raise Refused([complaint("file", "an NRRD or MHA image", _reason(error), where)]) from error
    array = SimpleITK.GetArrayFromImage(image).transpose()  # (Z,Y,X[,C]) -> ([C,]X,Y,Z)
    channels = array if image.GetNumberOfComponentsPerPixel() > 1 else array[None]
    dims = min(image.GetDimension(), 3)
    lps = np.eye(4)
    direction = np.reshape(image.GetDirection(), (image.GetDimension(), -1))
    lps[:dims, :dims] = (direction * np.asarray(image.GetSpacing()))[:dims, :dims]
    lps[:dims, 3] = image.GetOrigin()[:dims]
    return Volume(
        array=np.stack([_squeezed(channel) for channel in channels]), affine=LPS_TO_RAS @ lps, spacing_mm=None
    )


def _check_payload(content: bytes, expected: int, where: str) -> None:
    """Whether the voxels that follow the header are whole; SimpleITK lets some damage pass in silence."""
    nrrd = content.startswith(b"NRRD")
    match = (_NRRD_PAYLOAD if nrrd else _MHA_PAYLOAD).search(content)
    if match is None or (nrrd and _NRRD_DETACHED.search(content[: match.start()])):
        return
    header, payload = content[: match.start()], content[match.end() :]
    stated = _NRRD_ENCODING.search(header)
    encoding = stated[1].lower() if stated else b"zlib" if _MHA_COMPRESSED.search(header) else b"raw"
    if encoding in (b"gzip", b"gz"):
        payload = _gunzip(payload, where, lambda _: expected)
    elif encoding == b"zlib":
        payload = _inflate(payload, expected, where)
    elif encoding != b"raw":
        return
    if len(payload) < expected:
        raise Refused([complaint("file", f"{expected} bytes of voxels", f"{len(payload)}: it is cut off", where)])


def _gunzip(content: bytes, where: str, expected_bytes: Callable[[bytes], int | None]) -> bytes:
    """Unpack to the end and compare the checksum, which nibabel does only if it happens to read that far."""
    try:
        return gzip.decompress(content)
    except EOFError as error:
        part = zlib.decompressobj(wbits=31).decompress(content)
        expected = expected_bytes(part)
        whole = f"{expected} bytes unpacked" if expected else "a whole .gz"
        got = f"{len(part)} bytes: the .gz is cut off at its byte {len(content)}"
        raise Refused([complaint("file", whole, got, where)]) from error
    except (gzip.BadGzipFile, zlib.error) as error:
        got = f"changed bytes: {_reason(error)}"
        raise Refused([complaint("file", "an intact .gz", got, where)]) from error


def _inflate(payload: bytes, expected: int, where: str) -> bytes:
    inflater = zlib.decompressobj()
    try:
        voxels = inflater.decompress(payload)
    except zlib.error as error:
        got = f"changed bytes: {_reason(error)}"
        raise Refused([complaint("file", "an intact .mha", got, where)]) from error
    if not inflater.eof:
        got = f"{len(voxels)} bytes: it is cut off"
        raise Refused([complaint("file", f"{expected} bytes of voxels", got, where)])
    return voxels


def _squeezed(array: NDArray[np.generic]) -> NDArray[np.generic]:
    while array.ndim > 2 and array.shape[-1] == 1:
        array = array[..., 0]
    return array


def _reason(error: Exception) -> str:
    """The last line of a library's message: SimpleITK's first ones name its own source files."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__


# ---------------------------------------------------------------------------------------- writing
def write_scan(path: Path, array: NDArray[np.generic], affine: NDArray[np.float64]) -> None:
    """array (S...) as the suffix of ``path`` says; the affine is kept."""
    if path.name.lower().endswith(NIFTI_SUFFIXES):
        image = nib.Nifti1Image(array, affine)
        image.header.set_xyzt_units("mm")
        nib.save(image, path)
        return
    import SimpleITK

    dims = array.ndim
    lps = LPS_TO_RAS @ affine
    spacing = np.asarray(spacing_of(affine, dims))
    image = SimpleITK.GetImageFromArray(array.transpose())
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(lps[:dims, 3].tolist())
    image.SetDirection((lps[:dims, :dims] / spacing).ravel().tolist())
    SimpleITK.WriteImage(image, str(path), useCompression=True)
