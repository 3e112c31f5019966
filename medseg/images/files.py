"""Image files <-> array, affine and spacing: the only door to PNG, JPEG, TIFF, NIfTI, NRRD and MHA.

Axes are those of the file: pictures (Y,X), volumes (X,Y,Z).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.contracts import Refused, Volume, complaint
from medseg.images.grids import require_grid
from medseg.images.headers import ImageHeader
from medseg.images.itk_files import read_tags
from medseg.images.raster_files import PILLOW_SUFFIXES, TIFF_SUFFIXES, picture_header, read_picture, write_picture
from medseg.images.scan_files import (
    ITK_SUFFIXES,
    NIFTI_SUFFIXES,
    read_scan,
    read_stack,
    scan_header,
    stored_shape,
    write_scan,
)

PICTURE_SUFFIXES = (*PILLOW_SUFFIXES, *TIFF_SUFFIXES)
SCAN_SUFFIXES = (*NIFTI_SUFFIXES, *ITK_SUFFIXES)
SUFFIXES = (*PICTURE_SUFFIXES, *SCAN_SUFFIXES)

__all__ = [
    "PICTURE_SUFFIXES",
    "SCAN_SUFFIXES",
    "SUFFIXES",
    "as_labels",
    "read_channels",
    "read_header",
    "read_image",
    "read_labels",
    "read_mask",
    "read_stack",
    "read_tags",
    "stored_shape",
    "suffix_of",
    "write_image",
    "write_labels",
    "write_map",
    "write_maps",
]

INTEGER_TOLERANCE = 1e-4
"""A mask value this close to an integer is that integer: resampling tools leave 1.0000001 behind."""


def suffix_of(path: Path) -> str:
    """The file's suffix in lower case, ``.nii.gz`` as one."""
    name = path.name.lower()
    return ".nii.gz" if name.endswith(".nii.gz") else path.suffix.lower()


# ---------------------------------------------------------------------------------------- reading
def read_image(path: Path, where: str | None = None) -> Volume:
    """-> Volume (C,S...) in the file's own number type. ``where`` names the file in complaints.

    Raises Refused with one sentence for a missing, empty, truncated, damaged or foreign file.
    """
    return _read(path, where or str(path), indexed=False)


def read_channels(paths: Sequence[Path]) -> Volume:
    """One image (C,S...) from one file per channel, or from one file that holds all; geometry of the first.

    Raises Refused as ``read_image`` and ``require_grid`` do.
    """
    first, *others = [read_image(path) for path in paths]
    whose = "the first channel"
    others = [
        require_grid("channel", volume, first, where=str(path), whose=whose)
        for path, volume in zip(paths[1:], others, strict=True)
    ]
    volumes = [first, *others]
    return replace(first, array=np.concatenate([volume.array for volume in volumes]))


def read_header(path: Path, where: str | None = None) -> ImageHeader:
    """What ``read_image`` would give, without its voxels; they are not read, so that damage to them stays unseen.

    Raises Refused for a missing, empty or foreign file.
    """
    where = where or str(path)
    _require_file(path, where)
    return picture_header(path, where) if suffix_of(path) in PICTURE_SUFFIXES else scan_header(path, where)


def read_labels(path: Path, where: str | None = None) -> Volume:
    """-> Volume (S...) of integers, the values as the file has them; see ``as_labels``."""
    where = where or str(path)
    return as_labels(_read(path, where, indexed=True), where)


def as_labels(volume: Volume, where: str) -> Volume:
    """A mask (C,S...) as it was read -> (S...) of integers; equal RGB channels are one grey.

    Raises Refused for channels that differ, and for values further than 1e-4 from an integer.
    """
    values = volume.array
    if len(values) > 1 and (values != values[:1]).any():
        raise Refused([complaint("mask channels", "1", f"{len(values)} that differ", where)])
    values = values[0]
    if values.dtype.kind in "iu":
        return replace(volume, array=values)
    finite = np.isfinite(values)
    rounded = np.rint(np.where(finite, values, 0)).astype(np.int32)
    soft = ~finite | (np.abs(np.where(finite, values, 1e9) - rounded) > INTEGER_TOLERANCE)
    if soft.any():
        got = f"{values[soft][0]:.6g} ({soft.sum()} of {soft.size} voxels); soft targets are not supported"
        raise Refused([complaint("mask values", "integers", got, where)])
    return replace(volume, array=rounded)


