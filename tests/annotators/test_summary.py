"""The lines on a cohort, against sums done by hand."""

from __future__ import annotations

import numpy as np

from medseg.annotators.summary import described
from medseg.cohorts.cohort import load_cohort


def lines(folder) -> dict[str, str]:
    """First words -> the rest of each line."""
    told = described(load_cohort(folder.tables()))
    return {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in told}


def test_a_cohort_of_volumes(volumes) -> None:
    """6 x 8 x 4 voxels of .8 x .8 x 2 mm; 48 voxels are foreground, of which bob has half in one of two cases."""
    half = volumes.mask()
    half[:, :, 2:] = 0
    volumes.write(volumes.mask_path("c02", "bob"), half)
    told = lines(volumes)
    assert told["sizes"] == "6x8x4"
    assert told["spacing"] == "0.8x0.8x2 mm"
    assert told["annotators"] == "2 per case"
    both, less = 48 * 0.8 * 0.8 * 2 / 1000, 36 * 0.8 * 0.8 * 2 / 1000
    assert told["object"] == f"ann {both:.4g}, bob {less:.4g} ml (means over cases)"
    assert told["agreement"].startswith("pairwise Dice 0.833; Krippendorff's alpha ")  # (1 + 2 * 24 / 72) / 2


def test_a_cohort_of_pictures_of_several_sizes_and_annotators(pictures) -> None:
    pictures.shape = (16, 30)
    pictures.add("c03", ("ann",))
    told = lines(pictures)
    assert told["sizes"] == "8x10 to 16x30, median 8x10"
    assert told["spacing"] == "none: lengths are in pixels"
    assert told["annotators"] == "1 to 2, median 2 per case"
    assert told["object"] == f"ann {(20 + 20 + 120) / 3:.4g}, bob 20 px (means over cases)"
    assert told["agreement"] == "pairwise Dice 1.000; Krippendorff's alpha 1.000"


def test_a_class_that_one_alone_draws_and_agreement_that_is_not_defined(pictures) -> None:
    """A stray value becomes a class: who wrote it is said. All else is empty, so that there is nothing to agree on."""
    for case in ("c01", "c02"):
        pictures.write(pictures.mask_path(case, "bob"), np.zeros((8, 10), np.uint8))
    told = lines(pictures)
    assert told["object"] == "ann 20, bob 0 px (means over cases); ann alone draws it"
    assert told["agreement"].startswith("pairwise Dice 0.000; Krippendorff's alpha ")
    for case in ("c01", "c02"):
        pictures.write(pictures.mask_path(case, "ann"), np.full((8, 10), 255, np.uint8))
        pictures.write(pictures.mask_path(case, "bob"), np.full((8, 10), 255, np.uint8))
    assert lines(pictures)["agreement"] == "pairwise Dice 1.000"  # one class everywhere: no alpha


def test_the_pairs_that_agree_least_and_most_are_named(pictures) -> None:
    other = np.zeros((8, 10), np.uint8)
    other[:4, :10] = 255
    for case in ("c01", "c02"):
        pictures.write(pictures.mask_path(case, "eve"), other)
        pictures.row(case, "eve")
    assert lines(pictures)["agreement"].startswith(
        "pairwise Dice 0.778, from 0.667 (ann and eve) to 1.000 (ann and bob); "
    )


def test_cases_without_a_mask_are_counted_and_tell_nothing_of_the_others(pictures) -> None:
    before = lines(pictures)
    for number in range(3, 6):
        pictures.add(f"c0{number}", ())
    told = lines(pictures)
    assert told.pop("unlabelled") == "3 of 5 cases have no mask: never scored, learned from if asked"
    assert {key: value for key, value in told.items() if key != "intensities"} == {
        key: value for key, value in before.items() if key != "intensities"
    }
    assert "unlabelled" not in before and told["annotators"] == "2 per case"


def test_broken_cases_are_left_out_and_none_at_all_say_nothing(pictures) -> None:
    pictures.image_path("c01").write_bytes(b"")
    assert lines(pictures)["sizes"] == "8x10 (of 1 of 2 cases)"
    pictures.image_path("c02").write_bytes(b"")
    assert described(load_cohort(pictures.root)) == []
