"""What is wrong with a training, its folder or its figures is said in one sentence, and leaves no half-made run."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.training.checkpoint import load

CONFIG = """\
experiment: faults
recipe: soft_mean
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  grid: {{mode: resize, size: [16, 16]}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, epochs: {{warmup: 1, joint: 1}}, accelerator: cpu}}
"""
AMODAL = """\
experiment: faults
recipe: without_visible
data:
  cohort: {cohort}
  split: {{val: 0.25, test: 0.25}}
  frame: {{size: [16, 16], spacing: 4.0}}
network: {{channels: [4, 8], coarse: 4, fine: 2}}
training: {{batch_size: 4, epochs: {{complete: 1, occluded: 1}}, objects_per_epoch: 8, accelerator: cpu}}
"""


def medseg(*words: object) -> tuple[int, list[str]]:
    """Exit status, and the lines that begin with error."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
    return done.exit_code, [line for line in done.output.splitlines() if line.startswith("error: ")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort, its config and an evaluated run."""
    folder = tmp_path_factory.mktemp("trained")
    write_samples(folder / "cohort", seed=1, spatial_dims=2, size=24, cases=5, annotators=("good", "over"))
    (folder / "x.yaml").write_text(CONFIG.format(cohort=folder / "cohort"))
    assert medseg("train", folder / "x.yaml", "--out", folder / "run") == (0, [])
    assert medseg("evaluate", folder / "run") == (0, [])
    return folder


@pytest.fixture(scope="module")
def completing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of label maps, its config and a run."""
    folder = tmp_path_factory.mktemp("completing")
    write_shapes(folder / "cohort", seed=0, spatial_dims=2, cases=8, size=64)
    (folder / "x.yaml").write_text(AMODAL.format(cohort=folder / "cohort"))
    assert medseg("train", folder / "x.yaml", "--out", folder / "run") == (0, [])
    return folder


@pytest.fixture
def own(trained: Path, tmp_path: Path) -> Path:
    """A copy of the run, which a test may spoil; its cohort is the one of all."""
    return shutil.copytree(trained / "run", tmp_path / "run")


# ------------------------------------------------------------------------------------ the run folder
def test_a_refused_training_leaves_nothing_and_the_corrected_command_draws_its_own_split(
    trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "deep" / "run"
    status, said = medseg("train", trained / "x.yaml", "data.annotators=[god]", "--out", run)
    assert status == 1 and len(said) == 1 and not run.parent.exists()
    assert medseg("train", trained / "x.yaml", "data.split.seed=7", "--out", run) == (0, [])
    splits = json.loads((run / "splits.json").read_text())
    assert splits["seed"] == 7
    assert splits["splits"] != json.loads((trained / "run" / "splits.json").read_text())["splits"]


def test_a_split_that_is_left_over_is_never_believed(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(trained / "run" / "splits.json", run)
    status, said = medseg("train", trained / "x.yaml", "data.split.seed=7", "--out", run)
    assert status == 1 and [path.name for path in run.iterdir()] == ["splits.json"]
    remedy = "; remove it, or train into a new folder"
    assert said == [f"error: split seed: expected 7 as in data.split, got 0{remedy} ({run}/splits.json)"]
    assert medseg("train", trained / "x.yaml", "--out", run) == (0, [])


def test_a_split_with_other_cases_is_not_resumed(trained: Path, own: Path) -> None:
    held = json.loads((own / "splits.json").read_text())
    held["splits"]["train"], held["splits"]["test"] = held["splits"]["test"], held["splits"]["train"]
    (own / "splits.json").write_text(json.dumps(held))
    status, (line,) = medseg("train", trained / "x.yaml", "--out", own, "--resume")
    assert status == 1 and line.startswith("error: split: expected what data.split draws, got another of sample_")


def test_what_lay_in_the_folder_before_stays(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    assert medseg("train", trained / "x.yaml", "data.annotators=[god]", "--out", tmp_path)[0] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_training_that_breaks_in_its_first_step_leaves_nothing(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medseg.annotators.loading import source

    good = source.apply_intensity
    monkeypatch.setattr(source, "apply_intensity", lambda image, change, noise: good(image, change, noise) * np.nan)
    status, said = medseg("train", trained / "x.yaml", "--out", tmp_path / "run")
    assert status == 1 and len(said) == 1 and "expected a finite" in said[0]
    assert not (tmp_path / "run").exists()


# ------------------------------------------------------------------------------------ two at once
WAITING = """
import sys, time
from medseg.annotators.loading.source import CohortSource
from medseg.__main__ import app
batch = CohortSource.batch
def slow(*words, **named):
    time.sleep(0.5)
    return batch(*words, **named)
CohortSource.batch = slow
app()
"""


def begun(config: Path, run: Path) -> subprocess.Popen[str]:
    """A slow training, as soon as its first checkpoint is there."""
    command = [sys.executable, "-c", WAITING, "train", str(config), "training.epochs.joint=200", "--out", str(run)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ends = time.monotonic() + 60
    while not (run / "joint" / "last.ckpt").exists():
        assert process.poll() is None and time.monotonic() < ends, process.communicate()
        time.sleep(0.1)
    return process


def test_two_trainings_into_one_folder_and_a_dead_one_holds_nothing(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    first = begun(trained / "x.yaml", run)
    config = ("train", run / "config.yaml", "--out", run)
    for words in (config, (*config, "--resume")):
        status, (line,) = medseg(*words)
        assert status == 1
        assert line.startswith(f"error: run folder: expected no training in it, got one by process {first.pid} on ")
    first.kill()
    first.communicate()
    assert (run / ".training.lock").exists()
    status, (line,) = medseg(*config)
    assert (status, line) == (
        1, f"error: run folder: expected a new folder (or --resume), got one that holds a run ({run})",
    )  # fmt: skip


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_training_that_is_told_to_stop_says_how_to_go_on(
    trained: Path, tmp_path: Path, number: signal.Signals, status: int
) -> None:
    run = tmp_path / "run"
    process = begun(trained / "x.yaml", run)
    process.send_signal(number)
    _, said = process.communicate(timeout=30)
    assert process.returncode == status
    (line,) = [line for line in said.splitlines() if line.startswith("stopped: ")]
    assert line.startswith("stopped: saved in joint, epoch ")
    assert line.endswith(f"; go on with: medseg train {run}/config.yaml --out {run} --resume")
    assert "Traceback" not in said and load(run / "joint" / "last.ckpt")["position"]["global_step"] >= 0
    assert not list(run.glob(".training*"))


# ------------------------------------------------------------------------------------ the data, looked at again
def inverted(cohort: Path) -> Path:
    path = sorted(cohort.glob("annotations/good/*"))[-1]
    labels = np.asarray(Image.open(path))
    Image.fromarray((labels.max() - labels).astype(np.uint8)).save(path)
    return path


def test_a_mask_that_has_changed_since_training_is_not_scored(trained: Path, own: Path, tmp_path: Path) -> None:
    cohort = shutil.copytree(trained / "cohort", tmp_path / "cohort")
    config = (own / "config.yaml").read_text().replace(str(trained / "cohort"), str(cohort))
    (own / "config.yaml").write_text(config)
    assert medseg("evaluate", own) == (0, [])  # a cohort may move
    scores = (own / "scores.csv").read_bytes()
    inverted(cohort)
    status, (line,) = medseg("evaluate", own)
    assert status == 1 and line.startswith("error: fingerprint of the data: expected ")
    assert "; put the files back as they were, or train a new run on them (" in line
    assert (own / "scores.csv").read_bytes() == scores


def test_label_maps_that_have_changed_since_training_are_not_scored(completing: Path) -> None:
    manifest = completing / "cohort" / "manifest.csv"
    before = manifest.read_bytes()
    manifest.write_bytes(before + b"\n")
    status, (line,) = medseg("evaluate", completing / "run")
    manifest.write_bytes(before)
    assert status == 1 and line.startswith("error: fingerprint of the data: expected ")


def test_environment_json_says_where_a_run_comes_from(trained: Path) -> None:
    found = json.loads((trained / "run" / "environment.json").read_text())
    keys = {"command", "seed", "data", "config", "weights", "code", "device", "threads", "torch", "medseg", "python"}
    assert keys <= set(found)
    assert found["seed"] == 0 and found["threads"] == torch.get_num_threads() and len(found["data"]) == 64
    root = Path(__file__).parents[2]
    if (root / ".git").exists():
        head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
        assert found["code"]["commit"] == head.stdout.strip() and isinstance(found["code"]["dirty"], bool)
    assert json.loads((trained / "run" / "model.json").read_text())["version"] == 1
