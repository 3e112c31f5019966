"""The axis legend, and the nouns that rooms hand to one another, in the order of the walk.

Axis letters, used in every shape and (in lower case) in every einsum:

====  =========================================================================
B     batch
C     image channel
A     annotator
O     observed class (what an annotator wrote)
T     true class (what is there)
F     feature of the network's last layer
S...  space, 2 or 3 axes, in the order of the file (never transposed)
====  =========================================================================

A number's name says the space it lives in: ``logits``, ``log_probs``, ``probs``, ``labels``;
lengths end in ``_mm``, volumes in ``_ml``, indices in ``_index``.
Labels are class indices 0..T-1 in the order of ``Cohort.classes``; ``UNLABELLED`` marks a voxel
(of padding, or of an annotator who did not see the case) about which nobody said anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # torch takes seconds to import, and half of the rooms do not need it
    from torch import Tensor, nn

UNLABELLED = -1
"""The label of a voxel that nobody labelled: outside the image, or of an absent annotator."""

Split = Literal["train", "val", "test", ""]
View = Literal["annotated", "majority_vote", "staple", "random_annotator", "truth", "complete", "occluded", "visible"]
"""How a case is shown: the annotators' labels or one consensus of them; an object whole, synthetically hidden, or
really hidden."""


# ---------------------------------------------------------------------------------------- refusal
def complaint(what: str, expected: object, got: object, where: str) -> str:
    """One line for one bad input.

    >>> complaint("mask shape", "32x32x16", "32x32x15", "c07/bob")
    'mask shape: expected 32x32x16, got 32x32x15 (c07/bob)'
    """
    return f"{what}: expected {expected}, got {got} ({where})"


class Refused(Exception):
    """Bad input, with every complaint at once; the command line prints them and exits with 1."""

    def __init__(self, complaints: Iterable[str]) -> None:
        self.complaints: tuple[str, ...] = tuple(complaints)
        super().__init__("\n".join(self.complaints))


# ------------------------------------------------------------------------------------------- data
@dataclass(frozen=True)
class Volume:
    """An image ``(C,S...)`` or a label map ``(S...)``, with where it lies in the patient.

    affine: (4,4) voxel index -> mm, RAS+ (the nibabel convention; 2D files fill the first two axes).
    spacing_mm: length of a voxel along each of the S axes, or None for a picture without a scale:
        then every length computed from it is in pixels and says so.
    """

    array: NDArray[np.generic]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class ClassLabel:
    """One class: its name and the value that stands for it in the mask files."""

    name: str
    value: int


@dataclass(frozen=True)
class Case:
    """What the manifest says of one image: where it lies, who labelled it, whose it is.

    images: one file per channel, or one file that holds all channels.
    masks: annotator -> mask file; an annotator who did not see the case is absent.
    truth: mask file of the known truth, never shown in training (but to the oracle).
    patient: the unit of splitting. covariates: the manifest's extra columns (site, tool, ...).
    """

    name: str
    patient: str
    split: Split
    images: tuple[Path, ...]
    masks: Mapping[str, Path]
    truth: Path | None = None
    covariates: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectRules:
    """How label maps are taken apart into objects, and who may hide whom (``objects:`` of cohort.yaml).

    overlap: values that mean "two or more objects lie here": a region of one, touched by exactly two classes,
        belongs to both, so that the whole of each is known.
    unknown: values that mean "nobody knows what is here"; such a region may hide any object that touches it.
    hides: class name -> names of the classes that it may hide where they touch. Empty: only overlap and unknown.
    component: every connected component of a class is an object (else a class is one object per case).
    instances: the values are instance numbers, all of one class (else they are the values of ``classes``).
    smallest: objects of fewer visible voxels are dropped.
    smallest_hidden: objects with a known hidden part of fewer voxels than this are dropped (contacts, not overlaps).
    """

    overlap: tuple[int, ...] = ()
    unknown: tuple[int, ...] = ()
    hides: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    component: bool = True
    instances: bool = False
    smallest: int = 1
    smallest_hidden: int = 1


@dataclass(frozen=True)
class AmodalObject:
    """One object of a label map, on a crop of its native grid.

    name: ``<case>/<class name>-<number>``, of one hidden synthetically with ``~<occluder>`` behind it.
    class_index: among the foreground classes, 0..K-1.
    visible: (S...) bool. occluder: (S...) bool, what may hide it, None: unknown (anything not visible may).
    The two never overlap voxel by voxel, except where ``whole`` is known: there the occluder is the whole other
    object, the shared region included. whole: (S...) bool where it is known. complete: nothing hides it.
    corner: index of the crop's first voxel in a map of shape ``map_shape``. affine, spacing_mm: of the whole map.
    """

    name: str
    case: str
    label: str
    class_index: int
    visible: NDArray[np.bool_]
    occluder: NDArray[np.bool_] | None
    whole: NDArray[np.bool_] | None
    complete: bool
    corner: tuple[int, ...]
    map_shape: tuple[int, ...]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...] | None


@dataclass(frozen=True)
class Cohort:
    """A validated folder: manifest.csv and cohort.yaml.

    annotators: persistent identities, in the order of axis A.
    crowd: annotators whose name is only a slot (another person from case to case); kept apart.
    rules: how label maps are taken apart, in a cohort of objects; None in one of annotated images.
    """

    root: Path
    name: str
    classes: tuple[ClassLabel, ...]
    channels: tuple[str, ...]
    spatial_dims: int
    annotators: tuple[str, ...]
    crowd: tuple[str, ...]
    cases: tuple[Case, ...]
    rules: ObjectRules | None = None

    def split(self, split: Split) -> tuple[Case, ...]:
        """The cases of one split, in the order of the manifest."""
        return tuple(case for case in self.cases if case.split == split)


@dataclass
class Batch:
    """What a step of training sees.

    image: (B,C,S...) float. labels: (B,A,S...) class indices, UNLABELLED where nobody said anything;
    a consensus view has A = 1 (the vote, STAPLE, the truth, one annotator drawn at random).
    case_index: (B,) the position of each case in the cohort.
    """

    image: Tensor
    labels: Tensor
    case_index: Tensor


@dataclass
class MaskBatch:
    """What a step of training sees of objects, each in its frame; masks are soft at their borders (resampled).

    visible, occluder, whole: (B,1,S...) float in [0,1]; in the view of really hidden objects nobody knows the whole,
    and ``whole`` repeats ``visible``. class_index: (B,). case_index: (B,) the position of each object in the source.
    epoch: of the stage, for terms that set in gradually; infinite in validation.
    """

    visible: Tensor
    occluder: Tensor
    whole: Tensor
    class_index: Tensor
    case_index: Tensor
    epoch: float = math.inf


# --------------------------------------------------------------------------------------- training
@dataclass
class Losses:
    """What an objective returns: ``total`` () is minimised; ``figures`` are () and only looked at.

    ``figures["nll"]`` is the part of ``total`` that is a likelihood of the labels: on held-out cases
    it is the figure by which the best checkpoint is chosen.
    """

    total: Tensor
    figures: dict[str, Tensor]


class Objective(Protocol):
    """Owns its forward pass: the loop knows neither the model nor the batch."""

    def __call__(self, model: nn.Module, batch: Any) -> Losses:
        """The losses of one batch, a Batch or a MaskBatch as the stage's view has it."""
        ...


