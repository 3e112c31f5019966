"""Shapes that are easily counted, a frame to show them in, and a source of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.occlusion.frames import Frame
from medseg.amodal.occlusion.sections import FrameConfig, OcclusionConfig, ShowingConfig
from medseg.amodal.occlusion.source import OcclusionSource
from medseg.amodal.shapes import write_shapes
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Cohort, Split

SHOWING = ShowingConfig(
    frame=FrameConfig(size=(16, 16), spacing=2.0), occlusion=OcclusionConfig(occluded=(0.1, 0.5), known=0)
)


def square(size: int = 20, start: int = 5, stop: int = 15, dims: int = 2) -> np.ndarray:
    mask = np.zeros((size,) * dims, bool)
    mask[(slice(start, stop),) * dims] = True
    return mask


def rod(rows: int = 6, columns: int = 14, room: int = 0, name: str = "m/rod-1") -> AmodalObject:
    """An unoccluded rod that fills its crop, or has room around it."""
    mask = np.pad(np.ones((rows, columns), bool), room)
    return AmodalObject(
        name=name,
        case="m",
        label="rod",
        class_index=0,
        visible=mask,
        occluder=None,
        amodal=mask,
        unoccluded=True,
        corner=(20, 30),
        map_shape=(80, 80),
        affine=np.eye(4),
        spacing_mm=None,
    )


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Cohort:
    """Four maps: two to train on, one to validate, one to test."""
    root = write_shapes(tmp_path_factory.mktemp("shapes") / "cohort", seed=3, spatial_dims=2, cases=4, size=80)
    return divided(load_cohort(root), "train", "train", "val", "test")


def divided(cohort: Cohort, *splits: Split) -> Cohort:
    return replace(cohort, cases=tuple(replace(c, split=s) for c, s in zip(cohort.cases, splits, strict=True)))


def source(
    cohort: Cohort, batch_size: int = 4, objects_per_epoch: int | None = None, mask_jitter: int = 0, **changes: object
) -> OcclusionSource:
    return OcclusionSource(
        cohort, showing(mask_jitter, **changes), 7, batch_size=batch_size, objects_per_epoch=objects_per_epoch
    )  # type: ignore[arg-type]


def showing(mask_jitter: int, **changes: object) -> ShowingConfig:
    occlusion = SHOWING.occlusion.model_copy(update={"mask_jitter": mask_jitter})
    return SHOWING.model_copy(update={"occlusion": occlusion, **changes})


def extent(mask: np.ndarray) -> list[int]:
    """Voxels from end to end along each axis."""
    return [int(np.ptp(places)) + 1 for places in np.nonzero(mask)]


def to_map(frame: Frame, place: Sequence[float]) -> np.ndarray:
    return frame.matrix @ np.asarray(place) + frame.offset
