"""One case of a cohort as its files have it: the image and every mask read, and compared with one another."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from medseg.cohorts.manifest import short_path
from medseg.contracts import Case, Cohort, Refused, Volume, complaint
from medseg.images import (
    SCAN_SUFFIXES,
    as_labels,
    grid_complaints,
    length_text,
    onto_grid,
    read_image,
    read_mask,
    stored_shape,
    suffix_of,
    with_spacing,
)


@dataclass(kw_only=True)
class CaseReport:
    """What reading one case brought to light."""

    case: Case
    """The case."""
    errors: list[str] = field(default_factory=list)
    """What is wrong, a line each."""
    constant: bool = False
    """Its image has the same number in every voxel."""
    unscaled: bool = False
    """Its image has no voxel size."""
    squeezed: list[str] = field(default_factory=list)
    """Images of which a trailing axis was dropped."""
    rounded: list[str] = field(default_factory=list)
    """Masks whose values were rounded."""
    foreground: dict[str, float] = field(default_factory=dict)
    """Annotator (and "truth") -> fraction of voxels that is no background."""
    digest: str = ""
    """Equal for images with equal pixels; "" where unreadable."""


def inspect(case: Case, cohort: Cohort) -> CaseReport:
    """Read the image and all masks of one case."""
    report = CaseReport(case=case)
    channels: list[Volume] = []
    for path in case.images:
        where = f"{case.name}, {short_path(path, cohort)}"
        try:
            channels.append(_scaled(read_image(path, where), case, where))
        except Refused as refused:
            report.errors += refused.complaints
            continue
        report.errors += _image_complaints(channels[-1], path, where, cohort)
        report.squeezed += _squeezed(channels[-1], path, where)
        channels[-1] = onto_grid(channels[-1], channels[0])
        report.errors += grid_complaints("channel", channels[-1], channels[0], where=where, whose="the first channel")
    image = channels[0] if len(channels) == len(case.images) else None
    if image is not None:
        report.errors += _channel_complaints(channels, case, cohort)
        report.constant = all(bool((channel.array == channel.array.flat[0]).all()) for channel in channels)
        report.unscaled = image.spacing_mm is None
        report.digest = _digest(channels)
    masks = [*case.annotations.items(), *([("truth", case.truth)] if case.truth else [])]
    for annotator, path in masks:
        _inspect_mask(annotator, path, image=image, cohort=cohort, report=report)
    return report


def _inspect_mask(annotator: str, path: Path, *, image: Volume | None, cohort: Cohort, report: CaseReport) -> None:
    who = f"{report.case.name}/{annotator}"
    where = f"{who}, {short_path(path, cohort)}"
    try:
        stored = read_mask(path, where)
        stored = stored if image is None else onto_grid(stored, image)
        labels = as_labels(stored, where)
    except Refused as refused:
        report.errors += refused.complaints
        return
    if stored.array.dtype.kind == "f" and (stored.array[0] != labels.array).any():
        report.rounded.append(who)
    if image is not None:
        report.errors += grid_complaints("mask", stored, image, where=who, whose="its image")
    report.errors += _value_complaints(labels, cohort, where)
    said = labels.array[~np.isin(labels.array, cohort.ignored)]
    report.foreground[annotator] = float((~np.isin(said, cohort.classes[0].values)).mean()) if said.size else 0.0


def _scaled(image: Volume, case: Case, where: str) -> Volume:
    """The image under the scale that the manifest states. Raises Refused where the file has one of its own."""
    stated, own = case.spacing_mm, image.spacing_mm
    if stated and own and not np.allclose(stated, own, rtol=1e-3):
        got = f"{length_text(stated)} in manifest.csv"
        raise Refused([complaint("spacing", f"{length_text(own)}, the file's own", got, where)])
    return with_spacing(image, stated)


def _image_complaints(image: Volume, path: Path, where: str, cohort: Cohort) -> Iterator[str]:
    shape = image.array.shape[1:]
    stated = f"{cohort.spatial_dims} (cohort.yaml)"
    is_slice = 1 in shape or (suffix_of(path) in SCAN_SUFFIXES and 1 in stored_shape(path))
    if cohort.spatial_dims == 3 and len(shape) <= 3 and is_slice:
        got = f"a single slice {_size(shape)}; use spatial_dims: 2 or pad the volume"
        yield complaint("spatial dims", stated, got, where)
    elif len(shape) != cohort.spatial_dims:
        yield complaint("spatial dims", stated, f"{len(shape)}: {_size(shape)}", where)
    if image.array.dtype.kind == "f":
        bad = np.argwhere(~np.isfinite(image.array))
        if len(bad):
            first = ", ".join(map(str, bad[0][1:].tolist()))
            yield complaint("voxels", "finite numbers", f"{len(bad)} NaN or Inf, the first at ({first})", where)
    if not np.isfinite(image.affine).all() or not all(mm > 0 for mm in image.spacing_mm or (1,)):
        yield complaint("affine", "finite, voxel lengths above 0 mm", length_text(image.spacing_mm), where)


def _channel_complaints(channels: Sequence[Volume], case: Case, cohort: Cohort) -> Iterator[str]:
    count = sum(len(channel.array) for channel in channels)
    if count != len(cohort.channels):
        expected = f"{len(cohort.channels)} ({', '.join(cohort.channels)})"
        yield complaint("channels", expected, count, f"{case.name}, {short_path(case.images[0], cohort)}")


def _value_complaints(labels: Volume, cohort: Cohort, where: str) -> Iterator[str]:
    known = [value for label in cohort.classes for value in label.values] + list(cohort.ignored)
    values, counts = np.unique(labels.array, return_counts=True)
    unknown = {int(v): int(n) for v, n in zip(values, counts, strict=True) if v not in known}
    if not unknown:
        return
    got = ", ".join(f"{value} in {count} voxels" for value, count in list(unknown.items())[:5])
    got += f" and {len(unknown) - 5} values more" if len(unknown) > 5 else ""
    if len(known) == 2 and len(values) == 2 and values[0] == 0:
        background, other = (label.name for label in cohort.classes)
        got += f"; cohort.yaml should read classes: {{{background}: 0, {other}: {values[1]}}}"
    yield complaint("mask values", ", ".join(map(str, known)), got, where)


def _squeezed(image: Volume, path: Path, where: str) -> list[str]:
    if suffix_of(path) not in SCAN_SUFFIXES:
        return []
    shape = stored_shape(path)
    return [where] if shape[-1] == 1 and len(shape) > image.array.ndim - 1 else []


def _digest(channels: Sequence[Volume]) -> str:
    """Equal for images with equal pixels, whatever file format and compression hold them."""
    digest = hashlib.sha256()
    for channel in channels:
        digest.update(f"{channel.array.shape}{channel.array.dtype.str}".encode())
        digest.update(np.ascontiguousarray(channel.array).tobytes())
    return digest.hexdigest()


def _size(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape))
