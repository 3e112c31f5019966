from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from toy_run import TerminatedSource, ToyModel, toy_fit

from medseg.contracts import Refused
from medseg.training import processes
from medseg.training.checkpoint import BrokenFileError, load, load_weights, save

from ..forked import Forked, pair

TOY = Path(__file__).with_name("toy_run.py")


def start(folder: Path, *options: str) -> Forked:
    """A run of the toy in a process of its own."""
    return Forked(TOY, folder, *options)


def living(group: int) -> list[int]:
    """The processes of a group that still run."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of_group = path.read_text().rpartition(")")[2].split()[:3]
        except OSError:  # gone meanwhile
            continue
        if int(of_group) == group and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def wait_until_nothing_lives(group: int) -> None:
    deadline = time.monotonic() + 30
    while living(group):
        assert time.monotonic() < deadline, "a worker outlives its run"
        time.sleep(0.05)


def wait_for_the_middle_of_an_epoch(folder: Path, process: Forked) -> None:
    """Until the last checkpoint was written inside the second epoch of the second stage."""
    deadline = time.monotonic() + 300
    while time.monotonic() < deadline and process.poll() is None:
        try:
            position = load(folder / "joint" / "last.ckpt")["position"]
        except BrokenFileError:
            position = {"epoch": 0, "step": 0}
        if position["epoch"] == 1 and position["step"] > 0:
            return
        time.sleep(0.02)
    raise AssertionError(f"never in the middle of an epoch: {process.communicate()[1]}")


def metrics_of(folder: Path) -> list[dict]:
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{key: value for key, value in row.items() if key not in ("seconds", "waited")} for row in rows]


def test_a_run_killed_in_mid_epoch_ends_with_bit_identical_weights(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    process = start(killed, "--pause", "0.1")
    wait_for_the_middle_of_an_epoch(killed, process)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert not (killed / "weights.pt").exists()
    toy_fit(killed, resume=True)
    toy_fit(whole)
    first, second = load_weights(killed / "weights.pt"), load_weights(whole / "weights.pt")
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert metrics_of(killed) == metrics_of(whole)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks for processes in /proc")
@pytest.mark.parametrize("told", ["every process", "killed"])
def test_a_run_with_workers_ends_with_them_and_goes_on_bit_by_bit(tmp_path: Path, told: str) -> None:
    parts, whole = tmp_path / "parts", tmp_path / "whole"
    process = start(parts, "--pause", "0.1", "--workers", "2")
    wait_for_the_middle_of_an_epoch(parts, process)
    assert len(living(process.pid)) == 3
    if told == "killed":
        process.kill()
    else:  # as a scheduler does
        os.killpg(process.pid, signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == (-signal.SIGKILL if told == "killed" else 143), said
    assert "Traceback" not in said
    wait_until_nothing_lives(process.pid)
    assert not (parts / "weights.pt").exists()
    toy_fit(parts, resume=True, workers=2)
    toy_fit(whole)
    first, second = load_weights(parts / "weights.pt"), load_weights(whole / "weights.pt")
    assert all(torch.equal(first[name], second[name]) for name in second)
    assert metrics_of(parts) == metrics_of(whole)


@pytest.mark.parametrize("accumulate", [1, 2])
def test_two_processes_have_the_losses_and_weights_of_one(accumulate: int, tmp_path: Path) -> None:
    """Also where each computes its two cases one by one, and gradients travel with the second alone."""
    two, one = tmp_path / "two", tmp_path / "one"
    ends, said = pair(TOY, two, "--devices", 2, "--dropout", 0, "--accumulate", accumulate)
    assert ends == [0, 0], said
    toy_fit(one, ToyModel())
    assert load(two / "joint" / "last.ckpt")["processes"] == 2
    for ours, reference in zip(metrics_of(two), metrics_of(one), strict=True):
        assert ours.pop("stage") == reference.pop("stage")
        assert ours == pytest.approx(reference, rel=1e-6)
    first, second = load_weights(two / "weights.pt"), load_weights(one / "weights.pt")
    torch.testing.assert_close(first, second, rtol=1e-5, atol=1e-6)


def test_a_batch_that_cannot_be_shared_evenly_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class ThreeProcesses:
        world_size = 3

        def __init__(self, **_: object) -> None: ...

        def launch(self) -> None: ...

    monkeypatch.setattr(processes, "Fabric", ThreeProcesses)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path)
    sentence = "batch size: expected a multiple of the 3 processes, got 4 (training.batch_size)"
    assert refused.value.complaints == (sentence,)
    with pytest.raises(Refused) as refused:
        toy_fit(tmp_path, accumulate=2)
    expected = "a multiple of 6, for 3 processes times training.accumulate=2"
    assert refused.value.complaints == (f"batch size: expected {expected}, got 4 (training.batch_size)",)


def test_another_number_of_processes_is_mentioned(tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        toy_fit(tmp_path, source=TerminatedSource("annotated", 1, 1))
    path = tmp_path / "joint" / "last.ckpt"
    save(path, load(path) | {"processes": 2})
    with pytest.warns(UserWarning, match="resumed with 1 processes, begun with 2"):
        toy_fit(tmp_path, resume=True)
