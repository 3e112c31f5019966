"""Behind the annotators' model in one command: what it predicts is completed, and nothing stays where that fails."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.annotators.nouns import Prediction
from medseg.annotators.predicting.predictor import Predictor
from medseg.contracts import Volume
from medseg.images.files import read_labels, write_labels

from ..amodal.completion.conftest import CLASSES, RULES, crossing, write_run
from ..annotators.predicting.test_predictor import SIGNATURE, run_folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run of each method and two images; of every image a crossing is the truth, and the first annotator's labels.

    The others find nothing.
    """
    run_folder(tmp_path / "run")
    write_run(tmp_path / "amodal", [16, 16], CLASSES, RULES)
    for name in ("a", "b"):
        write_labels(tmp_path / f"images/{name}.png", Volume(array=crossing(), affine=np.eye(4), spacing_mm=None))

    def predicted(self: Predictor, name: str, image: Volume, **_: object) -> Prediction:
        truth = np.eye(3, dtype=np.float32)[crossing()].transpose(2, 0, 1)
        nothing = np.eye(3, dtype=np.float32)[0 * crossing()].transpose(2, 0, 1)
        others = [nothing] * (len(SIGNATURE.annotators) - 1)
        return Prediction(
            case=name, truth_probs=truth, annotator_probs=np.stack([truth, *others]),
            joint_probs=np.zeros((len(others) + 1, 3, 3), np.float32), affine=image.affine, spacing_mm=None,
        )  # fmt: skip

    loaded = replace(Predictor.load(tmp_path / "run"), signature=replace(SIGNATURE, classes=CLASSES))
    monkeypatch.setattr(Predictor, "load", staticmethod(lambda *runs, mirror=None, learned=None: loaded))
    monkeypatch.setattr(Predictor, "__call__", predicted)
    return tmp_path


def tell(place: Path, completing: str, out: str = "out") -> tuple[int, str]:
    words = ["predict", place / "run", "--images", place / "images", "--out", place / out]
    done = CliRunner().invoke(app, [*map(str, words), "--complete", str(place / completing)])
    return done.exit_code, done.output


def test_the_truth_and_every_annotator_are_completed(place: Path) -> None:
    status, said = tell(place, "amodal")
    assert status == 0, said
    first, *others = SIGNATURE.annotators
    for folder, objects in (("truth", 4), (f"annotators/{first}", 4), *((f"annotators/{name}", 0) for name in others)):
        there = place / "out/completions" / folder
        with (there / "objects.csv").open() as file:
            names = [row["object"] for row in csv.DictReader(file)]
        assert [name.split("/")[0] for name in names] == ["a"] * objects + ["b"] * objects
        assert f"written to {there}" in said
        predicted = read_labels(place / "out" / folder / "a.png").array
        completed = read_labels(there / "completed/a.png").array
        assert (completed[predicted > 0] == predicted[predicted > 0]).all() and (objects or not completed.any())


def test_a_run_that_completes_nothing_is_refused_before_anything_is_predicted(place: Path) -> None:
    status, said = tell(place, "run")
    assert status == 1 and "run folder: expected a run that completes masks" in said
    assert not (place / "out").exists()


def test_where_completing_fails_no_prediction_stays(place: Path) -> None:
    write_run(place / "other", [16, 16], CLASSES[:2], replace(RULES, hides={}, unknown=()))
    status, said = tell(place, "other")
    assert status == 1 and "label values: expected 0, 1, 255, got 2" in said
    assert not (place / "out").exists()


def test_a_folder_that_is_there_is_refused(place: Path) -> None:
    (place / "out").mkdir()
    status, said = tell(place, "amodal")
    assert status == 1 and "output folder: expected a new one with --complete, got one that is there" in said