def read_mask(path: Path, where: str) -> Volume:
    """A mask (C,S...) before ``as_labels``: what ``check`` looks at."""
    return _read(path, where, indexed=True)


def _read(path: Path, where: str, indexed: bool) -> Volume:
    _require_file(path, where)
    return read_picture(path, where, indexed) if suffix_of(path) in PICTURE_SUFFIXES else read_scan(path, where)


def _require_file(path: Path, where: str) -> None:
    if not path.is_file():
        raise Refused([complaint("file", "a file", "none", where)])
    if path.stat().st_size == 0:
        raise Refused([complaint("file", "an image", "0 bytes", where)])
    if suffix_of(path) not in SUFFIXES:
        raise Refused([complaint("file suffix", " ".join(SUFFIXES), path.name, where)])


# ---------------------------------------------------------------------------------------- writing
def write_labels(path: Path, volume: Volume) -> Path:
    """Write integers (S...), 8 bit if all are below 256, else 16, and return the path; atomically.

    A JPEG would blur labels: .png takes its place.
    Raises Refused for values outside 0..65535, and for a suffix that cannot hold the array.
    """
    low, high = int(volume.array.min()), int(volume.array.max())
    if volume.array.dtype.kind not in "biu" or low < 0 or high > 65535:
        got = f"{volume.array.dtype} {low}..{high}"
        raise Refused([complaint("label values", "integers 0..65535", got, str(path))])
    place = path.with_suffix(".png") if suffix_of(path) in (".jpg", ".jpeg") else path
    return _write(place, volume.array.astype(np.uint8 if high < 256 else np.uint16), volume)


def write_image(path: Path, volume: Volume) -> Path:
    """Write an image (C,S...) in its own number type, and return the path; atomically.

    Colours are for pictures alone: a PNG of 8 bit. Raises Refused for a suffix that cannot hold the array.
    """
    array = volume.array
    if len(array) == 1:
        return _write(path, array[0], volume)
    if suffix_of(path) != ".png" or array.shape[0] != 3 or array.ndim != 3 or array.dtype != np.uint8:
        got = f"{array.dtype} {'x'.join(map(str, array.shape))}"
        raise Refused([complaint(f"image for {path.name}", "one channel, or RGB of 8 bit in a PNG", got, str(path))])
    return _write(path, np.moveaxis(array, 0, -1), volume)


def write_map(path: Path, volume: Volume) -> Path:
    """Write numbers (S...) as 32-bit floating point, and return the path; atomically.

    PNG and JPEG hold no such numbers: .tif takes their place.
    """
    place = path.with_suffix(".tif") if suffix_of(path) in PILLOW_SUFFIXES else path
    return _write(place, volume.array.astype(np.float32), volume)


def write_maps(path: Path, volume: Volume) -> Path:
    """``write_map`` of (C,S...) in one file: NIfTI's fourth axis, a vector per voxel (NRRD, MHA), a page of a TIFF."""
    place = path.with_suffix(".tif") if suffix_of(path) in PILLOW_SUFFIXES else path
    return _write(place, volume.array.astype(np.float32), volume, channels=True)


def _write(path: Path, array: NDArray[np.generic], volume: Volume, channels: bool = False) -> Path:
    """The whole file or none: written beside its place, then moved there. Raises Refused where that fails."""
    flat = array.ndim == 2 + channels or (array.ndim == 3 and array.shape[-1] == 3 and suffix_of(path) == ".png")
    fitting = (*SCAN_SUFFIXES, ".png", *TIFF_SUFFIXES) if flat else SCAN_SUFFIXES
    if suffix_of(path) not in fitting:
        raise Refused([complaint(f"file suffix for {array.ndim}-D", " ".join(fitting), path.name, str(path))])
    temporary = path.with_name(f".writing-{os.getpid()}-{path.name}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix_of(path) in PICTURE_SUFFIXES:
            write_picture(temporary, array, volume.spacing_mm)
        else:
            write_scan(temporary, array, volume.affine, channels)
        os.replace(temporary, path)
    except (OSError, RuntimeError) as error:  # ITK's are of the latter kind, and do not say why
        got = getattr(error, "strerror", None)
        if suffix_of(path) in ITK_SUFFIXES:
            got = got or "one that takes no more: the disk is full, or may not be written to"
        if got is None:
            raise
        raise Refused([complaint("file", "room and leave for it", got, str(path))]) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
    return path
