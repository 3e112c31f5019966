"""The rows of objects.csv: how large each object is, visible and completed, and how sure that is."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from medseg.amodal.completion.completer import Answer, Status
from medseg.amodal.nouns import AmodalObject
from medseg.amodal.objects import Dropped
from medseg.contracts import Volume
from medseg.evaluation.coverage import central_interval


@dataclass(frozen=True)
class ObjectRow:
    """One object; visible, completed and the limits of the central intervals of the samples are volumes in ``unit``.

    occluded_fraction: (completed - visible) / completed. Numbers that are not known are nan: the intervals without
    samples, the novelty of an object that the model was not asked about.
    """

    case: str
    object: str
    label: str
    status: Status
    reason: str
    unit: str
    visible: float
    completed: float
    low_50: float
    high_50: float
    low_80: float
    high_80: float
    low_90: float
    high_90: float
    occluded_fraction: float
    novelty: float


@dataclass(frozen=True)
class Measure:
    """The volume of a voxel, and the unit that it is in."""

    voxel: float
    unit: str


def measure_of(spacing_mm: tuple[float, ...] | None, spatial_dims: int) -> Measure:
    """Ml for a volume, mm2 for a picture; without a scale voxels and px."""
    if spacing_mm is None:
        return Measure(1.0, "px" if spatial_dims == 2 else "voxels")
    product = math.prod(spacing_mm)
    return Measure(product, "mm2") if spatial_dims == 2 else Measure(product / 1000, "ml")


def row_of(amodal_object: AmodalObject, answer: Answer) -> ObjectRow:
    """The row of an object and its answer."""
    measure = measure_of(amodal_object.spacing_mm, amodal_object.visible.ndim)
    visible, completed = np.count_nonzero(amodal_object.visible), np.count_nonzero(answer.completion.amodal)
    samples = answer.completion.samples
    volumes = samples.sum(tuple(range(1, samples.ndim))) * measure.voxel
    limits = [limit for level in (0.5, 0.8, 0.9) for limit in central_interval(volumes, level)]
    return ObjectRow(
        amodal_object.case,
        amodal_object.name,
        amodal_object.label,
        answer.status,
        answer.reason,
        measure.unit,
        visible * measure.voxel,
        completed * measure.voxel,
        *limits,
        occluded_fraction=(completed - visible) / completed,
        novelty=answer.completion.novelty,
    )


def dropped_row(case: str, dropped: Dropped, volume: Volume) -> ObjectRow:
    """The row of an object that the model was not asked about."""
    measure = measure_of(volume.spacing_mm, volume.array.ndim)
    visible = dropped.voxels * measure.voxel
    nan = math.nan
    place = (case, dropped.name, dropped.label, "left", dropped.reason, measure.unit)
    return ObjectRow(*place, visible, visible, *(nan,) * 6, occluded_fraction=0.0, novelty=nan)
