"""Where converted files go, and how they are named: below ``converted/`` of the cohort, never into the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from medseg.cohorts.names import name_complaints
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, Refused, Volume
from medseg.images import read_header, read_stack, stored_shape, write_image, write_labels

CONVERTED = "converted"
"""The folder of all that `medseg index` writes beside its two tables, but for the masks of COCO."""

MOST_CHANNELS = 16
"""Along an axis that is taken for one of channels."""


def put_mask(out: Path, annotator: str, case: str, volume: Volume) -> Path:
    """Write labels (S...) as PNG, or as NIfTI where they have three axes or a scale.

    Raises Refused for names that no file can have.
    """
    _require_names({"annotator": annotator, "case": case})
    return write_labels(out / CONVERTED / "masks" / annotator / f"{case}{_suffix(volume, volume.array.ndim)}", volume)


def put_image(out: Path, case: str, volume: Volume) -> Path:
    """Write an image (C,S...) of one channel, or a colour picture, likewise."""
    _require_names({"case": case})
    suffix = _suffix(volume, volume.array.ndim - 1)
    if suffix == ".png" and volume.array.dtype.kind == "f":
        suffix = ".tif"
    return write_image(out / CONVERTED / "images" / f"{case}{suffix}", volume)


def channels_apart(image: Path, mask: Path, case: str, out: Path) -> tuple[Path, ...]:
    """The file itself, or one per channel where an axis holds them that the mask does not have.

    The axis is the last one, or the first where only that leaves the mask's shape. Files that cannot be read, and
    shapes that differ otherwise, are left to `medseg check`.
    """
    try:
        stored, labels = stored_shape(image), read_header(mask)
    except (Refused, OSError, ValueError):
        return (image,)
    axis = next((axis for axis in (-1, 0) if _without(stored, axis) == labels.shape), None)
    if axis is None or stored == labels.shape or not 1 < stored[axis] <= MOST_CHANNELS:
        return (image,)
    channels = np.moveaxis(read_stack(image), axis, 0)
    return tuple(
        put_image(
            out,
            f"{case}_{number:04}",
            Volume(array=channel[None], affine=labels.affine, spacing_mm=labels.spacing_mm),
        )
        for number, channel in enumerate(channels)
    )


def _without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    """A shape without an axis, and without trailing ones of length 1."""
    left = list(shape[:-1] if axis == -1 else shape[1:])
    while len(left) > 2 and left[-1] == 1:
        left.pop()
    return tuple(left)


def with_masks_changed(cases: Sequence[Case], change: Callable[[Case, str, Path], Path]) -> list[Case]:
    """Every mask replaced by ``change(case, annotator, path)``, the truth as the annotator ``truth``.

    Raises Refused with the complaints about all masks.
    """

    def changed(case: Case) -> Case:
        masks: Mapping[str, Path] = {name: change(case, name, path) for name, path in case.annotations.items()}
        return replace(case, annotations=masks, truth=change(case, "truth", case.truth) if case.truth else None)

    return read_all(cases, changed)


def _suffix(volume: Volume, axes: int) -> str:
    return ".png" if axes == 2 and volume.spacing_mm is None else ".nii.gz"


def _require_names(names: Mapping[str, str]) -> None:
    found = [line for what, name in names.items() for line in name_complaints(what, name, "a file to be written")]
    if found:
        raise Refused(found)
