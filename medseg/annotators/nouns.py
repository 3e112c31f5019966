"""What method one says of images: of a batch on the network's grid, and of one case on its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:  # metrics and pictures need no torch
    from torch import Tensor


@dataclass(kw_only=True)
class ImageBatch:
    """What a step of training sees of annotated images."""

    image: Tensor
    """(B,C,S...) float."""
    labels: Tensor
    """(B,P,S...) class indices of the annotators present, UNLABELLED where nobody said anything; a consensus has P = 1
    (the vote, STAPLE, the truth, one annotator drawn at random)."""
    case_index: Tensor
    """(B,) the position of each case in the cohort."""
    consensus: Tensor | None = None
    """(B,T,S...) p(t | all labels), all 0 where nobody labelled; None in a target that has none."""
    annotator_index: Tensor | None = None
    """(B,P) whose labels these are; a case of fewer annotators has rows of UNLABELLED, with index 0, at the end. None:
    P = A, all in their order, or a consensus."""


BESIDE_UNLABELLED = "+unlabelled"
"""Behind a target: the cases of a batch are shown so, and with them, in a PartlyLabelledBatch, cases without labels."""


@dataclass(kw_only=True)
class UnlabelledImages:
    """Cases without labels, each as its teacher and as its student see it: U of them."""

    image: Tensor
    """(U,C,S...) float, as the student does: what the teacher sees, changed further."""
    teacher_image: Tensor
    """(U,C,S...) float."""
    sources: Tensor | None
    """(U,S...,S) where in the teacher's image each voxel of the student's lies, as torch's ``grid_sample`` has it;
    None: at its own place."""
    inside: Tensor
    """(U,S...) bool, of the student's image: the voxel shows a part of the case."""
    case_index: Tensor
    """(U,) the position of each case in the cohort."""


@dataclass(kw_only=True)
class PartlyLabelledBatch(ImageBatch):
    """Labelled cases, and others beside them."""

    unlabelled: UnlabelledImages
    """From which a student learns."""
    held_out: ImageBatch | None = None
    """Labelled cases of the training split that are not trained on, by which the others are weighed; None: there are
    none."""


@dataclass(frozen=True, kw_only=True)
class BatchPrediction:
    """What an annotator model says of a batch of images, on the network's grid."""

    truth_probs: Tensor
    """(B,T,S...) p(t|x)."""
    annotator_probs: Tensor
    """(B,A,O,S...) q^(a)[o] = sum_t C^(a)[o,t] p[t]."""
    joint_probs: Tensor
    """(B,A,O,T) weighted mean over space of C^(a)[o,t] p[t]; its columns, divided by their sums, are the mean
    confusion matrix over the voxels of each true class."""


class AnnotatorMaps(Protocol):
    """q^(a)[o] (A,O,S...): an array, or where that is too large one annotator's maps after the other's."""

    @property
    def shape(self) -> tuple[int, ...]:
        """(A,O,S...)."""
        ...

    def __len__(self) -> int: ...

    def __getitem__(self, annotator: int, /) -> Any: ...

    def __iter__(self) -> Iterator[Any]: ...


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What an annotator model says of one case, on its native grid."""

    case: str
    """Name of the case."""
    truth_probs: NDArray[np.float32]
    """(T,S...) p(t|x)."""
    annotator_probs: AnnotatorMaps
    """(A,O,S...) q^(a)[o]; A = 0 of a prediction without annotators."""
    joint_probs: NDArray[np.float32]
    """(A,O,T) as in BatchPrediction, the mean over the image's own voxels; nan where a model has none."""
    affine: NDArray[np.float64]
    """(4,4) voxel index -> mm."""
    spacing_mm: tuple[float, ...] | None
    """Length of a voxel along each of the S axes; None for a picture without a scale."""

    @cached_property
    def annotator_labels(self) -> NDArray[np.int16]:
        """(A,S...) the most probable labels of each annotator."""
        labels = np.empty((len(self.annotator_probs), *self.annotator_probs.shape[2:]), np.int16)
        for annotator, probs in enumerate(self.annotator_probs):
            labels[annotator] = probs.argmax(axis=0)
        return labels
