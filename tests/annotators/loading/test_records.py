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
