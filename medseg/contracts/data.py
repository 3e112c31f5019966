"""What lies on the disk: volumes, cases, cohorts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

UNLABELLED = -1
"""The label of a voxel that nobody labelled: outside the image, or of an absent annotator."""

Split = Literal["train", "val", "test", ""]
ObjectMask = Literal["full", "visible", "occluder"]
CompleteRule = Literal["unoccluded", "known"]
BorderRule = Literal["drop", "keep"]
PiecesRule = Literal["decided", "apart", "joined"]

Said = Mapping[str, float | str]
"""What is said of a person: key -> number or word (``experience``: 12, ``tool``: amira)."""


@dataclass(frozen=True, kw_only=True)
class Volume:
    """An image or a label map, with where it lies in the patient."""

    array: NDArray[np.generic]
    """(C,S...) of an image, (S...) of a label map."""
    affine: NDArray[np.float64]
    """(4,4) voxel index -> mm, RAS+ (the nibabel convention; 2D files fill the first two axes)."""
    spacing_mm: tuple[float, ...] | None
    """(S,) length of a voxel along each axis; None for a picture without a scale: then every length computed from it
    is in pixels and says so."""


@dataclass(frozen=True, kw_only=True)
class ClassLabel:
    """One class."""

    name: str
    """As cohort.yaml has it."""
    value: int
    """What stands for it in the mask files, and in the ones that are written."""
    others: tuple[int, ...] = field(default=(), compare=False)
    """Further values that mean it, where annotators use different ones."""

    @property
    def values(self) -> tuple[int, ...]:
        """All that mean it."""
        return (self.value, *self.others)


@dataclass(frozen=True, kw_only=True)
class Case:
    """What the manifest says of one image or label map: where it lies, who labelled it, whose it is."""

    name: str
    """Unique in its cohort, and such that a file can have it."""
    patient: str
    """The unit of splitting."""
    split: Split = ""
    """As the manifest states it, or as it was drawn."""
    images: tuple[Path, ...] = ()
    """One file per channel, or one file that holds all channels."""
    annotations: Mapping[str, Path] = field(default_factory=dict)
    """Annotator -> mask file; an annotator who did not see the case is absent."""
    truth: Path | None = None
    """Mask file of the known truth, never shown in training (but to the oracle)."""
    object_masks: Mapping[ObjectMask, Path] = field(default_factory=dict)
    """In a cohort of objects: ``full`` is a label map, or beside ``visible`` the whole of one object."""
    instance_masks: Mapping[str, Path] = field(default_factory=dict)
    """In a cohort of objects: number of an instance -> mask of all of it; they may overlap."""
    spacing_mm: tuple[float, ...] | None = None
    """(S,) what the manifest says of a picture that has no scale of its own; None: nothing."""
    covariates: Mapping[str, str] = field(default_factory=dict)
    """The manifest's extra columns (site, tool, ...)."""

    @property
    def mask_files(self) -> tuple[Path, ...]:
        """All of them, the truth last."""
        known = () if self.truth is None else (self.truth,)
        return (*self.annotations.values(), *self.object_masks.values(), *self.instance_masks.values(), *known)

    @property
    def labelled(self) -> bool:
        """Whether there is a mask of it at all: what has none may be learned from, and is never scored."""
        return bool(self.mask_files)


@dataclass(frozen=True, kw_only=True)
class ObjectRules:
    """How label maps are taken apart into objects, and who may hide whom (``objects:`` of cohort.yaml)."""

    overlap: tuple[int, ...] = ()
    """Values that mean "two or more objects lie here": a region of one, touched by exactly two classes, belongs to
    both, so that the whole of each is known."""
    unknown: tuple[int, ...] = ()
    """Values that mean "nobody knows what is here"; such a region may hide any object that touches it."""
    hides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Class name -> names of the classes that it may hide where they touch. Empty: only overlap and unknown."""
    component: bool = True
    """Every connected component of a class is an object (else a class is one object per case)."""
    instances: bool = False
    """The values are instance numbers, all of one class (else they are the values of ``classes``)."""
    pieces: PiecesRule = "decided"
    """Components of one class at the same hider or unknown region: objects of their own, one object, or what a trained
    model decides."""
    complete: CompleteRule = "unoccluded"
    """Which objects are learnt from as complete ones: those that nothing hides, or all whose amodal mask is known."""
    border: BorderRule = "drop"
    """What becomes of an object at the border of its map; one that is kept goes no further than the map."""
    smallest: int = 1
    """Objects of fewer visible voxels are dropped."""
    smallest_occluded: int = 1
    """Objects with a known hidden part of fewer voxels than this are dropped (contacts, not overlaps)."""


@dataclass(frozen=True, kw_only=True)
class ObjectScheme:
    """What the values of a label map mean."""

    classes: tuple[ClassLabel, ...]
    """The background first."""
    rules: ObjectRules
    """How a map is taken apart."""
    spatial_dims: int
    """2 or 3."""


@dataclass(frozen=True, kw_only=True)
class Cohort:
    """A validated folder: manifest.csv and cohort.yaml."""

    root: Path
    """The folder."""
    name: str
    """As cohort.yaml has it, or the folder's."""
    classes: tuple[ClassLabel, ...]
    """In the order of the axes O and T, the background first."""
    channels: tuple[str, ...] = ()
    """In the order of axis C."""
    spatial_dims: int
    """2 or 3."""
    annotators: tuple[str, ...] = ()
    """Persistent identities, in the order of axis A."""
    crowd: tuple[str, ...] = ()
    """Annotators whose name is only a slot (another person from case to case); kept apart."""
    ignored: tuple[int, ...] = ()
    """Values of the mask files that say nothing: such voxels are UNLABELLED."""
    people: Mapping[str, Said] = field(default_factory=dict)
    """Annotator -> what is said of the person; who is absent, of him nothing is."""
    cases: tuple[Case, ...]
    """In the order of the manifest."""

    def split(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split, in the order of the manifest."""
        return tuple(case for case in self.cases if case.split == split)


@dataclass(frozen=True, kw_only=True)
class ObjectCohort(Cohort):
    """A cohort of label maps (cohort.yaml has the section ``objects``)."""

    rules: ObjectRules
    """How they are taken apart."""

    @property
    def scheme(self) -> ObjectScheme:
        """What the values of its label maps mean."""
        return ObjectScheme(classes=self.classes, rules=self.rules, spatial_dims=self.spatial_dims)
