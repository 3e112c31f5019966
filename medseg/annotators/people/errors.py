"""One case -> what each annotator did wrong in it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, distance_transform_edt

from medseg.annotators.confusion_scores import joint_counts
from medseg.annotators.fusion import border_sums
from medseg.annotators.reliance import overall_dice
from medseg.contracts import UNLABELLED
from medseg.evaluation import foreground_box

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class CaseErrors:
    """What the annotators of one case did, measured by their references; nan of who did not see it."""

    joint: Floats
    """(A,O,T) voxels that each calls O and that are T."""
    relative_area: Floats
    """(A,T-1) what each drew of a foreground class over what there is of it; nan where there is nothing."""
    boundary_bias: Floats
    """(A,T-1) see ``boundary_bias``; in mm, or px."""
    border_squares: Floats
    """(A,T-1) what ``Fusion.border_error`` sums, of each class against all others, in squared voxels;"""
    border_length: Floats
    """(A,T-1) and voxels along the border."""
    dice: Floats
    """(A,) of all foreground together; nan where both masks are empty."""


def case_errors(
    labels: NDArray[np.integer],
    references: NDArray[np.integer],
    num_classes: int,
    spacing_mm: tuple[float, ...] | None,
) -> CaseErrors:
    """labels (A,S...) and the truth (A,S...) that each is measured by; UNLABELLED voxels of either are left out."""
    shape = (len(labels), num_classes - 1)
    area, bias = np.full((2, *shape), np.nan)
    squares, length = np.zeros((2, *shape))
    dice, joint = np.full(len(labels), np.nan), np.zeros((len(labels), num_classes, num_classes))
    for row, (drawn, reference) in enumerate(zip(labels, references, strict=True)):
        if not ((drawn != UNLABELLED) & (reference != UNLABELLED)).any():
            continue
        joint[row] = joint_counts(drawn[None], reference, num_classes)[0]
        dice[row] = overall_dice(drawn, reference)
        box = foreground_box(np.stack([drawn, reference]), margin=1)
        mine, other = drawn[box], reference[box]
        both = (mine != UNLABELLED) & (other != UNLABELLED)
        for label in range(1, num_classes):
            mask, truth = (mine == label) & both, (other == label) & both
            squares[row, label - 1], length[row, label - 1] = border_sums(_of_class(mask, both), _of_class(truth, both))
            area[row, label - 1] = mask.sum() / truth.sum() if truth.any() else np.nan
            bias[row, label - 1] = boundary_bias(mask, truth, spacing_mm)
    return CaseErrors(
        joint=joint,
        relative_area=area,
        boundary_bias=bias,
        border_squares=squares,
        border_length=length,
        dice=dice,
    )


def boundary_bias(drawn: Mask, reference: Mask, spacing_mm: tuple[float, ...] | None) -> float:
    """How far outside of the reference (S...) a border lies on average: below 0 inside; in mm, in px without spacing.

    The mean of s(x) d(x, the other surface) over the surface voxels x of both masks; s = + where a voxel of the drawn
    surface lies outside of the reference, or one of the reference's inside of what is drawn, else -. A surface is what
    one erosion removes, as in ``evaluation.surface``, of whose assd this is the signed twin. nan where either is empty.

    >>> column = np.zeros((5, 12), bool)
    >>> column[:, 4:8] = True
    >>> wider = np.zeros((5, 12), bool)
    >>> wider[:, 2:10] = True
    >>> boundary_bias(wider[1:2], column[1:2], None), boundary_bias(column[1:2], wider[1:2], (1.0, 0.5))
    (2.0, -1.0)
    """
    if not (drawn.any() and reference.any()):
        return float("nan")
    mine, other = _surface(drawn), _surface(reference)
    to_other, to_mine = (_distances(each, spacing_mm) for each in (other, mine))
    of_mine = np.where(reference, -1, 1)[mine] * to_other[mine]
    of_other = np.where(drawn, 1, -1)[other] * to_mine[other]
    return float(np.concatenate([of_mine, of_other]).mean())


def _distances(surface: Mask, spacing_mm: tuple[float, ...] | None) -> Floats:
    return np.asarray(distance_transform_edt(np.logical_not(surface), sampling=spacing_mm), np.float64)


def _surface(mask: Mask) -> Mask:
    return mask & np.logical_not(binary_erosion(mask))


def _of_class(mask: Mask, known: Mask) -> NDArray[np.int8]:
    return np.where(known, mask, UNLABELLED).astype(np.int8)
