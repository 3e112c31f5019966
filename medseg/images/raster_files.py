"""Pictures: PNG and JPEG through Pillow, TIFF through tifffile. Axes (Y,X), of a TIFF stack (Z,Y,X)."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image

from medseg.contracts import Refused, Volume, complaint
from medseg.images.headers import ImageHeader
from medseg.images.promises import require_packed, require_size

TIFF_SUFFIXES = (".tif", ".tiff")
PILLOW_SUFFIXES = (".png", ".jpg", ".jpeg")

logging.getLogger("tifffile").addHandler(logging.NullHandler())  # what is wrong with a file is said in one sentence
Image.MAX_IMAGE_PIXELS = None  # a whole slide is large, and no attack

BROKEN = (Exception,)
"""What the libraries raise at a damaged file: there is no end to it (struct.error, IndexError, ZeroDivisionError)."""

_EXIF_ORIENTATION = 0x0112
_MM_PER_UNIT = {2: 25.4, 3: 10.0}  # TIFF 6.0, ResolutionUnit: 2 inch, 3 centimetre
_PRINT_DEFAULTS = (72.0, 96.0)  # dots per inch that editors write without having measured anything


# ---------------------------------------------------------------------------------------- reading
def read_picture(path: Path, where: str, indexed: bool) -> Volume:
    """-> Volume (C,S...), C = 1 for grey, 3 for RGB; an opaque alpha channel is dropped.

    indexed: of a palette picture give the indices (masks), not the colours (images).
    Raises Refused for a broken file and for a transparent one.
    """
    tiff = _is_tiff(path)
    try:
        return _read_tiff(path, where) if tiff else _volume(_read_pillow(path, where, indexed), where)
    except Refused:
        raise
    except BROKEN as error:
        raise _broken(error, path, where) from error


def picture_header(path: Path, where: str) -> ImageHeader:
    """Of what ``read_picture`` gives (images, not masks), without reading pixels. Raises Refused as that does."""
    try:
        return _tiff_header(path, where) if _is_tiff(path) else _pillow_header(path, where)
    except Refused:
        raise
    except BROKEN as error:
        raise _broken(error, path, where) from error


SMALLEST_PAGE = 18
"""Bytes of the directory of a page with one tag, so that more pages than fit into a file run in a circle."""


def _is_tiff(path: Path) -> bool:
    return path.name.lower().endswith(TIFF_SUFFIXES)


def _broken(error: Exception, path: Path, where: str) -> Refused:
    expected = "an intact TIFF" if _is_tiff(path) else "an intact PNG or JPEG"
    return Refused([complaint("file", expected, str(error).replace(str(path), path.name), where)])


def _require_plain(picture: Image.Image, where: str) -> None:
    """Raise Refused for a picture that is too large, that moves, or that is to be turned before it is looked at."""
    require_size(picture.size, len(picture.getbands()), where)
    frames = getattr(picture, "n_frames", 1)
    if frames > 1:
        raise Refused([complaint("pictures in the file", "1", f"{frames}: it is animated", where)])
    turned = picture.getexif().get(_EXIF_ORIENTATION, 1)
    if turned not in (0, 1):
        got = f"orientation {turned} in its EXIF: viewers turn it, masks do not; store it upright"
        raise Refused([complaint("picture", "stored as it is shown", got, where)])


def _pillow_header(path: Path, where: str) -> ImageHeader:
    with Image.open(path) as picture:
        _require_plain(picture, where)
        width, height = picture.size
        channels = 3 if picture.mode in ("P", "RGB", "RGBA") else 1  # an alpha channel is dropped, see ``_volume``
    return ImageHeader(channels=channels, shape=(height, width), affine=_affine(None), spacing_mm=None)


def _tiff_header(path: Path, where: str) -> ImageHeader:
    with tifffile.TiffFile(path) as file:
        series, spacing_mm = _only_series(file, where), _resolution_mm(file.pages.first)
        colour = _colour_axis(series.axes)
        shape = [length for axis, length in enumerate(series.shape) if axis != colour]
        channels = 1 if colour is None else series.shape[colour]
    if len(shape) == 3:
        return ImageHeader(channels=channels, shape=tuple(shape), affine=np.eye(4), spacing_mm=None)
    channels -= channels in (2, 4)  # the alpha channel
    return ImageHeader(channels=channels, shape=tuple(shape), affine=_affine(spacing_mm), spacing_mm=spacing_mm)


def _read_pillow(path: Path, where: str, indexed: bool) -> NDArray[np.generic]:
    """(Y,X) or (Y,X,C)."""
    with Image.open(path) as picture:
        _require_plain(picture, where)
    with Image.open(path) as picture:
        picture.verify()  # every chunk's CRC; leaves the object unusable
    with Image.open(path) as picture:
        if picture.mode == "P" and not indexed:
            return np.asarray(picture.convert("RGBA"))
        if picture.mode in ("RGB", "RGBA") and _png_bit_depth(path) == 16:
            return _read_deep_colour(path)  # Pillow would cut it to 8 bits without a word
        if picture.mode not in ("1", "L", "LA", "P", "I;16", "I", "RGB", "RGBA"):
            raise Refused([complaint("colours", "grey or RGB", picture.mode, where)])
        return np.asarray(picture)


def _png_bit_depth(path: Path) -> int:
    """Byte 24 of a PNG (IHDR); a JPEG has 8 bits."""
    with path.open("rb") as file:
        start = file.read(25)
    return start[24] if start.startswith(b"\x89PNG") else 8


def _read_deep_colour(path: Path) -> NDArray[np.generic]:
    import SimpleITK

    return SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(path)))


def _volume(array: NDArray[np.generic], where: str, spacing_mm: tuple[float, ...] | None = None) -> Volume:
    """(S...) or (S...,C) with C in 2..4 behind two axes -> Volume."""
    array = array.astype(np.uint8) if array.dtype == bool else array
    channels = np.moveaxis(array, -1, 0) if array.ndim == 3 else array[None]
    if len(channels) in (2, 4):
        opaque = np.iinfo(str(array.dtype)).max if array.dtype.kind in "iu" else 1
        if (channels[-1] != opaque).any():
            raise Refused([complaint("alpha channel", "opaque everywhere", "transparent pixels", where)])
        channels = channels[:-1]
    return Volume(array=np.ascontiguousarray(channels), affine=_affine(spacing_mm), spacing_mm=spacing_mm)


def _affine(spacing_mm: tuple[float, ...] | None) -> NDArray[np.float64]:
    return np.diag([*(spacing_mm or (1.0, 1.0)), 1.0, 1.0])


def _read_tiff(path: Path, where: str) -> Volume:
    with tifffile.TiffFile(path) as file:
        series, page = _only_series(file, where), file.pages.first
        spacing_mm = _resolution_mm(page)
        axes = series.axes
        try:
            array = series.asarray()
        except ValueError as error:
            if "imagecodecs" not in str(error):
                raise
            array, axes = _read_pillow(path, where, indexed=True), page.axes
    colour = _colour_axis(axes)
    space = array.ndim - (colour is not None)
    if space == 2:
        grey_last = array if colour is None else np.moveaxis(array, colour, -1)
        return _volume(grey_last, where, spacing_mm)
    if space != 3:
        raise Refused([complaint("dimensions", "2 or 3", f"{space}-D {axes}: pick a volume", where)])
    return Volume(
        array=array[None] if colour is None else np.moveaxis(array, colour, 0), affine=np.eye(4), spacing_mm=None
    )


def _only_series(file: tifffile.TiffFile, where: str) -> tifffile.TiffPageSeries:
    most = file.filehandle.size // SMALLEST_PAGE
    if any(number > most for number, _ in enumerate(file.pages)):
        raise Refused([complaint("TIFF pages", f"at most {most} in so small a file", "a circle of them", where)])
    if len(file.series) != 1:
        raise Refused([complaint("TIFF", "one image", f"{len(file.series)} of different shapes", where)])
    require_size(file.series[0].shape, file.series[0].dtype.itemsize, where)
    require_packed(file.series[0].nbytes, file.filehandle.size, where)
    return file.series[0]


def _colour_axis(axes: str) -> int | None:
    return next((axes.index(letter) for letter in "SC" if letter in axes), None)


def _resolution_mm(page: tifffile.TiffPage | tifffile.TiffFrame) -> tuple[float, ...] | None:
    """Pixel size (y, x) from the resolution tags; None without a unit, and for the print defaults."""
    tags = page.tags if isinstance(page, tifffile.TiffPage) else {}
    unit = _MM_PER_UNIT.get(int(tags["ResolutionUnit"].value)) if "ResolutionUnit" in tags else None
    if unit is None or "XResolution" not in tags or "YResolution" not in tags:
        return None
    per_unit = []
    for tag in ("YResolution", "XResolution"):
        numerator, denominator = tags[tag].value
        if not numerator or not denominator:
            return None
        per_unit.append(numerator / denominator)
    if unit == _MM_PER_UNIT[2] and per_unit[0] in _PRINT_DEFAULTS:
        return None
    return tuple(unit / number for number in per_unit)


# ---------------------------------------------------------------------------------------- writing
def write_picture(path: Path, array: NDArray[np.generic], spacing_mm: tuple[float, ...] | None) -> None:
    """array (Y,X) as the suffix of ``path`` says; only TIFF holds floating point and the spacing."""
    if not _is_tiff(path):
        Image.fromarray(array).save(path)
        return
    if spacing_mm is None:
        tifffile.imwrite(path, array, photometric="minisblack", compression="zlib", metadata=None)
    else:
        y_mm, x_mm = spacing_mm
        tifffile.imwrite(
            path,
            array,
            photometric="minisblack",
            compression="zlib",
            metadata=None,
            resolution=(10 / x_mm, 10 / y_mm),
            resolutionunit="CENTIMETER",
        )
