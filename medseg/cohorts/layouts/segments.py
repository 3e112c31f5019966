"""3D Slicer's segmentations (.seg.nrrd): segments by name, in the box that holds them, in layers where they overlap.

The numbers of segments are their file's own affair: the same organ is 1 in one file and 2 in the next. Only names
carry over, so that label maps are written anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medseg.cohorts.layouts.converting import put_mask, with_masks_changed
from medseg.cohorts.layouts.files import SEGMENTATION
from medseg.contracts import Case, ClassLabel, Refused, Volume, complaint
from medseg.images import read_header, read_mask, read_tags

_NAME = re.compile(r"Segment(\d+)_Name")


@dataclass(frozen=True, kw_only=True)
class Segment:
    """One of a file."""

    name: str
    """As the user of Slicer typed it."""
    value: int
    """What stands for it in its layer."""
    layer: int
    """Which channel of the file it lies in."""


def is_segmentation(path: Path) -> bool:
    """Whether the name is one that Slicer gives."""
    return path.name.lower().endswith(f"{SEGMENTATION}.nrrd")


def segments_of(path: Path) -> list[Segment]:
    """In the order of the file. Raises Refused for a file without any."""
    tags = read_tags(path)
    numbers = [int(match[1]) for key in tags if (match := _NAME.fullmatch(key))]
    found = [
        Segment(
            name=tags[f"Segment{number}_Name"],
            value=int(tags.get(f"Segment{number}_LabelValue", number + 1)),
            layer=int(tags.get(f"Segment{number}_Layer", 0)),
        )
        for number in sorted(numbers)
    ]
    if not found:
        raise Refused([complaint("segments", "Segment0_Name and so on in the header", "none", str(path))])
    return found


def classes_of_segments(cases: Sequence[Case]) -> tuple[ClassLabel, ...]:
    """The background, and every name that any segmentation has, in alphabetic order."""
    return classes_by_name(segment.name for case in cases for path in case.mask_files for segment in segments_of(path))


def classes_by_name(names: Iterable[str]) -> tuple[ClassLabel, ...]:
    """The background is 0, names count from 1 in alphabetic order."""
    return tuple(ClassLabel(name=name, value=value) for value, name in enumerate(["background", *sorted({*names})]))


def without_segments(cases: Sequence[Case], classes: Sequence[ClassLabel], out: Path) -> list[Case]:
    """The cases with every segmentation written anew as a label map on the grid of its image.

    Raises Refused for segments that overlap (a voxel has one class), for names that ``classes`` does not have, and for
    a grid that is not a part of the image's.
    """
    values = {label.name: label.value for label in classes}

    def change(case: Case, annotator: str, path: Path) -> Path:
        where = f"{case.name}/{annotator}"
        stored, image = read_mask(path, where), read_header(case.images[0])
        flat = len(image.shape) - (stored.array.ndim - 1)  # a box of one slice was read without its last axis
        stored = replace(stored, array=stored.array.reshape(*stored.array.shape, *(1,) * max(flat, 0)))
        box = _box(stored, image.affine, image.shape, where)
        labels = np.full(image.shape, classes[0].value, np.uint16)
        parts = _parts(stored.array, segments_of(path), where)
        labels[box] = label_map(parts, values, stored.array.shape[1:], where)
        return put_mask(
            out, annotator, case.name, Volume(array=labels, affine=image.affine, spacing_mm=image.spacing_mm)
        )

    return with_masks_changed(cases, change)


def _parts(
    array: NDArray[np.generic], segments: Sequence[Segment], where: str
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Layers (C,S...) -> each segment's name and mask (S...)."""
    for segment in segments:
        if segment.layer >= len(array):
            got = f"{segment.name} in layer {segment.layer}"
            raise Refused([complaint("segment", f"one in layer 0 to {len(array) - 1}", got, where)])
        yield segment.name, array[segment.layer] == segment.value


def label_map(
    parts: Iterable[tuple[str, NDArray[np.bool_]]], values: Mapping[str, int], shape: Sequence[int], where: str
) -> NDArray[np.uint16]:
    """Masks (S...) by name -> (S...) of class values; the lowest is the background.

    Raises Refused for names that ``values`` does not have, and for segments that overlap: a voxel has one class.
    """
    labels = np.full(tuple(shape), min(values.values()), np.uint16)
    taken = np.zeros(tuple(shape), bool)
    complaints = []
    for name, inside in parts:
        if name not in values:
            complaints.append(complaint("segment", f"one of {', '.join(values)}", name, where))
            continue
        if (inside & taken).any():
            got = f"{name} over others in {np.count_nonzero(inside & taken)}"
            complaints.append(complaint("voxels of two segments", "none", got, where))
        labels[inside], taken = values[name], taken | inside
    if complaints:
        raise Refused(complaints)
    return labels


def _box(stored: Volume, affine: NDArray[np.float64], shape: Sequence[int], where: str) -> tuple[slice, ...]:
    """Where the volume lies in the grid of its image: Slicer stores the smallest box around all segments."""
    axes = len(shape)
    steps = np.linalg.inv(affine) @ stored.affine
    start = np.rint(steps[:axes, 3]).astype(int)
    parallel = np.abs(steps[:axes, :axes] - np.eye(axes)).max() < 1e-3
    inside = parallel and np.abs(steps[:axes, 3] - start).max() < 1e-2 and stored.array.ndim - 1 == axes
    ends = start + np.resize(stored.array.shape[1:], axes)
    if not inside or (start < 0).any() or (ends > np.asarray(shape)).any():
        got = f"one from voxel {start.tolist()} to {ends.tolist()} of {list(shape)}, or turned"
        raise Refused([complaint("grid of segments", "a part of the image's", got, where)])
    return tuple(slice(int(first), int(last)) for first, last in zip(start, ends, strict=True))
