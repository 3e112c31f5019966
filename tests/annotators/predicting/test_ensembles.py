"""Runs together, mirrors and parts, by `medseg predict`: files as those of the mean, and what is refused."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import yaml

from medseg.annotators.assembly import Signature
from medseg.annotators.predicting import predictor as predictor_module
from medseg.annotators.predicting.predictor import Predictor
from medseg.annotators.predicting.stored_maps import StoredAnnotators
from medseg.config import config_digest
from medseg.contracts import Refused
from medseg.images.files import read_image

from ...faults.tiny_runs import medseg
from .test_predictor import SIGNATURE, run_folder, volume


def changed(run: Path, **sections: dict[str, object]) -> Path:
    """A run's config with other values in some of its sections."""
    values = yaml.safe_load((run / "config.yaml").read_text())
    for name, section in sections.items():
        values[name] |= section
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    return run


@pytest.fixture
def runs(tmp_path: Path) -> list[Path]:
    """Two runs whose networks differ by their seed, trained on mirror images along the second axis."""
    return [
        changed(run_folder(tmp_path / f"run{number}", seed=number), data={"augment": {"flip_axes": [1]}})
        for number in range(2)
    ]


def test_two_runs_are_predicted_by_their_mean(runs: list[Path], images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("predict", *runs, "--images", images, "--out", out, "--annotator-probabilities")
    assert medseg(*words) == (0, [])
    one, two = (Predictor.load(run)("c1", volume(1)) for run in runs)
    found = read_image(out / "probabilities/cell/c1.nii.gz").array[0]
    np.testing.assert_allclose(found, (one.truth_probs[1] + two.truth_probs[1]) / 2, atol=1e-6)
    assert np.abs(one.truth_probs - two.truth_probs).max() > 0.01
    found = read_image(out / "annotator_probabilities/bob/cell/c1.nii.gz").array[0]
    np.testing.assert_allclose(found, (one.annotator_probs[1, 1] + two.annotator_probs[1, 1]) / 2, atol=1e-6)


def test_mirrors_are_as_asked_for_or_as_the_config_says(runs: list[Path]) -> None:
    run, image = runs[0], volume()
    plain, asked = Predictor.load(run), Predictor.load(run, mirror=True)
    mirrored = replace(image, array=image.array[..., ::-1].copy())
    by_hand = (plain("c", image).truth_probs + plain("c", mirrored).truth_probs[..., ::-1]) / 2
    np.testing.assert_allclose(asked("c", image).truth_probs, by_hand, atol=1e-6)
    before = config_digest(run)
    changed(run, inference={"mirror": True})
    assert config_digest(run) == before  # a trained run may be told so
    np.testing.assert_array_equal(Predictor.load(run)("c", image).truth_probs, asked("c", image).truth_probs)
    np.testing.assert_array_equal(
        Predictor.load(run, mirror=False)("c", image).truth_probs, plain("c", image).truth_probs
    )


def test_mirrors_of_a_run_without_any_are_refused(tmp_path: Path, images: Path) -> None:
    run = run_folder(tmp_path / "run")
    words = ("predict", run, "--images", images, "--out", tmp_path / "out", "--mirror")
    status, said = medseg(*words)
    assert status == 1 and "--mirror: expected a run that was trained on mirror images" in said[0]


def test_runs_that_differ_are_refused_with_all_that_differs(runs: list[Path], tmp_path: Path) -> None:
    replace(SIGNATURE, annotators=("bob", "ann")).write(runs[1] / "model.json")
    changed(runs[1], data={"grid": {"mode": "patch", "size": [32, 32], "spacing_pixels": [2.0, 2.0]},
                           "intensity": {"normalisation": "window", "window": [-1000.0, 400.0]}})  # fmt: skip
    with pytest.raises(Refused) as refused:
        Predictor.load(*runs)
    assert [line.split(" (")[0] for line in refused.value.complaints] == [
        "annotators of an ensemble: expected ann, bob, got bob, ann",
        "data.grid.mode of an ensemble: expected resize, got patch",
        "data.grid.size of an ensemble: expected 64, 64, got 32, 32",
        "data.grid.spacing_pixels of an ensemble: expected None, got 2.0, 2.0",
        "data.intensity.normalisation of an ensemble: expected zscore, got window",
        "data.intensity.window of an ensemble: expected None, got -1000.0, 400.0",
    ]
    assert Signature.read(runs[0]) == Predictor.load(runs[0]).signature


def test_of_maps_that_do_not_fit_into_memory_the_files_are_the_same(
    runs: list[Path], images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = ("--annotator-probabilities", "--confusion", "--samples", 3, "--mirror")
    assert medseg("predict", runs[0], "--images", images, "--out", tmp_path / "whole", *more) == (0, [])
    monkeypatch.setattr(predictor_module, "LEAST_BYTES", 1)
    monkeypatch.setattr(predictor_module, "SHARE", 0)
    assert isinstance(Predictor.load(runs[0])("c", volume()).annotator_probs, StoredAnnotators)
    assert medseg("predict", runs[0], "--images", images, "--out", tmp_path / "parts", *more) == (0, [])
    files = sorted(path.relative_to(tmp_path / "whole") for path in (tmp_path / "whole").rglob("*.*"))
    assert files == sorted(path.relative_to(tmp_path / "parts") for path in (tmp_path / "parts").rglob("*.*"))
    for path in files:
        if path.suffix == ".csv":
            one, other = (list(csv.reader((tmp_path / name / path).open())) for name in ("whole", "parts"))
            assert one == other
        else:
            one, other = (
                np.asarray(nib.load(tmp_path / name / path).dataobj)  # pyright: ignore[reportAttributeAccessIssue]
                for name in ("whole", "parts")
            )
            np.testing.assert_array_equal(one, other, err_msg=str(path))


def test_without_annotators_the_truth_is_the_same(runs: list[Path], images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert medseg("predict", runs[0], "--images", images, "--out", out, "--no-annotators") == (0, [])
    assert {path.name for path in out.iterdir()} == {"truth", "probabilities", "entropy"}
    expected = Predictor.load(runs[0])("c1", volume(1)).truth_probs[1]
    np.testing.assert_allclose(read_image(out / "probabilities/cell/c1.nii.gz").array[0], expected, atol=1e-6)
    status, said = medseg(
        *("predict", runs[0], "--images", images, "--out", tmp_path / "two", "--no-annotators", "--confusion")
    )
    assert status == 1 and "--no-annotators: expected no maps of annotators" in said[0]
