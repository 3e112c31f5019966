"""Labels of other images: of exactly the stated share, never one's own, a larger share holding the smaller ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.diagnosis.corruption import corrupted, nearest, swapped, write_corrupted
from medseg.annotators.loading.records import read_record
from medseg.cohorts import load_cohort
from medseg.contracts import Cohort, Refused

NAMES = [f"c{n:02d}" for n in range(12)]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5, 0.8, 1.0])
def test_the_stated_share_is_given_labels_of_others(share: float) -> None:
    given = swapped(NAMES, share)
    assert len(given) == round(share * 12) and all(case != donor for case, donor in given.items())
    assert len(set(given.values())) == len(given)
    assert given == swapped(NAMES[::-1], share)


def test_a_larger_share_holds_the_smaller_ones_with_the_same_labels() -> None:
    shares = [swapped(NAMES, share) for share in (0.25, 0.5, 1.0)]
    assert shares[0].items() < shares[1].items() < shares[2].items()
    assert set(shares[2].values()) == set(NAMES)


def test_nobody_swaps_with_himself_alone() -> None:
    assert swapped(["c"], 0.2) == {}
    with pytest.raises(Refused, match="cases to swap labels between: expected two or more, got 1"):
        swapped(["c"], 1.0)


def cohort_of(folder) -> Cohort:
    """Six training cases, two of validation, two of test; each mask differs from all others."""
    for number, split in enumerate(["train"] * 6 + ["val"] * 2 + ["test"] * 2):
        folder.add(f"c{number}", split=split, patient=f"p{number}")
        for name in ("ann", "bob"):
            mask = np.zeros(folder.shape, np.uint8)
            mask[: 1 + number % 7, : 1 + number // 2 + 4 * (name == "bob")] = folder.value
            folder.write(folder.mask_path(f"c{number}", name), mask)
    return load_cohort(folder.tables())


def labels_of(cohort: Cohort) -> dict[str, np.ndarray]:
    return {case.name: read_record(case, cohort, cohort.annotators).labels for case in cohort.cases}


@pytest.fixture
def tiny(tmp_path: Path) -> Cohort:
    from tests.conftest import Folder

    return cohort_of(Folder(tmp_path / "from", ".png", (8, 10), 255))


def test_only_the_labels_asked_for_are_swapped_and_test_cases_keep_theirs(tiny: Cohort, tmp_path: Path) -> None:
    before = labels_of(tiny)
    for share in (0.5, 1.0):
        root = write_corrupted(tiny, tmp_path / f"share{share}", annotators=("ann",), share=share)
        made = load_cohort(root)
        given, after = corrupted(tiny, ("ann",), share)["ann"], labels_of(made)
        assert {case.name: case.split for case in made.cases} == {case.name: case.split for case in tiny.cases}
        changed = {name for name in before if (before[name][0] != after[name][0]).any()}
        assert changed == set(given) and len(given) == share * 8
        assert not changed & {case.name for case in tiny.split("test")}
        for case, donor in given.items():
            np.testing.assert_array_equal(after[case][0], before[donor][0])
        for name in before:
            np.testing.assert_array_equal(after[name][1], before[name][1])


def test_unused_cases_are_left_out_and_what_is_there_is_kept(tiny: Cohort, tmp_path: Path) -> None:
    unused = replace(tiny, cases=(*tiny.cases[:-1], replace(tiny.cases[-1], split="")))
    root = write_corrupted(unused, tmp_path / "made", annotators=("ann", "bob"), share=0.5)
    assert len(load_cohort(root).cases) == 9
    written = (root / "manifest.csv").stat().st_mtime_ns
    assert write_corrupted(unused, root, annotators=("ann",), share=1.0) == root
    assert (root / "manifest.csv").stat().st_mtime_ns == written


def test_a_mask_of_another_size_is_fitted(tiny: Cohort, tmp_path: Path) -> None:
    from tests.conftest import Folder

    large = Folder(tmp_path / "large", ".png", (16, 20), 255)
    for number in range(3):
        large.shape = (16, 20) if number else (8, 10)
        large.add(f"c{number}", split="train", patient=f"p{number}")
    cohort = load_cohort(large.tables())
    made = load_cohort(write_corrupted(cohort, tmp_path / "made", annotators=("ann",), share=1.0))
    for name, labels in labels_of(made).items():
        height, width = labels.shape[1:]
        assert (height, width) == ((8, 10) if name == "c0" else (16, 20))
        assert labels[0, : height // 2, : width // 2].all() and labels[0].sum() == height * width // 4


def test_the_nearest_voxel_of_each_axis() -> None:
    labels = np.array([[1, 2], [3, 4]])
    assert nearest(labels, (4, 2)).tolist() == [[1, 2], [1, 2], [3, 4], [3, 4]]
    assert nearest(np.arange(4)[None], (1, 2)).tolist() == [[1, 3]]
