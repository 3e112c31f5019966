"""Cohorts with simulated annotators, from a cohort with truth and from digits."""

from __future__ import annotations

import csv
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.simulation.cohort import simulate_cohort
from medseg.cohorts.checking.images import check_images
from medseg.cohorts.cohort import load_cohort, write_cohort
from medseg.contracts import Case, ClassLabel, Cohort, Refused, Volume
from medseg.images.files import read_image, read_labels, write_labels, write_map

AFFINE = np.diag([0.5, 0.5, 2.0, 1.0])
CLASSES = (
    ClassLabel(name="background", value=0),
    ClassLabel(name="organ", value=200),
    ClassLabel(name="lesion", value=100),
)


def source(root: Path, cases: int = 3, suffix: str = ".png") -> Cohort:
    """A cohort of two channels and three classes whose values are not in order, with one annotator."""
    shape = (12, 10) if suffix == ".png" else (12, 10, 6)
    truth = np.zeros(shape, int)
    truth[2:10, 2:8], truth[5:7, 4:6] = 200, 100
    made = []
    for index in range(cases):
        name = f"c{index}"
        images = tuple(root / "scans" / f"{name}_{channel}{suffix}" for channel in "ab")
        mask, known = root / "ann" / (name + suffix), root / "known" / f"truth_{name}{suffix}"
        pixels = np.random.default_rng(index).integers(300, 60_000, (2, *shape))
        for path, channel in zip(images, pixels, strict=True):
            (write_labels if suffix == ".png" else write_map)(
                path, Volume(array=channel, affine=AFFINE, spacing_mm=None)
            )
        for path in (mask, known):
            write_labels(path, Volume(array=np.roll(truth, index, axis=0), affine=AFFINE, spacing_mm=None))
        made.append(
            Case(
                name=name,
                patient=f"p{index // 2}",
                split="train",
                images=images,
                annotations={"ann": mask},
                truth=known,
                covariates={"site": "north"},
            )
        )
    cohort = Cohort(
        root=root,
        name="tiny",
        classes=CLASSES,
        channels=("t1", "t2"),
        spatial_dims=len(shape),
        annotators=("ann",),
        crowd=(),
        cases=tuple(made),
    )
    write_cohort(cohort)
    return cohort


