"""Batches are pure functions of their arguments; views show what they promise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from medseg.annotators.loading.source import CohortSource, Grid
from medseg.annotators.loading.transforms import Augmentation
from medseg.contracts import UNLABELLED, Case, ClassLabel, Cohort, Refused, Volume
from medseg.images.files import write_labels

GRID = Grid("resize", (16, 16), None, 0.5)
AUGMENTATION = Augmentation(flip_axes=(0, 1), rotate90=True, intensity=0.1, noise=0.1)


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    """Five cases of 12 x 16, three annotators; ann sees all, bob all but c0, cat only c1; value 255 is class 1."""
    rng = np.random.default_rng(0)
    cases = []
    for number in range(5):
        name = f"c{number}"

        def write(folder: str, array: np.ndarray, name: str = name) -> Path:
            path = tmp_path / folder / f"{name}.png"
            write_labels(path, Volume(array=array.astype(np.uint8), affine=np.eye(4), spacing_mm=None))
            return path

        mask = np.zeros((12, 16))
        mask[3:9, 4:12] = 255
        image = write("images", mask / 2 + rng.integers(0, 50, mask.shape))
        masks = {"ann": write("ann", mask)}
        if number > 0:
            masks["bob"] = write("bob", np.roll(mask, 1))
        if number == 1:
            masks["cat"] = write("cat", np.zeros_like(mask))
        split = "train" if number < 4 else "val"
        cases.append(
            Case(name=name, patient=name, split=split, images=(image,), annotations=masks, truth=write("truth", mask))
        )
    classes = (ClassLabel(name="background", value=0), ClassLabel(name="object", value=255))
    return Cohort(
        root=tmp_path,
        name="toy",
        classes=classes,
        channels=("grey",),
        spatial_dims=2,
        annotators=("ann", "bob", "cat"),
        crowd=(),
        cases=tuple(cases),
    )


def source(
    cohort: Cohort, labels_per_image: int | None = None, augmentation: Augmentation = AUGMENTATION
) -> CohortSource:
    return CohortSource(cohort, cohort.annotators, GRID, augmentation, 7, 4, labels_per_image)


def test_a_batch_is_a_function_of_epoch_and_step(cohort: Cohort) -> None:
    one, other = source(cohort), source(cohort)
    other.batch("annotated", 3, 0)  # what was asked for before does not matter
    torch.testing.assert_close(vars(one.batch("annotated", 5, 0)), vars(other.batch("annotated", 5, 0)))
    assert not torch.equal(one.batch("annotated", 5, 0).image, one.batch("annotated", 6, 0).image)


def test_two_ranks_share_the_batch_of_one(cohort: Cohort) -> None:
    whole = source(cohort).batch("annotated", 2, 0)
    halves = [source(cohort).batch("annotated", 2, 0, rank, 2) for rank in (0, 1)]
    image = torch.cat([half.image for half in halves])
    found = {tuple(sample.flatten().tolist()) for sample in image}
    assert found == {tuple(sample.flatten().tolist()) for sample in whole.image}


def test_absent_annotators_and_padding_are_unlabelled(cohort: Cohort) -> None:
    plain = source(cohort, augmentation=Augmentation())
    sample = plain.sample(cohort.cases[0], "annotated")
    assert (sample.labels[1:] == UNLABELLED).all()
    assert (sample.labels[0, :2] == UNLABELLED).all() and (sample.labels[0, 2:14] != UNLABELLED).all()
    assert (sample.labels[0] == 1).sum() == 48


def test_the_views(cohort: Cohort) -> None:
    plain = source(cohort, augmentation=Augmentation())
    assert plain.sample(cohort.cases[1], "annotated").labels.shape == (3, 16, 16)
    vote = plain.sample(cohort.cases[1], "majority_vote").labels
    assert vote.shape == (1, 16, 16) and (vote == 1).sum() == 42  # ann and bob (shifted by one) overlap in 6 x 7
    assert (plain.sample(cohort.cases[1], "truth").labels == 1).sum() == 48
    drawn = plain.batch("random_annotator", 0, 0)
    assert drawn.labels.shape == (4, 1, 16, 16) and (drawn.labels != UNLABELLED).flatten(1).any(1).all()


def test_one_label_per_image_keeps_the_same_one_everywhere(cohort: Cohort) -> None:
    thinned = source(cohort, labels_per_image=1)
    for case in cohort.cases:
        kept = (thinned.sample(case, "annotated").labels != UNLABELLED).any((1, 2))
        assert kept.sum() == 1
        assert (source(cohort, 1).sample(case, "annotated").labels != UNLABELLED).any((1, 2)).tolist() == kept.tolist()


def test_a_case_without_truth_cannot_be_shown_to_the_oracle(cohort: Cohort) -> None:
    blind = Case(
        name="c9", patient="c9", split="train", images=cohort.cases[0].images, annotations=cohort.cases[0].annotations
    )
    with pytest.raises(Refused, match=r"truth: expected a mask of the known truth, got none \(c9\)"):
        source(cohort).sample(blind, "truth")


def test_a_split_without_labels_is_refused(cohort: Cohort) -> None:
    with pytest.raises(Refused, match=r"val split: expected at least one case with labels, got none \(toy\)"):
        CohortSource(Cohort(**{**vars(cohort), "cases": cohort.cases[:4]}), cohort.annotators, GRID, AUGMENTATION, 7, 4)


def test_a_spacing_in_mm_needs_images_that_have_one(cohort: Cohort) -> None:
    grid = Grid("patch", (16, 16), (1.0, 1.0), 0.5)
    scaled = CohortSource(cohort, cohort.annotators, grid, AUGMENTATION, 7, 4)
    with pytest.raises(Refused, match=r"voxel size: expected one in mm, got an image without one; .*\(c0\)"):
        scaled.sample(cohort.cases[0], "annotated")


def test_a_cohort_larger_than_memory_is_refused_at_its_first_case(
    cohort: Cohort, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sysconf", lambda name: 64)  # 64 free pages of 64 bytes
    with pytest.raises(Refused, match=r"memory for the cases: expected at most 0.0 GiB \(80 % of what is free\), got"):
        source(cohort).sample(cohort.cases[0], "annotated")
