"""`medseg plan`, and `medseg train DIR`: from a folder to a model without a file that anybody wrote."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Plan, PlannedKey
from medseg.experiment.methods import load_config

SHORT = ("training.steps.warmup=1", "training.steps.joint=1", "network.channels=[4, 8, 16]", "network.strides=null")


def medseg(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """A folder that nobody has indexed: images/ and annotations/<annotator>/ of six pictures."""
    folder = write_samples(tmp_path / "cells", seed=0, spatial_dims=2, size=24, cases=6, annotators=("good", "over"))
    for name in ("manifest.csv", "cohort.yaml", "confusion.csv"):
        (folder / name).unlink()
    return folder


def test_a_planned_file_is_read_trained_and_overridden(
    pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = medseg("plan", pictures)
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[0] == (
        f"{pictures}/manifest.csv: 6 cases of 6 patients, 2 annotators, 0 crowd slots, "
        "classes background=0, class_1=1, class_2=2, class_3=3"
    )
    assert f"indexed: manifest.csv and cohort.yaml are written into {pictures}" in done.output
    assert "data.grid: {mode: resize, size: [24, 24]}  # pictures of 24x24" in done.output
    assert done.output.endswith("planned: cells.yaml; next: medseg train cells.yaml\n")
    assert load_config(Path("cells.yaml")).data.cohort == str(pictures)
    done = medseg("train", "cells.yaml", *SHORT, "--out", "run")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "weights.pt").is_file()


def test_a_file_that_is_there_is_not_overwritten(pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("mine")
    done = medseg("plan", pictures, "--out", tmp_path / "mine.yaml")
    assert done.exit_code == 1 and "file to write: expected none" in done.output
    assert (tmp_path / "mine.yaml").read_text() == "mine" and not (pictures / "manifest.csv").exists()


def test_a_folder_is_trained_as_it_is_planned(pictures: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = medseg("train", pictures, *SHORT, "--out", run)
    assert done.exit_code == 0, done.output
    assert "training.batch_size: 4  # 4 x 24x24 voxels" in done.output
    config = load_config(run / "config.yaml")
    assert config.data.grid.size == (24, 24) and config.network.channels == (4, 8, 16)
    assert sorted(json.loads((run / "splits.json").read_text())["splits"]) == ["test", "train", "unused", "val"]
    again = medseg("train", pictures, "--out", run)
    assert again.exit_code == 1 and "run folder: expected a new folder (or --resume)" in again.output


def test_a_training_ends_with_what_is_in_doubt(pictures: Path, tmp_path: Path) -> None:
    """After two steps the matrices are where they began."""
    done = medseg("train", pictures, *SHORT, "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    alarm, little, trained = done.output.splitlines()[-3:]
    assert little.startswith("alarm: labels tell little of the truth: 0.")
    assert alarm.startswith("alarm: the confusion matrices never left the identity (their diagonal is 0.99")
    assert trained.startswith("trained: ")


def test_volumes_are_trained_on_patches_of_the_planned_depth(tmp_path: Path) -> None:
    folder = write_samples(tmp_path / "ct", seed=0, spatial_dims=3, size=16, cases=4, annotators=("good", "over"))
    done = medseg("train", folder, *SHORT[:2], "--out", tmp_path / "run")
    assert done.exit_code == 0, done.output
    config = load_config(tmp_path / "run" / "config.yaml")
    assert (config.data.grid.mode, config.data.grid.size) == ("patch", (16, 16, 8))
    assert config.network.strides == ((2, 2, 1), (2, 2, 2))  # 2 mm are not halved beside .8 mm


def test_a_mistake_in_an_override_is_named_as_in_a_file(pictures: Path, tmp_path: Path) -> None:
    done = medseg("train", pictures, "training.batch_sise=3", "--out", tmp_path / "run")
    assert done.exit_code == 1 and "training.batch_sise: unknown key; did you mean batch_size?" in done.output
    assert not (tmp_path / "run").exists()


def test_label_maps_are_refused_by_the_name_of_their_configs_and_nothing_is_left(tmp_path: Path) -> None:
    shapes = write_shapes(tmp_path / "shapes", seed=0, spatial_dims=2, cases=4, size=32)
    maps = tmp_path / "maps"
    shutil.copytree(shapes / "labels", maps / "labels")
    before = sorted(maps.rglob("*"))
    for verb in ("plan", "train"):
        done = medseg(verb, maps)
        assert done.exit_code == 1
        assert f"a copy of a file of configs/amodal), got label maps ({maps})" in done.output
    assert sorted(maps.rglob("*")) == before


def test_no_name_ends_a_comment() -> None:
    plan = Plan(head="h", keys=(PlannedKey(key="data.cohort", value="a: b\nc", reason="one\ntwo: 3"),))
    assert plan.text == '# h\ndata:\n  # one two: 3\n  "cohort": "a: b\\nc"\n'
