"""A run and its evaluation, logged offline, read back: everything that a reader of the dashboard needs is there."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples

sys.path.insert(0, str(Path(__file__).parent / "training"))
from wandb_reader import config, history, read_finished

CONFIG = """\
experiment: dashboard
recipe: shared_truth_global
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.2}}, grid: {{mode: resize, size: [32, 32]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 4, steps: {{warmup: 1, joint: 1}}}}
tracking: {{wandb: offline, project: medseg-test}}
"""
AMODAL = """\
experiment: dashboard
recipe: three_stages
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.2}}, frame: {{size: [16, 16], spacing: 2.0}}}}
network: {{channels: [4, 4], coarse: 2, fine: 1}}
training: {{batch_size: 8, epochs: {{complete: 1, occluded: 1, visible: 1}}}}
tracking: {{wandb: offline, project: medseg-test}}
"""


def test_each_stage_and_the_evaluation_are_runs_of_one_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb_home"))
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=32, cases=5, annotators=("good", "over"))
    (tmp_path / "c.yaml").write_text(CONFIG.format(cohort=tmp_path / "cohort"))
    run = tmp_path / "run"
    for words in (["train", tmp_path / "c.yaml", "--out", run], ["evaluate", run]):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output

    found = {}
    for path in run.rglob("*.wandb"):
        records = read_finished(path)
        (start,) = [record.run for record in records if record.HasField("run")][:1]
        assert start.run_group == "dashboard" and start.project == "medseg-test"
        assert config(records)["recipe"] == "shared_truth_global"
        artifacts = {record.artifact.type for record in records if record.HasField("artifact")}
        found[start.job_type] = (set(history(records)), artifacts)
    assert set(found) == {"warmup", "joint", "evaluate"}
    assert {"train/nll", "val/nll", "trainer/step"} <= found["joint"][0]
    keys, artifacts = found["evaluate"]
    for logged in ("confusion/good", "confusion/over", "scores", "metrics", "report/run", "report/curves", "cases/"):
        assert any(key.startswith(logged) for key in keys), logged
    assert artifacts >= {"model", "dataset"}


def test_the_three_stages_and_their_pictures_are_there_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_CACHE_DIR", "WANDB_DATA_DIR", "WANDB_CONFIG_DIR"):
        monkeypatch.setenv(name, str(tmp_path / "wandb_home"))
    write_shapes(tmp_path / "cohort", seed=1, spatial_dims=2, cases=5, size=80)
    (tmp_path / "c.yaml").write_text(AMODAL.format(cohort=tmp_path / "cohort"))
    run = tmp_path / "run"
    for words in (["train", tmp_path / "c.yaml", "--out", run], ["evaluate", run]):
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output

    found = {}
    for path in run.rglob("*.wandb"):
        records = read_finished(path)
        (start,) = [record.run for record in records if record.HasField("run")][:1]
        assert start.run_group == "dashboard" and config(records)["recipe"] == "three_stages"
        artifacts = {record.artifact.type for record in records if record.HasField("artifact")}
        found[start.job_type] = (set(history(records)), artifacts)
    assert set(found) == {"complete", "occluded", "visible", "evaluate"}
    metrics = {
        "complete": ("negative_elbo", "kl", "active"),
        "occluded": ("objective", "gap", "occluded"),
        "visible": ("objective", "drift", "area"),
    }
    for stage, names in metrics.items():
        expected = {f"{origin}/{name}" for origin in ("train", "val") for name in names} | {f"best/{names[0]}"}
        assert expected <= found[stage][0], stage
    keys, artifacts = found["evaluate"]
    for picture in ("completions", "synthetic", "reconstructions", "traversals", "curves"):
        assert any(key.startswith(f"report/{picture}") for key in keys), picture
    assert any(key.startswith("scores") for key in keys) and artifacts >= {"model", "dataset"}
