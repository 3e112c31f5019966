"""Sections of a config: frames, occluders, and how objects are shown in both. Light, for whoever only reads configs."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from medseg.contracts import Fraction, Section, Width

Kind = Literal["object", "bar", "half_space", "blob", "slices"]
"""Another object of the data; an instrument; what lies outside the field of view; a lump; slices that dropped out."""


class FrameConfig(Section):
    """How frames are laid around objects: the section ``data.frame``."""

    size: tuple[Width, ...]
    """(S,) voxels of the network's grid."""
    spacing: Annotated[float, Field(gt=0)] | None = None
    """Of a voxel of the grid, in mm (in pixels for a picture without a scale); null: as large as makes the visible part
    fill ``1 / margin`` of the frame."""
    margin: Annotated[float, Field(ge=1)] = 1.25
    """A visible part that, times this, is longer than the frame is shown smaller, until it fits."""
    reduction: Annotated[float, Field(ge=1)] = 2.0
    """By this factor at most; a larger object is refused."""
    align: bool = True
    """Turn the frame so that the visible part's principal axes lie along the grid's."""


class OcclusionConfig(Section):
    """What hides unoccluded objects, and how sloppy masks are made: the section ``data.occlusion``."""

    kinds: tuple[Kind, ...] = ("object",)
    """Of the occluder, all equally likely."""
    occluded: tuple[Fraction, Fraction] = (0.005, 0.6)
    """Lowest and highest share of the object's voxels that the occluder covers."""
    shallow: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability that it covers a tenth of the highest share at most: two that barely overlap."""
    touching: Annotated[float, Field(ge=0, le=1)] = 0.25
    """Probability that a neighbour presses on the object and hides nothing of it."""
    specks: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Probability that a few voxels where such a neighbour presses on the object belong to both, as people draw it."""
    nothing: Annotated[float, Field(ge=0, le=1)] = 0.22
    """Probability that the object lies in front of a neighbour which does not press on it."""
    another: Annotated[float, Field(ge=0, lt=1)] = 0.25
    """Probability that there is one more neighbour; three at most."""
    strangers: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Probability that a piece of another object is taken for one of this: it must be left unconnected."""
    swollen: Annotated[int, Field(ge=0, le=8)] = 0
    """An overlap of two objects reaches up to so many voxels farther into both, as where people draw it."""
    known: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Probability that instead of all this an object is shown that is really hidden and whose whole is known, and told;
    less where such objects are few, for each is shown no more often than each complete one. Of every fourth patient
    nothing is told: intervals are calibrated on his objects, and on those of validation."""
    mask_jitter: Annotated[int, Field(ge=0)] = 0
    """Visible part and occluder are dilated or eroded by up to so many voxels in training, each on its own."""


class DeformationConfig(Section):
    """How complete objects, and the neighbours drawn for them, are stretched and bent in training, and scenes of known
    whole as one: the section ``data.deformation``."""

    probability: Annotated[float, Field(ge=0, le=1)] = 0.0
    """Of a change, of each object for itself (0: shapes are shown as they are)."""
    stretch: Annotated[float, Field(ge=0, le=0.5)] = 0.1
    """Standard deviation of the logarithm of the factors along axes at right angles to each other, drawn too."""
    bend: Annotated[float, Field(ge=0, le=0.2)] = 0.03
    """Standard deviation of a smooth displacement, as a share of the object's length, along each axis."""


class ShowingConfig(Section):
    """How objects are shown: part of the section ``data``."""

    frame: FrameConfig
    """The piece of space around an object."""
    occlusion: OcclusionConfig = OcclusionConfig()
    """What is drawn over it."""
    deformation: DeformationConfig = DeformationConfig()
    """What is done to complete shapes in training, before anything is drawn over them."""
    mirror: bool = True
    """Mirror images along every axis are as likely as the objects themselves (not where left and right differ)."""
