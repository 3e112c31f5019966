"""A run of an earlier version is read; one of a later version is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medseg.contracts import RUN_VERSION
from medseg.training import newest_position
from medseg.training.checkpoint import load, save

from .old_runs import ROOT, answer
from .tiny_runs import medseg

RUNS = sorted(ROOT.glob("version_*/*/"))
STAGES = {"annotators": ("warmup", "joint"), "amodal": ("complete", "occluded")}


def test_there_is_a_run_of_every_version_and_method() -> None:
    expected = {(f"version_{number}", method) for number in range(1, RUN_VERSION + 1) for method in STAGES}
    assert {(run.parent.name, run.name) for run in RUNS} == expected


READ = [run for run in RUNS if (run.parent.name, run.name) != ("version_1", "amodal")]
"""Those whose networks have not changed since."""


@pytest.mark.parametrize("run", READ, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_an_old_run_answers_what_it_has_answered_then(run: Path, tmp_path: Path) -> None:
    assert answer(run, tmp_path) == pytest.approx(json.loads((run / "answer.json").read_text()), abs=0.02)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_an_old_run_is_compared(run: Path) -> None:
    assert medseg("compare", run) == (0, [])


def test_an_old_checkpoint_is_read() -> None:
    for run in (run for run in RUNS if run.name == "annotators"):
        at = newest_position(run, STAGES["annotators"])
        assert at is not None and at.global_step == 20


def test_weights_of_a_network_that_is_no_more_are_refused_in_one_sentence(tmp_path: Path) -> None:
    """Until completions had a decoder of their own."""
    labels = tmp_path / "maps"
    labels.mkdir()
    Image.fromarray(np.ones((8, 8), np.uint8)).save(labels / "a.png")
    status, said = medseg("complete", ROOT / "version_1/amodal", "--labels", labels, "--out", tmp_path / "out")
    assert status == 1 and len(said) == 1 and not (tmp_path / "out").exists()
    assert said[0].startswith("error: weights: expected those of the network in config.yaml and model.json, got")


def test_an_old_run_is_evaluated_where_its_own_cohort_is_not(tmp_path: Path, trained: Path) -> None:
    run = shutil.copytree(RUNS[0].with_name("annotators"), tmp_path / "run")
    assert medseg("evaluate", run, "--cohort", trained / "cohort") == (0, [])
    (out,) = (run / "cohorts").iterdir()
    rows = (out / "scores.csv").read_text().splitlines()
    assert rows[0].endswith(",seen") and {row.rpartition(",")[2] for row in rows[1:]} == {""}


@pytest.mark.parametrize("drawn", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_completions_are_evaluated_where_the_cohort_of_the_training_is_not(
    tmp_path: Path, completing: Path, drawn: bool, request: pytest.FixtureRequest
) -> None:
    if not drawn:
        request.getfixturevalue("undrawn")
    run = shutil.copytree(completing / "run", tmp_path / "run")
    config = run / "config.yaml"
    config.write_text(config.read_text().replace(str(completing / "cohort"), str(tmp_path / "gone")))
    assert medseg("evaluate", run, "--cohort", completing / "cohort") == (0, [])
    (out,) = (run / "cohorts").iterdir()
    rows = (out / "scores.csv").read_text().splitlines()
    assert {row.rpartition(",")[2] for row in rows[1:]} == {"", "train", "validation", "no"}
    rivals = {row.partition(",")[0] for row in (out / "rivals.csv").read_text().splitlines()[1:]}
    assert rivals == {"visible", "hull", "hull_in_occluder"}  # shapes of the training are not there to be rivals


def test_a_checkpoint_of_tomorrow_is_not_resumed(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    for path in run.glob("joint/*.ckpt"):
        if "model" in (content := load(path)):
            assert content["version"] == RUN_VERSION
            save(path, content | {"version": RUN_VERSION + 1})
    status, said = medseg("train", trained / "x.yaml", "--out", run, "--resume")
    sentence = f"error: version of the checkpoint: expected at most {RUN_VERSION}, got {RUN_VERSION + 1} ({run})"
    assert (status, said) == (1, [sentence])
