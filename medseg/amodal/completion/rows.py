"""The rows of objects.csv: how large each object is, visible and completed, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from medseg.amodal.completion.completer import Answer, Status
from medseg.amodal.completion.conformal import LEVELS, Interval
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import Dropped
from medseg.contracts import Volume


@dataclass(frozen=True, kw_only=True)
class ObjectRow:
    """One object, in the order of the columns. Numbers that are not known are nan."""

    case: str
    """The label map."""
    object: str
    """``<case>/<class name>-<number>``."""
    label: str
    """Name of its class."""
    status: Status
    """What was done with it."""
    reason: str
    """Why it was left as it is, else ""."""
    unit: str
    """Of the volumes, see ``measure_of``."""
    visible: float
    """Volume of the visible part."""
    completed: float
    """Volume of the amodal mask that is answered."""
    low_50: float
    """Lower end of the 50 % interval (``conformal``); nan, like the next five, without samples."""
    high_50: float
    """Upper end of the 50 % interval."""
    low_80: float
    """Lower end of the 80 % interval."""
    high_80: float
    """Upper end of the 80 % interval."""
    low_90: float
    """Lower end of the 90 % interval."""
    high_90: float
    """Upper end of the 90 % interval."""
    occluded_fraction: float
    """(completed - visible) / completed."""
    novelty: float
    """See ``Completion``; nan where the model was not asked."""


@dataclass(frozen=True, kw_only=True)
class Measure:
    """How voxels become volumes."""

    voxel: float
    """The volume of one."""
    unit: str
    """What that is in."""


def measure_of(spacing_mm: tuple[float, ...] | None, spatial_dims: int) -> Measure:
    """Ml for a volume, mm2 for a picture; without a scale voxels and px."""
    if spacing_mm is None:
        return Measure(voxel=1.0, unit="px" if spatial_dims == 2 else "voxels")
    product = math.prod(spacing_mm)
    return Measure(voxel=product, unit="mm2") if spatial_dims == 2 else Measure(voxel=product / 1000, unit="ml")


def row_of(amodal_object: AmodalObject, answer: Answer) -> ObjectRow:
    """The row of an object and its answer."""
    measure = measure_of(amodal_object.spacing_mm, amodal_object.visible.ndim)
    said = answer.completion
    visible, completed = np.count_nonzero(amodal_object.visible), np.count_nonzero(said.amodal)
    return ObjectRow(
        case=amodal_object.case,
        object=amodal_object.name,
        label=amodal_object.label,
        status=answer.status,
        reason=answer.reason,
        unit=measure.unit,
        visible=visible * measure.voxel,
        completed=completed * measure.voxel,
        **_ends(said.intervals, measure.voxel),
        occluded_fraction=(completed - visible) / completed,
        novelty=said.novelty,
    )


def dropped_row(case: str, dropped: Dropped, volume: Volume) -> ObjectRow:
    """The row of an object that the model was not asked about."""
    measure = measure_of(volume.spacing_mm, volume.array.ndim)
    return ObjectRow(
        case=case,
        object=dropped.name,
        label=dropped.label,
        status="left",
        reason=dropped.reason,
        unit=measure.unit,
        visible=dropped.voxels * measure.voxel,
        completed=dropped.voxels * measure.voxel,
        **_ends((), measure.voxel),
        occluded_fraction=0.0,
        novelty=math.nan,
    )


def _ends(intervals: Sequence[Interval], voxel: float) -> dict[str, float]:
    """Column -> end of an interval; nan without intervals."""
    known = intervals or ((math.nan, math.nan),) * len(LEVELS)
    return {
        f"{end}_{100 * level:.0f}": value * voxel
        for level, interval in zip(LEVELS, known, strict=True)
        for end, value in zip(("low", "high"), interval, strict=True)
    }