@dataclass(frozen=True)
class Stage:
    """One row of a method: how a case is shown, what moves, what is minimised.

    trains: prefixes of parameter names that move; all others are frozen (a test compares hashes).
    rates: prefix -> factor on the learning rate (the longest matching prefix wins; default 1).
    starts_as: child of the model -> child whose weights it takes over when the stage begins.
    """

    name: str
    view: View
    trains: tuple[str, ...]
    objective: Objective
    epochs: int
    learning_rate: float
    rates: Mapping[str, float] = field(default_factory=dict)
    starts_as: Mapping[str, str] = field(default_factory=dict)


# ------------------------------------------------------------------------------------- evaluation
@dataclass(frozen=True)
class Completion:
    """What a completer says of one object, on the crop of its AmodalObject; the visible part is always kept.

    whole: (S...) bool, the one answer. probs: (S...) p(voxel belongs to the object).
    samples: (N,S...) bool, N draws of the whole (N = 0 for a rival that cannot draw).
    strangeness: how unlike the training objects it looks, in units where the limit of abstaining is 1 (nan: unknown).
    """

    name: str
    whole: NDArray[np.bool_]
    probs: NDArray[np.float32]
    samples: NDArray[np.bool_]
    strangeness: float


@dataclass(frozen=True)
class Score:
    """One row of scores.csv; ``case``, ``annotator`` and ``label`` (a class name) are "" where they
    do not apply, ``value`` is nan where the metric is undefined (empty masks), never left out."""

    case: str
    annotator: str
    label: str
    metric: str
    value: float
    unit: str
