"""Shapes that are easily counted, and a frame to show them in."""

from __future__ import annotations

import numpy as np

from medseg.amodal.nouns import AmodalObject
from medseg.amodal.occlusion.sections import FrameConfig, OcclusionConfig, ShowingConfig

SHOWING = ShowingConfig(frame=FrameConfig(size=(16, 16), spacing=2.0), occlusion=OcclusionConfig(occluded=(0.1, 0.5)))


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
