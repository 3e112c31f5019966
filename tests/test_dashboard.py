"""A run and its evaluation, logged offline, read back: everything that a reader of the dashboard needs is there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.experiment.methods import load_config

sys.path.insert(0, str(Path(__file__).parent / "training"))
from wandb_reader import config, history, read_finished, rows, summary

ROOT = Path(__file__).parents[1]
CONFIG = """\
experiment: dashboard
recipe: shared_truth_global
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.2}}, grid: {{mode: resize, size: [32, 32]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 4, steps: {{warmup: 1, joint: 1}}}}
tracking: {{wandb: offline, project: medseg-test, entity: team, tags: [trial], notes: is it all there}}
"""
AMODAL = """\
experiment: dashboard
recipe: three_stages
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.2}}, frame: {{size: [16, 16], spacing: 2.0}}}}
network: {{channels: [4, 4], coarse: 2, fine: 1}}
training: {{batch_size: 8, epochs: {{complete: 1, occluded: 1, visible: 1}}}}
tracking: {{wandb: offline, project: medseg-test}}
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb_home"))
    monkeypatch.delenv("WANDB_RUN_ID", raising=False)
    return tmp_path


def told(run: Path) -> list[list[Any]]:
    """The records of every time that somebody opened the run, in order; they are of one W&B run."""
    files = sorted((run / "wandb").glob("offline-run-*/*.wandb"), key=lambda file: file.stat().st_mtime)
    found = [read_finished(file) for file in files]
    starts = [next(record.run for record in records if record.HasField("run")) for records in found]
    assert len({start.run_id for start in starts}) == 1
    assert {(start.project, start.run_group, start.display_name) for start in starts} == {
        ("medseg-test", "dashboard", run.name)
    }
    return found


def artifacts(records: list[Any]) -> dict[tuple[str, str], Any]:
    """(name, its alias beside ``latest``) -> the artifact."""
    found = [record.artifact for record in records if record.HasField("artifact")]
    return {(one.name, "".join(set(one.aliases) - {"latest"})): one for one in found}


def works(*words: object) -> None:
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exit_code == 0, done.output


def test_a_training_and_its_evaluation_are_one_run_with_all_that_is_promised(home: Path) -> None:
    write_samples(home / "cohort", seed=1, spatial_dims=2, size=32, cases=5, annotators=("good", "over"))
    (home / "c.yaml").write_text(CONFIG.format(cohort=home / "cohort"))
    run = home / "run"
    works("train", home / "c.yaml", "--out", run)
    works("evaluate", run)
    training, test = told(run)
    start = next(record.run for record in training if record.HasField("run"))
    assert (start.entity, list(start.tags), start.notes) == ("team", ["trial"], "is it all there")
    environment = json.loads((run / "environment.json").read_text())
    settings = config(training)
    assert settings["recipe"] == "shared_truth_global" and settings["environment"]["data"] == environment["data"]
    if environment["code"]:
        assert start.git.commit == environment["code"]["commit"]

    stages = [row["stage"] for row in rows(training) if "stage" in row]
    assert stages == ["warmup", "joint"]
    logged = history(training)
    assert {"train/nll", "val/nll", "best/nll", "trainer/step"} <= set(logged)
    (shown,) = {key.split("/masks/")[0] for key in logged if key.startswith("validation/") and "/masks/" in key}
    for mask in ("good", "over", "recovered truth", "good predicted", "over predicted"):
        assert f"{shown}/masks/{mask}/path" in logged, mask
    made = artifacts(training)
    assert made["dataset-cohort", ""].use_after_commit and made["dataset-cohort", ""].type == "dataset"
    assert made["source-medseg", ""].type == "code"
    paths = {key: [content.path for content in one.manifest.contents] for key, one in made.items()}
    assert paths["run-warmup", "best"] == ["best.ckpt"] and paths["run-weights", "last"] == ["last.ckpt"]
    assert paths["run-weights", "best"] == ["weights.pt"]
    about = json.loads(made["run-weights", "best"].metadata)
    assert (about["recipe"], about["stage"], about["data"]) == ("shared_truth_global", "joint", environment["data"])

    keys, known = set(history(test)), summary(test)
    for metric in ("truth_dice", "annotator_nll"):
        assert known[f"test/{metric}"] == pytest.approx(mean_of_cases(run / "scores.csv", metric))
        assert f"test/{metric}" in keys
    for name in ("confusion/good", "report/run", "report/curves", "report/reliance", "scores"):
        assert any(key.startswith(f"test/{name}") for key in keys), name
    for mask in ("good", "over predicted", "recovered truth", "known truth"):
        assert any(key.startswith("test/cases/") and f"/masks/{mask}/path" in key for key in keys), mask
    made = artifacts(test)
    assert made["dataset-cohort", ""].use_after_commit and made["run-test", ""].type == "evaluation"
    files = {content.path for content in made["run-test", ""].manifest.contents}
    assert files == {"scores.csv", "confusion.csv", "index.html"}


