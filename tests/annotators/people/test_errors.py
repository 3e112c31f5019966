"""What an annotator does wrong in one case, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from medseg.annotators.people.errors import boundary_bias, case_errors
from medseg.contracts import UNLABELLED

from .conftest import disc


@pytest.mark.parametrize(("radius", "expected"), [(22, 3.0), (18, -3.0), (20, 0.0)])
def test_two_voxels_of_one_and_a_half_mm_too_wide_are_three_mm(radius: int, expected: float) -> None:
    found = boundary_bias(disc(radius, 64) > 0, disc(20, 64) > 0, (1.5, 1.5))
    assert found == pytest.approx(expected, abs=0.15)  # circles of voxels


def test_who_adds_on_one_side_what_he_cuts_on_the_other_is_off_but_not_biased() -> None:
    moved, reference = disc(10, column=2), disc(10)
    assert boundary_bias(moved > 0, reference > 0, None) == pytest.approx(0, abs=0.1)
    found = case_errors(moved[None], reference[None], 2, None)
    assert np.sqrt(found.border_squares / found.border_length)[0, 0] > 1


def test_counts_area_and_dice_by_hand() -> None:
    """Of 16 voxels 4 are of the class; he calls 3 of them so, and 2 others; one voxel of the class he leaves out."""
    reference = np.zeros((4, 4), np.int16)
    reference[1:3, 1:3] = 1
    drawn = reference.copy()
    drawn[1, 1], drawn[0, :2] = 0, 1
    found = case_errors(drawn[None], reference[None], 2, None)
    assert found.joint[0].tolist() == [[10, 1], [2, 3]]
    assert found.relative_area[0, 0] == 5 / 4 and found.dice[0] == 2 * 3 / (5 + 4)
    drawn[1, 1] = UNLABELLED
    found = case_errors(drawn[None], reference[None], 2, None)
    assert found.joint[0].tolist() == [[10, 0], [2, 3]] and found.relative_area[0, 0] == 5 / 3


def test_whoever_saw_nothing_and_an_empty_reference_have_no_figures() -> None:
    absent = np.full((6, 6), UNLABELLED, np.int16)
    nothing, square = np.zeros((6, 6), np.int16), disc(2, 6).astype(np.int16)
    found = case_errors(np.stack([absent, square]), np.stack([absent, nothing]), 2, None)
    assert found.joint[0].sum() == 0 and np.isnan(found.dice[0])
    assert np.isnan(found.relative_area).all() and np.isnan(found.boundary_bias).all() and found.dice[1] == 0
