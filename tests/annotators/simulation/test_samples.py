"""The embedded data: reproducible, complete, and hard enough for the vote to be wrong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.consensus import majority_vote
from medseg.annotators.simulation.samples import AFFINE, PNG_SCALE, SPACING_MM, biased_annotators, render, write_samples
from medseg.annotators.simulation.simulators import simulate
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort
from medseg.contracts import Refused
from medseg.images.files import read_image, read_labels


def dice(labels: np.ndarray, truth: np.ndarray, label: int) -> float:
    return 2 * ((labels == label) & (truth == label)).sum() / ((labels == label).sum() + (truth == label).sum())


def test_cases_depend_on_the_seed_and_their_number_alone():
    few, many, other = render(1, 2, 32, 2), render(1, 2, 32, 4), render(2, 2, 32, 1)
    np.testing.assert_array_equal(few[1].image, many[1].image)
    np.testing.assert_array_equal(few[1].truth, many[1].truth)
    assert (few[0].truth != few[1].truth).any() and (few[0].truth != other[0].truth).any()


@pytest.mark.parametrize(("dims", "size", "shape"), [(2, 48, (48, 48)), (3, 32, (32, 32, 16))])
def test_every_case_has_every_class_in_a_finite_image(dims: int, size: int, shape: tuple[int, ...]):
    for sample in render(0, dims, size, 12):
        assert sample.image.shape == sample.truth.shape == shape
        assert sample.image.dtype == np.float32 and np.isfinite(sample.image).all() and sample.image.min() >= 0
        assert set(np.unique(sample.truth)) == {0, 1, 2, 3}
        assert sample.image.max() * PNG_SCALE < 65_536


def test_the_smallest_sizes_render():
    assert {sample.truth.shape for sample in render(0, 2, 16, 30)} == {(16, 16)}
    assert {sample.truth.shape for sample in render(0, 3, 16, 10)} == {(16, 16, 8)}


def test_lesions_differ_in_contrast_to_both_sides():
    contrasts = [s.image[s.truth == 3].mean() - s.image[s.truth == 1].mean() for s in render(0, 2, 64, 20)]
    assert min(contrasts) < -0.1 and max(contrasts) > 0.1
    assert np.abs(contrasts).max() > 2 * np.abs(contrasts).min()


@pytest.mark.parametrize(("dims", "size", "cases"), [(2, 64, 24), (2, 96, 12), (3, 48, 6)])
def test_the_vote_of_the_biased_annotators_is_visibly_wrong_and_one_annotator_is_right(
    dims: int, size: int, cases: int
):
    annotators = biased_annotators(dims, size)
    votes, goods = [], []
    for index, sample in enumerate(render(0, dims, size, cases)):
        rng = np.random.default_rng((0, index))
        labels = np.stack([simulate(sample.truth.astype(int), annotator, 4, rng) for annotator in annotators])
        vote = majority_vote(labels, 4)
        votes.append([dice(vote, sample.truth, label) for label in (1, 2, 3)])
        goods.append([dice(labels[0], sample.truth, label) for label in (1, 2, 3)])
    per_class = np.mean(votes, axis=0)
    assert (per_class > 0.7).all() and (per_class < 0.92).all(), per_class
    assert 0.75 < per_class.mean() < 0.9
    assert np.mean(goods) > 0.98


def test_affine_has_the_stated_spacing_and_is_a_turn():
    np.testing.assert_allclose(np.linalg.norm(AFFINE[:3, :3], axis=0), SPACING_MM, atol=1e-3)
    assert AFFINE[0, 1] != 0 and AFFINE[0] @ AFFINE[1] != 0


@pytest.mark.parametrize(("dims", "size", "suffix"), [(2, 24, ".png"), (3, 16, ".nii.gz")])
def test_written_samples_read_back(dims: int, size: int, suffix: str, tmp_path: Path):
    root = write_samples(
        tmp_path / "out", seed=5, spatial_dims=dims, size=size, cases=3, annotators=["good", "swap", "good"]
    )
    cohort, samples = load_cohort(root), render(5, dims, size, 3)
    assert check_images(cohort).errors == ()
    assert cohort.annotators == ("good", "swap", "good_2") and cohort.spatial_dims == dims
    assert [label.name for label in cohort.classes] == ["background", "liver", "kidney", "lesion"]
    for case, sample in zip(cohort.cases, samples, strict=True):
        assert case.truth is not None and case.truth.name == case.name + suffix
        image, swapped = read_image(case.images[0]), read_labels(case.annotations["swap"])
        np.testing.assert_array_equal(read_labels(case.truth).array, sample.truth)
        np.testing.assert_array_equal(swapped.array, np.array([0, 2, 3, 1])[sample.truth])
        scale = PNG_SCALE if dims == 2 else 1
        np.testing.assert_allclose(image.array[0] / scale, sample.image, atol=0.5001 / PNG_SCALE)
        if dims == 3:
            np.testing.assert_allclose(swapped.affine, AFFINE, atol=1e-4)
            np.testing.assert_allclose(swapped.spacing_mm, SPACING_MM, atol=1e-3)


def test_a_folder_that_holds_files_is_refused(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("precious")
    with pytest.raises(Refused) as refused:
        write_samples(tmp_path, seed=0, spatial_dims=2, size=16, cases=1, annotators=["good"])
    assert refused.value.complaints == (
        f"output folder: expected a new or empty folder, got one that holds files ({tmp_path})",
    )