def mean_of_cases(path: Path, metric: str) -> float:
    """By hand: the mean over cases of the means over their annotators and classes."""
    values: dict[str, list[float]] = {}
    for line in path.read_text().splitlines()[1:]:
        case, _, _, name, value = line.split(",")[:5]
        if name == metric and value != "nan":
            values.setdefault(case, []).append(float(value))
    means = [sum(each) / len(each) for each in values.values()]
    return sum(means) / len(means)


def test_the_three_stages_and_their_pictures_are_there_too(home: Path) -> None:
    write_shapes(home / "cohort", seed=1, spatial_dims=2, cases=5, size=80)
    (home / "c.yaml").write_text(AMODAL.format(cohort=home / "cohort"))
    run = home / "run"
    works("train", home / "c.yaml", "--out", run)
    works("evaluate", run)
    training, test = told(run)
    by_stage = {row["stage"]: row for row in rows(training) if "stage" in row}
    metrics = {
        "complete": ("negative_elbo", "kl", "active"),
        "occluded": ("objective", "gap", "occluded"),
        "visible": ("missed", "drift", "area"),
    }
    assert list(by_stage) == list(metrics)
    for stage, names in metrics.items():
        expected = {f"{origin}/{name}" for origin in ("train", "val") for name in names} | {f"best/{names[0]}"}
        assert expected <= set(by_stage[stage]), stage
    shown = {key for key in history(training) if key.startswith("validation/")}
    for mask in ("seen", "answer", "amodal"):
        assert any(f"/masks/{mask}/path" in key for key in shown), mask
    assert {("run-complete", "best"), ("run-occluded", "best"), ("run-weights", "best")} <= set(artifacts(training))
    keys, known = set(history(test)), summary(test)
    assert known["test/amodal_iou"] == pytest.approx(mean_of_cases(run / "scores.csv", "amodal_iou"))
    for picture in ("completions", "synthetic", "reconstructions", "traversals", "curves"):
        assert any(key.startswith(f"test/report/{picture}") for key in keys), picture
    assert any(key.startswith("test/scores") for key in keys)


def sweep() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "configs" / "sweep.yaml").read_text())


def trial(values: dict[str, Any]) -> list[str]:
    """The command line of an agent, as W&B itself makes it of the sweep and the values of one trial."""
    from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args  # takes two seconds

    made = create_sweep_command_args({"args": {key: {"value": value} for key, value in values.items()}})
    return [
        word
        for part in create_sweep_command(sweep()["command"])
        for word in (made["args_no_hyphens"] if part == "${args_no_hyphens}" else [part])
    ]


@pytest.mark.slow
def test_a_trial_of_the_sweep_runs_and_is_scored_under_the_id_of_its_agent(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(home / "cohort", seed=1, spatial_dims=2, size=32, cases=5, annotators=("good", "over"))
    (home / "configs" / "annotators").mkdir(parents=True)
    (home / "configs" / "annotators" / "mnist.yaml").write_text(CONFIG.format(cohort=home / "cohort"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    monkeypatch.setenv("WANDB_MODE", "offline")  # where a key would be found
    for name, value in {"RUN_ID": "trial7", "SWEEP_ID": "sweep3", "PROJECT": "medseg-test"}.items():
        monkeypatch.setenv(f"WANDB_{name}", value)
    words = trial({"training.learning_rate": 0.003, "confusion.lr_factor": 10, "seed": 2})
    monkeypatch.delenv(
        "WANDB_SERVICE", raising=False
    )  # that of the tests before, which an agent's trial does not share
    done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    run = home / "runs" / "sweep" / "trial7"
    training, val = told(run)
    assert next(record.run for record in training if record.HasField("run")).run_id == "trial7"
    settings = config(training)
    assert (settings["seed"], settings["training"]["learning_rate"], settings["confusion"]["lr_factor"]) == (
        2,
        0.003,
        10,
    )
    wanted = sweep()["metric"]["name"]
    assert summary(val)[wanted] == pytest.approx(mean_of_cases(run / "val" / "scores.csv", wanted.split("/")[1]))


def test_what_is_swept_are_keys_of_the_config() -> None:
    for name, values in sweep()["parameters"].items():
        for value in values.get("values", [values.get("min"), values.get("max")]):
            load_config(ROOT / "configs" / "annotators" / "mnist.yaml", [f"{name}={value}"])
