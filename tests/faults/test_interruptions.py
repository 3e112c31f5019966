"""What a training says, and leaves, where its data, its processes, its memory or its clock fail it."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from medseg.annotators.loading.source import CohortSource
from medseg.experiment.evaluate import evaluate_run
from medseg.training.batches import StageBatches

from ..forked import Forked
from .test_runs import begun, inverted
from .tiny_runs import medseg

Spoil = Callable[[Path], object]


@pytest.fixture
def config(trained: Path, tmp_path: Path) -> Path:
    """Of a cohort that a test may spoil."""
    cohort = shutil.copytree(trained / "cohort", tmp_path / "cohort")
    path = tmp_path / "x.yaml"
    path.write_text((trained / "x.yaml").read_text().replace(str(trained / "cohort"), str(cohort)))
    return path


def vanished(cohort: Path) -> None:
    sorted(cohort.glob("annotations/good/*"))[0].unlink()


def touched(cohort: Path) -> None:
    for path in cohort.rglob("*.png"):
        os.utime(path)


def spoiled_at(name: str, spoil: Spoil, cohort: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Spoil the cohort when the source is asked for this for the first time."""
    asked, times = getattr(CohortSource, name), itertools.count()

    def first(*words: object, **named: object) -> object:
        if next(times) == 0:
            spoil(cohort)
        return asked(*words, **named)

    monkeypatch.setattr(CohortSource, name, first)