def confusion(root: Path) -> dict[tuple[str, str, str], float]:
    with (root / "confusion.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {(row["annotator"], row["observed"], row["true"]): float(row["probability"]) for row in rows}


@pytest.mark.parametrize("suffix", [".png", ".nii.gz"])
def test_a_cohort_keeps_everything_but_its_annotators(suffix: str, tmp_path: Path):
    original = source(tmp_path / "in", suffix=suffix)
    root = simulate_cohort(tmp_path / "in", tmp_path / "out", annotators=["swap", "blank", "swap"], seed=0)
    cohort = load_cohort(root)
    assert check_images(cohort).errors == ()
    assert cohort.annotators == ("swap", "blank", "swap_2") and cohort.name == "tiny_simulated"
    assert (cohort.classes, cohort.channels) == (original.classes, original.channels)
    for old, new in zip(original.cases, cohort.cases, strict=True):
        assert (new.name, new.patient, new.split, new.covariates) == (
            old.name,
            old.patient,
            "train",
            {"site": "north"},
        )
        assert [path.name for path in new.images] == [f"{new.name}_000{n}{suffix}" for n in (0, 1)]
        for image, copy in zip(old.images, new.images, strict=True):
            assert image.read_bytes() == copy.read_bytes() and copy.is_relative_to(root)
        assert old.truth is not None and new.truth is not None
        truth, swapped = read_labels(new.truth), read_labels(new.annotations["swap"])
        assert (truth.array == read_labels(old.truth).array).all()
        written = np.zeros_like(truth.array)
        written[truth.array == 200], written[truth.array == 100] = 100, 200
        np.testing.assert_array_equal(swapped.array, written)
        np.testing.assert_array_equal(swapped.affine, truth.affine)
        assert read_labels(new.annotations["blank"]).array.max() == 0


def test_confusion_is_that_of_all_cases(tmp_path: Path):
    source(tmp_path / "in")
    root = simulate_cohort(tmp_path / "in", tmp_path / "out", annotators=["swap", "under:1"], seed=0)
    table = confusion(root)
    assert table["swap", "lesion", "organ"] == table["swap", "organ", "lesion"] == 1
    assert table["swap", "organ", "organ"] == 0
    cohort, hits, total = load_cohort(root), 0, 0
    for case in cohort.cases:
        assert case.truth is not None
        organ = read_labels(case.truth).array == 200
        hits += (read_labels(case.annotations["under"]).array[organ] == 200).sum()
        total += organ.sum()
    assert table["under", "organ", "organ"] == pytest.approx(hits / total, abs=1e-5)
    assert len(table) == 2 * 3 * 3


def test_labels_depend_on_seed_case_and_position_only(tmp_path: Path):
    source(tmp_path / "in")
    runs = {"a": (["confusion", "over"], 0, 3), "b": (["confusion"], 0, 2), "c": (["confusion"], 1, 2)}
    for name, (annotators, seed, cases) in runs.items():
        simulate_cohort(tmp_path / "in", tmp_path / name, annotators=annotators, seed=seed, cases=cases)
    masks = {name: (tmp_path / name / "annotations" / "confusion" / "c1.png").read_bytes() for name in runs}
    assert masks["a"] == masks["b"] != masks["c"]


def test_one_label_per_image_keeps_the_truth_and_one_annotator(tmp_path: Path):
    source(tmp_path / "in", cases=12)
    root = simulate_cohort(
        tmp_path / "in", tmp_path / "out", annotators=["good", "over", "blank"], seed=0, labels_per_image=1
    )
    cohort = load_cohort(root)
    assert {len(case.annotations) for case in cohort.cases} == {1} and all(case.truth for case in cohort.cases)
    assert {name for case in cohort.cases for name in case.annotations} == {"good", "over", "blank"}
    assert confusion(root)["blank", "background", "lesion"] == 1


def test_an_annotator_of_whom_nothing_is_kept_is_no_annotator(tmp_path: Path):
    source(tmp_path / "in", cases=1)
    root = simulate_cohort(tmp_path / "in", tmp_path / "out", annotators=["good", "blank"], seed=0, labels_per_image=1)
    assert len(load_cohort(root).annotators) == 1


# ------------------------------------------------------------------------------------------ refusal
def test_bad_arguments_all_at_once(tmp_path: Path):
    with pytest.raises(Refused) as refused:
        simulate_cohort(
            tmp_path, tmp_path / "out", annotators=["blank:1"], seed=0, cases=0, labels_per_image=2, noise=-1
        )
    assert refused.value.complaints == (
        "number of cases: expected at least 1, got 0 (cases)",
        "labels per image: expected 1 to 1, the number of annotators, got 2 (labels_per_image)",
        "noise: expected a standard deviation >= 0, got -1 (noise)",
        "annotator strength: expected none, blank takes no strength, got '1' (blank:1)",
    )


def test_no_annotators(tmp_path: Path):
    with pytest.raises(Refused, match=r"annotators: expected at least one, got none \(annotators\)"):
        simulate_cohort(tmp_path, tmp_path / "out", annotators=[], seed=0)


def test_missing_and_unreadable_truths_all_at_once_and_nothing_written(tmp_path: Path):
    cohort = source(tmp_path / "in")
    first, second, third = cohort.cases
    assert third.truth is not None
    write_labels(third.truth, Volume(array=np.full((12, 10), 7), affine=AFFINE, spacing_mm=None))
    write_cohort(replace(cohort, cases=(replace(first, truth=None), second, third)), overwrite=True)
    with pytest.raises(Refused) as refused:
        simulate_cohort(tmp_path / "in", tmp_path / "out", annotators=["good"], seed=0)
    assert refused.value.complaints == (
        "truth: expected a mask of the known truth, got none (c0)",
        "truth values: expected the classes' 0, 200, 100, got 7 (c2/truth)",
    )
    assert not (tmp_path / "out").exists()


def test_output_folder_that_holds_files(tmp_path: Path):
    source(tmp_path / "in")
    with pytest.raises(Refused, match="output folder: expected a new or empty folder, got one that holds"):
        simulate_cohort(tmp_path / "in", tmp_path / "in", annotators=["good"], seed=0)


# -------------------------------------------------------------------------------------------- MNIST
@pytest.mark.data
def test_digits(tmp_path: Path):
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set: the folder that holds mnist_t10k")
    digits = Path(os.environ["MEDSEG_DATA"]) / "mnist_t10k"
    annotators = ["good", "over", "under", "fractured_over", "blank"]
    root = simulate_cohort(digits, tmp_path / "out", annotators=annotators, seed=0, cases=20)
    cohort = load_cohort(root)
    assert check_images(cohort).errors == ()
    assert [case.covariates["digit"] for case in cohort.cases[:5]] == ["7", "2", "1", "0", "4"]
    assert cohort.annotators == tuple(annotators) and len(cohort.cases) == 20
    table = confusion(root)
    assert table["good", "digit", "digit"] > 0.95 and table["blank", "digit", "digit"] == 0
    assert table["over", "digit", "digit"] == 1 and table["over", "digit", "background"] > 0.08
    assert 0.2 < table["under", "digit", "digit"] < 0.8
    residuals = []
    for case in cohort.cases:
        assert case.truth is not None
        image, truth = read_image(case.images[0]), read_labels(case.truth)
        assert image.array.dtype == np.uint8 and set(np.unique(truth.array)) == {0, 255}
        residuals.append(image.array[0][(image.array[0] > 0) & (truth.array == 0)] / 255)
    # of background noise N(0, .3) the part above 0 has the mean .3 sqrt(2 / pi); grey edges raise it a little
    assert np.mean(np.concatenate(residuals)) == pytest.approx(0.3 * np.sqrt(2 / np.pi), abs=0.03)
