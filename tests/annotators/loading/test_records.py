"""One case on its own grid, whatever order its masks are stored in."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest

from medseg.annotators.loading.records import read_record
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Refused


def test_a_mask_stored_mirrored_with_its_affine_lies_on_its_image(volumes) -> None:
    cohort = load_cohort(volumes.tables())
    before = read_record(cohort.cases[0], cohort, ("ann", "bob")).labels
    path = volumes.mask_path("c01", "bob")
    mask = nib.load(path)
    mirrored = nib.as_closest_canonical(mask)  # left to right, as viewers store it
    assert not np.array_equal(np.asarray(mirrored.dataobj), np.asarray(mask.dataobj))
    nib.save(mirrored, path)
    np.testing.assert_array_equal(read_record(cohort.cases[0], cohort, ("ann", "bob")).labels, before)
    assert check_images(cohort).errors == ()


def test_a_mask_of_one_row_does_not_spread_over_its_image(pictures) -> None:
    cohort = load_cohort(pictures.tables())
    pictures.write(pictures.mask_path("c01", "bob"), np.full((1, 10), 255, np.uint8))
    with pytest.raises(Refused) as caught:
        read_record(cohort.cases[0], cohort, ("ann", "bob"))
    assert caught.value.complaints == ("mask shape: expected 8x10 (its image), got 1x10 (c01/bob)",)


def test_the_vote_of_those_named_is_the_truth_and_the_known_one_where_they_are_absent(pictures) -> None:
    """Of two voters who draw the upper left quarter and nothing the class 0 wins, of equal votes; of one his own."""
    pictures.row("c01", "known")
    pictures.write(pictures.mask_path("c01", "known"), np.full((8, 10), 255, np.uint8))
    pictures.write(pictures.mask_path("c01", "bob"), np.zeros((8, 10), np.uint8))
    pictures.yaml += "truth: known\n"
    cohort = load_cohort(pictures.tables())
    case = cohort.cases[0]

    def truth(*voters: str) -> int:
        found = read_record(case, cohort, ("ann",), voters).truth
        assert found is not None
        return int((found == 1).sum())

    assert (truth("ann"), truth("bob"), truth("ann", "bob")) == (20, 0, 0)
    assert truth() == truth("nobody") == 80
    assert read_record(cohort.cases[1], cohort, ("ann",)).truth is None