# ------------------------------------------------------------------------------------------ data
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [(vanished, "error: file: expected a file"), (inverted, "error: fingerprint of the data: expected ")],
)
def test_a_file_that_changes_between_its_check_and_its_use_is_not_trained_on(
    config: Path, spoil: Spoil, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoiled_at("load", spoil, config.parent / "cohort", monkeypatch)
    status, said = medseg("train", config, "--out", config.parent / "run")
    assert status == 1 and len(said) == 1 and said[0].startswith(sentence), said
    assert not (config.parent / "run").exists()


def test_a_file_that_was_only_touched_is_trained_on(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spoiled_at("load", touched, config.parent / "cohort", monkeypatch)
    assert medseg("train", config, "--out", config.parent / "run") == (0, [])


@pytest.mark.parametrize("spoil", [vanished, inverted])
def test_a_file_that_changes_in_training_is_not_read_again_but_not_scored_either(
    config: Path, spoil: Spoil, trained: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = config.parent / "run"
    spoiled_at("batch", spoil, config.parent / "cohort", monkeypatch)
    assert medseg("train", config, "--out", run) == (0, [])
    weights = [torch.load(each / "weights.pt", weights_only=True) for each in (run, trained / "run")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[1])
    status, said = medseg("evaluate", run)
    assert status == 1 and len(said) == 1


def test_label_maps_that_change_in_training_are_not_calibrated_on(
    completing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from medseg.amodal.occlusion.source import OcclusionSource

    cohort = shutil.copytree(completing / "cohort", tmp_path / "cohort")
    (tmp_path / "x.yaml").write_text((completing / "x.yaml").read_text().replace(str(completing), str(tmp_path)))
    load = OcclusionSource.validation

    def changed(*words: object, **named: object) -> object:
        path = sorted((cohort / "labels").iterdir())[0]
        shutil.copy(sorted((cohort / "labels").iterdir())[1], path)
        return load(*words, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(OcclusionSource, "validation", changed)
    status, said = medseg("train", tmp_path / "x.yaml", "--out", tmp_path / "run")
    assert status == 1 and len(said) == 1 and "as in training, got" in said[0], said
    assert not (tmp_path / "run" / "calibration.json").exists()


def test_the_clock_may_go_back(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undrawn: None) -> None:
    now = itertools.count(2_000_000_000, -3600)
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    assert medseg("train", trained / "x.yaml", "--out", tmp_path / "run") == (0, [])
    assert medseg("evaluate", tmp_path / "run") == (0, [])
    assert (tmp_path / "run" / "scores.csv").read_bytes() == (trained / "run" / "scores.csv").read_bytes()


# ------------------------------------------------------------------------------------------ processes
def stopped(process: Forked, run: Path, why: str) -> None:
    """The process has ended with 1 and one line."""
    _, said = process.communicate(timeout=300)
    assert process.returncode == 1, said
    (line,) = [line for line in said.splitlines() if line.startswith(("stopped", "error"))]
    assert line.startswith(f"stopped: {why}; saved in joint, epoch ")
    assert line.endswith(f"; go on with: medseg train {run}/config.yaml --out {run} --resume")
    assert "Traceback" not in said and not list(run.glob(".training*"))


def children(process: int) -> list[int]:
    found = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(number) for number in found.split()]


def gone(processes: list[int]) -> bool:
    """Whether they all end within a minute."""
    ends = time.monotonic() + 60
    while (left := [each for each in processes if Path(f"/proc/{each}").exists()]) and time.monotonic() < ends:
        time.sleep(0.1)
    return not left


needs_proc = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")


@needs_proc
def test_a_loader_process_that_dies_ends_the_training_in_one_line(trained: Path, tmp_path: Path) -> None:
    process = begun(trained / "x.yaml", tmp_path / "run", "training.workers=2")
    ends = time.monotonic() + 30
    while len(workers := children(process.pid)) < 2 and time.monotonic() < ends:
        time.sleep(0.1)
    os.kill(workers[0], signal.SIGKILL)
    stopped(process, tmp_path / "run", "a process that makes batches has died")
    assert gone(workers)


TWO = ("training.devices=2", "training.strategy=ddp")


@needs_proc
def test_a_dead_process_of_two_is_told_by_the_first(trained: Path, tmp_path: Path) -> None:
    process = begun(trained / "x.yaml", tmp_path / "run", *TWO)
    os.kill(children(process.pid)[0], signal.SIGKILL)
    stopped(process, tmp_path / "run", "another process of the run has died")


@needs_proc
@pytest.mark.slow
def test_a_dead_first_process_is_told_by_the_second(trained: Path, tmp_path: Path) -> None:
    process = begun(trained / "x.yaml", tmp_path / "run", *TWO)
    (second,) = children(process.pid)
    process.kill()
    assert gone([second])
    _, said = process.communicate(timeout=300)  # the second writes into the same file
    (line,) = [line for line in said.splitlines() if line.startswith("stopped: ")]
    assert line.startswith("stopped: another process of the run has died; saved in joint")
    assert "Traceback" not in said


def test_a_run_in_training_is_not_evaluated(trained: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained / "run", run)
    (run / "weights.pt").unlink()
    for words in (("evaluate", run), ("predict", run, "--images", trained / "cohort/images", "--out", tmp_path / "m")):
        status, said = medseg(*words)
        command = f"medseg train {run}/config.yaml --out {run} --resume"
        assert (status, said) == (1, [f"error: weights: expected a training that has ended ({command}), "
                                      f"got none yet ({run})"])  # fmt: skip


# ------------------------------------------------------------------------------------------ shared memory
NO_ROOM = "error: shared memory: expected room in /dev/shm for the batches that are made ahead"


def test_batches_that_find_no_room_in_shared_memory_are_refused(
    trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: object) -> None:
        raise RuntimeError("unable to allocate shared memory(shm) for file </torch_1>: No space left on device (28)")

    monkeypatch.setattr(torch.Tensor, "share_memory_", full)
    status, (line,) = medseg("train", trained / "x.yaml", "training.workers=1", "--out", tmp_path / "run")
    assert status == 1 and line.startswith(NO_ROOM) and not (tmp_path / "run").exists()
    assert medseg("train", trained / "x.yaml", "--out", tmp_path / "run") == (0, [])


@pytest.mark.slow
@pytest.mark.parametrize("kibibytes", [32, 64, 256])
def test_a_shared_memory_of_a_few_kibibytes_is_refused(trained: Path, tmp_path: Path, kibibytes: int) -> None:
    words = [trained / "x.yaml", "training.workers=1", "training.batch_size=2", "data.grid.size=[256,256]"]
    command = " ".join(map(str, [Path(sys.executable).parent / "medseg", "train", *words, "--out", tmp_path / "run"]))
    mount = f"mount -t tmpfs -o size={kibibytes}k none /dev/shm && {command}"
    if subprocess.run(["unshare", "-m", "true"], check=False).returncode:
        pytest.skip("root only has a shared memory of its own")
    done = subprocess.run(["unshare", "-m", "sh", "-c", mount], capture_output=True, text=True, timeout=60)
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error")]
    assert done.returncode == 1 and line.startswith(NO_ROOM) and "Traceback" not in done.stderr


def test_batches_are_handed_over_in_shared_memory_whatever_their_tensors() -> None:
    from ..training.toy_run import ToySource

    made = StageBatches(source=ToySource(), target="annotated", steps=4, rank=0, world=1)
    (one,), (other,) = (list(made.between(3, 4, workers)) for workers in (0, 1))
    assert torch.equal(one.image, other.image) and torch.equal(one.labels, other.labels)  # type: ignore[attr-defined]


# ------------------------------------------------------------------------------------------ the same again
@pytest.mark.parametrize("of", ["trained", "completing"])
def test_the_config_of_a_run_gives_its_scores_byte_for_byte(
    of: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    run = shutil.copytree(request.getfixturevalue(of) / "run", tmp_path / "run")
    assert medseg("train", run / "config.yaml", "--out", tmp_path / "again") == (0, [])
    for each in (run, tmp_path / "again"):
        evaluate_run(each, draw=False)
    names = ["scores.csv", "rivals.csv", "calibration.json", "confusion.csv", "splits.json", "model.json"]
    there = [name for name in names if (run / name).exists()]
    assert len(there) >= 4
    for name in there:
        assert (tmp_path / "again" / name).read_bytes() == (run / name).read_bytes(), name
