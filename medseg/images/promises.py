"""What a file's header promises, judged before anything is made room for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import nibabel as nib
import numpy as np
import psutil
from nibabel.spatialimages import HeaderDataError

from medseg.contracts import Refused, complaint
from medseg.images.geometry import Affine, corner_distance_mm, spacing_of

MOST_VOXELS = 2**31
"""Of one file; a whole body at half a millimetre has a quarter of that."""
MOST_PACKED = 10_000
"""Bytes of an image for each of its file, beside 16 MiB; deflate reaches a thousand."""
MOST_COSINE = 2e-3
"""Between voxel axes that are said to be at right angles: a tenth of a degree."""

_SPACE = 3
"""Axes of space in a NIfTI header; channels and time follow."""


def require_size(shape: Sequence[int], voxel_bytes: int, where: str) -> None:
    """Raise Refused for an axis without a voxel, more than 2**31 voxels, or more bytes than memory is free."""
    size = "x".join(map(str, shape))
    if not all(length > 0 for length in shape):
        raise Refused([complaint("image size", "1 or more along every axis", size, where)])
    voxels = math.prod(map(int, shape))
    if voxels > MOST_VOXELS:
        raise Refused([complaint("image size", f"at most {MOST_VOXELS} voxels", f"{size} = {voxels}", where)])
    free = psutil.virtual_memory().available
    if voxels * voxel_bytes > free:
        got = f"{size}: {voxels * voxel_bytes / 2**30:.1f} GiB"
        raise Refused([complaint("image size", f"at most the free memory, {free / 2**30:.1f} GiB", got, where)])


def require_packed(promised_bytes: int, file_bytes: int, where: str) -> None:
    """Raise Refused where an image is so much larger than its file that no compression in use explains it."""
    most = MOST_PACKED * file_bytes + 2**24
    if promised_bytes > most:
        got = f"a promise of {promised_bytes} in a file of {file_bytes}"
        raise Refused([complaint("image size", f"at most {most} bytes", got, where)])


def require_right_angles(affine: Affine, axes: int, where: str) -> None:
    """Raise Refused for an affine (4,4) whose first axes are sheared; one without extent is left to others."""
    lengths = np.asarray(spacing_of(affine, axes))
    if not np.isfinite(affine).all() or not (lengths > 0).all():
        return
    directions = affine[:3, :axes] / lengths
    cosine = np.abs(directions.T @ directions - np.eye(axes)).max()
    if cosine > MOST_COSINE:
        angle = math.degrees(math.acos(min(float(cosine), 1.0)))
        got = f"axes at {angle:.4g} degrees; resample it to an upright grid"
        raise Refused([complaint("affine", "voxel axes at right angles", got, where)])


def nifti_complaints(header: nib.Nifti1Header, where: str) -> list[str]:
    """Voxel lengths, scale and the two affines of a NIfTI header."""
    shape = header.get_data_shape()
    lengths = np.asarray(header["pixdim"][1 : 1 + min(len(shape), _SPACE)], np.float64)
    used = lengths[np.asarray(shape[:_SPACE]) > 1]
    found = []
    if not np.isfinite(used).all() or (used == 0).any():
        got = "x".join(f"{length:g}" for length in lengths)
        found.append(complaint("pixdim", "finite lengths above 0 mm", got, where))
    scale = float(header["scl_slope"]), float(header["scl_inter"])
    if any(math.isinf(number) for number in scale):
        got = f"slope {scale[0]:g}, intercept {scale[1]:g}"
        found.append(complaint("scale of voxels", "finite numbers", got, where))
    if not found and int(header["qform_code"]) > 0 and int(header["sform_code"]) > 0:
        found += _forms_apart(header, used, where)
    return found


def _forms_apart(header: nib.Nifti1Header, lengths: np.ndarray, where: str) -> list[str]:
    """Programs choose between the two: where they disagree, two programs see two images."""
    try:
        apart_mm = corner_distance_mm(
            np.asarray(header.get_qform(), np.float64),
            np.asarray(header.get_sform(), np.float64),
            header.get_data_shape()[:_SPACE],
        )
    except (HeaderDataError, ValueError) as error:
        return [complaint("qform", "a rotation", str(error), where)]
    if apart_mm <= 0.5 * np.abs(lengths).min(initial=1.0) or not math.isfinite(apart_mm):
        return []
    got = f"corners up to {apart_mm:.4g} mm apart; keep the right one, and set the code of the other to 0"
    return [complaint("qform and sform", "one place", got, where)]
