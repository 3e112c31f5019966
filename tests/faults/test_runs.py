"""What is wrong with a training, its folder or its figures is said in one sentence, and leaves no half-made run."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from medseg.training.checkpoint import load, save

from ..forked import Forked
from .tiny_runs import medseg


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
SLOW = Path(__file__).with_name("slow_training.py")


def begun(config: Path, run: Path, *overrides: str) -> Forked:
    """A slow training, as soon as its first checkpoint is there."""
    process = Forked(SLOW, "train", config, "training.steps.joint=200", *overrides, "--out", run)
    ends = time.monotonic() + 300  # two processes on a busy machine
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


def test_a_mask_that_has_changed_since_training_is_not_scored(
    trained: Path, own: Path, tmp_path: Path, undrawn: None
) -> None:
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


# ------------------------------------------------------------------------------------ files of a run
def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edited(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def other_network(run: Path) -> None:
    save(run / "weights.pt", {"head.weight": torch.zeros(2, 3)})
    (run / "environment.json").unlink()


def other_seed(run: Path) -> None:
    weights = load(run / "weights.pt")
    save(run / "weights.pt", {name: tensor + 1 for name, tensor in weights.items()})


SPOILED: list[tuple[str, Callable[[Path], object], str]] = [
    ("model.json cut", lambda run: cut(run / "model.json"), "model.json: expected what training writes, got another"),
    ("model.json a list", lambda run: (run / "model.json").write_text("[1]"), "model.json: expected what training"),
    ("model.json empty", lambda run: (run / "model.json").write_text("{}"), "model.json: expected what training"),
    ("model.json of tomorrow", lambda run: edited(run / "model.json", '"version": 1', '"version": 9'),
     "version of the run: expected at most 1, got 9"),
    ("grid.size edited", lambda run: edited(run / "config.yaml", "- 16", "- 32"),
     "config: expected what the run was trained with (undo the change, or train a new run), got another"),
    ("config.yaml cut", lambda run: cut(run / "config.yaml"), "config"),
    ("config.yaml a word", lambda run: (run / "config.yaml").write_text("word"), "config: expected keys and values"),
    ("config.yaml binary", lambda run: (run / "config.yaml").write_bytes(b"\xff\xfe\0"),
     "config.yaml: expected UTF-8 text"),
    ("environment.json cut", lambda run: cut(run / "environment.json"), "environment.json: expected what training"),
    ("weights of another network", other_network, "weights: expected those of the network in config.yaml"),
    ("weights of another seed", other_seed, "weights: expected those that this run ended with, got those of another"),
    ("weights that are a list", lambda run: save_list(run / "weights.pt"), "weights: expected a file written by"),
    ("weights cut", lambda run: cut(run / "weights.pt"), "weights: expected a file written by training"),
]  # fmt: skip


def save_list(path: Path) -> None:
    torch.save([1, 2], path)
    path.with_name(path.name + ".sha256").write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")


@pytest.mark.parametrize("verb", ["evaluate", "predict"])
@pytest.mark.parametrize(("spoil", "sentence"), [row[1:] for row in SPOILED], ids=[row[0] for row in SPOILED])
def test_a_spoiled_run_is_refused_in_a_sentence(
    trained: Path, own: Path, spoil: Callable[[Path], object], sentence: str, verb: str
) -> None:
    spoil(own)
    words = () if verb == "evaluate" else ("--images", trained / "cohort/images", "--out", own / "maps")
    status, said = medseg(verb, own, *words)
    assert status == 1 and said[0].startswith(f"error: {sentence}") and not (own / "maps").exists()


CALIBRATIONS = ("{", "[]", '{"shift": "wide"}', '{"shift": NaN}', '{"width": 1}')


@pytest.mark.parametrize("text", CALIBRATIONS)
def test_a_spoiled_calibration_is_refused(completing: Path, tmp_path: Path, text: str) -> None:
    run = shutil.copytree(completing / "run", tmp_path / "run")
    (run / "calibration.json").write_text(text)
    status, (line,) = medseg("evaluate", run)
    assert status == 1 and line.startswith("error: calibration.json: expected what training writes, got another")


def test_a_checkpoint_with_another_content_is_not_resumed(trained: Path, own: Path) -> None:
    for path in own.glob("joint/*.ckpt"):
        save(path, {"model": {}})
    status, (line,) = medseg("train", trained / "x.yaml", "--out", own, "--resume")
    assert status == 1
    assert line.startswith("error: checkpoint: expected a state that training has saved, got one without made_with")


SCORES: list[tuple[str, Callable[[Path], object], str]] = [
    ("scores.csv cut", lambda run: cut(run / "scores.csv"), "scores.csv: expected a whole table"),
    ("scores.csv binary", lambda run: (run / "scores.csv").write_bytes(b"\xff\xfe\0"), "scores.csv: expected a table"),
    ("scores.csv empty", lambda run: (run / "scores.csv").write_text(""), "scores.csv: expected a table"),
    ("a value that is no number", lambda run: edited(run / "scores.csv", "0.", "o."), "value: expected a number"),
    ("config.yaml a word", lambda run: (run / "config.yaml").write_text("word"), "config: expected"),
    ("config.yaml broken", lambda run: (run / "config.yaml").write_text("{"), "config.yaml: expected YAML"),
]


@pytest.mark.parametrize(("spoil", "sentence"), [row[1:] for row in SCORES], ids=[row[0] for row in SCORES])
def test_spoiled_scores_are_not_compared(own: Path, spoil: Callable[[Path], object], sentence: str) -> None:
    spoil(own)
    status, said = medseg("compare", own)
    assert status == 1 and said[0].startswith(f"error: {sentence}")


def test_a_run_named_twice_is_not_compared(own: Path) -> None:
    status, said = medseg("compare", own, f"{own}/../run")
    assert (status, said) == (1, [f"error: runs: expected each once, got {own.resolve()} twice (compared)"])


# ------------------------------------------------------------------------------------ bounds
BOUNDS = [
    ("seed=-1", "seed: expected a number greater than or equal to 0, got -1"),
    (f"seed={10**30}", "seed: expected a number less than 9223372036854775808, got 1"),
    ("data.split.seed=-1", "data.split.seed: expected a number greater than or equal to 0, got -1"),
    ("network.channels=[8]", "network.channels: expected at least 2 levels, got [8]"),
    ("network.channels=[]", "network.channels: expected at least 2 levels, got []"),
    ("network.features=1000000000", "network.features: expected a number less than or equal to 65536, got 1000000000"),
    ("data.grid.size=[2, 2]", "data.grid.size: expected more than [2, 2], of which one voxel is left"),
    ("data.grid.size=[100000, 100000]", "data.grid.size.0: expected a number less than or equal to 65536, got 100000"),
    ("data.grid.size=[65536, 65536]", "memory for a batch: expected at most "),
    ("training.batch_size=1000000000", "memory for a batch: expected at most "),
    ("data.augment.flip_axes=[0, 0]", "data.augment.flip_axes: expected each axis once, got [0, 0]"),
    ("training.learning_rate=.inf", "training.learning_rate: expected a finite number, got inf"),
    ("training.learning_rate=.nan", "training.learning_rate: expected a finite number, got nan"),
    ("training.weight_decay=.inf", "training.weight_decay: expected a finite number, got inf"),
    ("data.annotators=[]", "data.annotators: expected at least one name (or null), each once, got []"),
    ("data.annotators=[good, good]", "data.annotators: expected at least one name (or null), each once, got ['good"),
    ("data.labels_per_image=3", "data.labels_per_image: expected at most 2 annotators, got 3"),
    ("training.precision=16-mixed", "precision: expected 32-true or bf16-mixed on a CPU, got 16-mixed"),
    ("training.workers=100000", "training.workers: expected a number less than or equal to 256, got 100000"),
    ("training.accelerator=cuda", "accelerator: expected auto, cpu or one that is there, got cuda"),
]


@pytest.mark.parametrize(("override", "sentence"), BOUNDS, ids=[override[:40] for override, _ in BOUNDS])
def test_what_is_out_of_bounds_is_refused_before_anything_is_made(
    trained: Path, tmp_path: Path, override: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    status, said = medseg("train", trained / "x.yaml", override, "--out", tmp_path / "run")
    assert status == 1 and any(sentence in line for line in said), said
    assert not (tmp_path / "run").exists()


def test_a_run_folder_that_is_a_file_or_below_one_is_refused(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for out in (tmp_path / "file", tmp_path / "file" / "run"):
        status, said = medseg("train", trained / "x.yaml", "--out", out)
        assert (status, said) == (1, [f"error: run folder: expected a folder, got a file ({tmp_path}/file)"])
