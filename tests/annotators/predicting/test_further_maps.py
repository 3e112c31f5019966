"""What `medseg predict` writes if asked: samples, of whom each is, and matrices beside them."""

from __future__ import annotations

import csv
from pathlib import Path

import nibabel as nib
import numpy as np

from medseg.annotators.predicting.plausible import drawn_annotators

from ...faults.tiny_runs import medseg
from .test_predictor import run_folder


def test_every_sample_is_the_label_of_the_annotator_that_the_table_names(tmp_path: Path, images: Path) -> None:
    out = tmp_path / "out"
    assert medseg("predict", run_folder(tmp_path / "run"), "--images", images, "--out", out, "--samples", 5) == (0, [])
    with (out / "samples.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["case"], row["sample"], row["weight"]) for row in rows] == [
        (case, str(number), "0.5") for case in ("c0", "c1") for number in range(1, 6)
    ]
    for row in rows:
        sample = nib.load(out / "samples" / f"{int(row['sample']):04d}" / f"{row['case']}.nii.gz").get_fdata()
        np.testing.assert_array_equal(
            sample, nib.load(out / "annotators" / row["annotator"] / f"{row['case']}.nii.gz").get_fdata()
        )
    assert {row["annotator"] for row in rows if row["case"] == "c0"} == {"ann", "bob"}
    assert not (out / "confusion").exists()


def test_matrices_are_written_if_asked_and_nothing_more(tmp_path: Path, images: Path) -> None:
    out = tmp_path / "out"
    assert medseg("predict", run_folder(tmp_path / "run"), "--images", images, "--out", out, "--confusion") == (0, [])
    assert {path.name for path in out.iterdir()} == {
        *("truth", "probabilities", "annotators", "entropy"), *("confusion", "reliability")
    }  # fmt: skip
    assert nib.load(out / "confusion" / "ann" / "c1.nii.gz").shape == (16, 64, 1, 4)


def test_annotators_are_drawn_evenly_in_an_order_of_the_case_s_own() -> None:
    counts = np.bincount(drawn_annotators("c1", 23, 10), minlength=10)
    assert counts.sum() == 23 and set(counts) == {2, 3}
    np.testing.assert_array_equal(drawn_annotators("c1", 23, 10)[:7], drawn_annotators("c1", 7, 10))
    first = [int(drawn_annotators(f"c{number}", 1, 10)[0]) for number in range(60)]
    assert set(first) == set(range(10))  # nobody is always left out of few samples
