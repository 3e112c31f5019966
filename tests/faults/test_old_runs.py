"""A run of an earlier version is read; one of a later version is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_an_old_run_answers_what_it_has_answered_then(run: Path, tmp_path: Path) -> None:
    assert answer(run, tmp_path) == pytest.approx(json.loads((run / "answer.json").read_text()), abs=0.02)


@pytest.mark.parametrize("run", RUNS, ids=lambda run: f"{run.parent.name}-{run.name}")
def test_an_old_run_is_compared(run: Path) -> None:
    assert medseg("compare", run) == (0, [])


def test_an_old_checkpoint_is_read() -> None:
    for run in (run for run in RUNS if run.name == "annotators"):
        at = newest_position(run, STAGES["annotators"])
        assert at is not None and at.global_step == 20


@pytest.mark.parametrize(("method", "of"), [("annotators", "trained"), ("amodal", "completing")])
def test_an_old_run_is_evaluated_where_its_own_cohort_is_not(
    method: str, of: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """The eight maps bear the names of those that it was trained on, the five images do not."""
    run = shutil.copytree(RUNS[0].with_name(method), tmp_path / "run")
    cohort = request.getfixturevalue(of) / "cohort"
    assert medseg("evaluate", run, "--cohort", cohort) == (0, [])
    (out,) = (run / "cohorts").iterdir()
    rows = (out / "scores.csv").read_text().splitlines()
    known = {"", "train", "validation", "no"} if method == "amodal" else {""}
    assert rows[0].endswith(",seen") and {row.rpartition(",")[2] for row in rows[1:]} == known
    if method == "amodal":  # shapes of the training are not there to be rivals
        rivals = {row.partition(",")[0] for row in (out / "rivals.csv").read_text().splitlines()[1:]}
        assert rivals == {"visible", "hull", "hull_in_occluder"}


def test_a_checkpoint_of_tomorrow_is_not_resumed(trained: Path, tmp_path: Path) -> None:
    run = shutil.copytree(trained / "run", tmp_path / "run")
    for path in run.glob("joint/*.ckpt"):
        if "model" in (content := load(path)):
            assert content["version"] == RUN_VERSION
            save(path, content | {"version": RUN_VERSION + 1})
    status, said = medseg("train", trained / "x.yaml", "--out", run, "--resume")
    sentence = f"error: version of the checkpoint: expected at most {RUN_VERSION}, got {RUN_VERSION + 1} ({run})"
    assert (status, said) == (1, [sentence])
