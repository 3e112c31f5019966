"""Where converted files go, and how they are named: below ``converted/`` of the cohort, never into the source."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from medseg.cohorts.names import name_complaints
from medseg.cohorts.reading import read_all
from medseg.contracts import Case, Refused, Volume
from medseg.images import write_image, write_labels

CONVERTED = "converted"
"""The folder of all that `medseg index` writes beside its two tables, but for the masks of COCO."""


def put_mask(out: Path, annotator: str, case: str, volume: Volume) -> Path:
    """Write labels (S...) as PNG, or as NIfTI where they have three axes or a scale.

    Raises Refused for names that no file can have.
    """
    _require_names({"annotator": annotator, "case": case})
    return write_labels(out / CONVERTED / "masks" / annotator / f"{case}{_suffix(volume, volume.array.ndim)}", volume)


def put_image(out: Path, case: str, volume: Volume) -> Path:
    """Write an image (C,S...) of one channel, or a colour picture, likewise."""
    _require_names({"case": case})
    axes = volume.array.ndim - 1
    return write_image(out / CONVERTED / "images" / f"{case}{_suffix(volume, axes)}", volume)


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
