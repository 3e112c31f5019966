"""Kill trainings at random moments, go on with them, and compare what they end with.

    python -m tests.faults.kills --points 50

Half of the points are trainings of method one, half of method two, all with two loader processes and a checkpoint at
every step. The moments are spread over the whole command: before the run folder is there, within a step, while a
checkpoint is written, in validation, between stages, after the last. A run that goes on must end with the weights,
the metrics and the calibration of one that nobody killed, bit by bit.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.training import newest_position

from .figures import note

ANNOTATORS = """\
experiment: kills
recipe: shared_truth_pixel
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  grid: {{mode: resize, size: [16, 16]}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training:
  batch_size: 2
  steps: {{warmup: 8, joint: 24}}
  steps_per_epoch: 8
  accelerator: cpu
  workers: 2
  checkpoint_every: 1
"""
AMODAL = """\
experiment: kills
recipe: three_stages
data:
  cohort: {cohort}
  split: {{val: 0.25, test: 0.25}}
  frame: {{size: [16, 16], spacing: 4.0}}
network: {{channels: [4, 8], coarse: 4, fine: 2}}
training:
  batch_size: 4
  epochs: {{complete: 2, occluded: 2, visible: 1}}
  objects_per_epoch: 24
  accelerator: cpu
  workers: 2
  checkpoint_every: 1
"""
STAGES = {"one": ("warmup", "joint"), "two": ("complete", "occluded", "visible")}
KEPT = ("weights.pt.sha256", "calibration.json", "splits.json", "model.json", "config.yaml")


@dataclass(frozen=True, kw_only=True)
class Point:
    """One training that was killed and went on."""

    method: str
    """one or two."""
    seconds: float
    """When, after the beginning."""
    at: str
    """Which stage was the newest on the disk; begin: none yet; end: all was done."""
    equal: bool
    """Whether it ended as one that nobody killed."""


def killed_runs(folder: Path, points: int, seed: int) -> list[Point]:
    """So many points, in turn of method one and two, in this folder."""
    torch.set_num_threads(1)
    write_samples(folder / "one", seed=1, spatial_dims=2, size=24, cases=6, annotators=("good", "over"))
    write_shapes(folder / "two", seed=0, spatial_dims=2, cases=8, size=64)
    whole, lasted = {}, {}
    for method, text in (("one", ANNOTATORS), ("two", AMODAL)):
        (folder / f"{method}.yaml").write_text(text.format(cohort=folder / method))
        for run in ("first", "whole"):  # the first one also imports what is imported late
            begun = time.monotonic()
            _ended(_training(folder, method, f"{method}-{run}"))
            lasted[method] = time.monotonic() - begun
        whole[method] = _content(folder / f"{method}-whole")
        assert _content(folder / f"{method}-first") == whole[method]
    drawn, found = random.Random(seed), []
    for number in range(points):
        method = ("one", "two")[number % 2]
        seconds, name = drawn.uniform(0, lasted[method]), f"{method}-{number}"
        process = _training(folder, method, name)
        time.sleep(seconds)
        at = "end" if not process.is_alive() else ""
        process.kill()
        process.join()
        at = at or _newest(folder / name, method)
        _ended(_training(folder, method, name, "--resume"))
        equal = _content(folder / name) == whole[method]
        found.append(Point(method=method, seconds=seconds, at=at, equal=equal))
    return found


def summary(found: list[Point]) -> dict[str, object]:
    """What is noted of them."""
    where = Counter(f"method {point.method}, {point.at}" for point in found)
    return {"points": len(found), "equal": sum(point.equal for point in found), "where": dict(sorted(where.items()))}


def _training(folder: Path, method: str, run: str, *words: str) -> BaseProcess:
    """`medseg train` in a forked process, which has all imports behind it."""
    told = ["train", str(folder / f"{method}.yaml"), "--out", str(folder / run), *words]
    process = multiprocessing.get_context("fork").Process(target=_quietly, args=(told,))
    process.start()
    return process


def _quietly(told: list[str]) -> None:
    with open(os.devnull, "w") as nothing:
        for stream in (1, 2):
            os.dup2(nothing.fileno(), stream)
        app(told)


def _ended(process: BaseProcess) -> None:
    process.join(120)
    assert process.exitcode == 0, process.exitcode


def _newest(run: Path, method: str) -> str:
    at = newest_position(run, STAGES[method]) if run.exists() else None
    return "begin" if at is None else STAGES[method][at.stage_index]


def _content(run: Path) -> dict[str, str]:
    """Digests of what a training leaves, and its metrics but for the seconds."""
    files = {name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in KEPT if (run / name).exists()}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return files | {
        "metrics": json.dumps([{k: v for k, v in row.items() if k not in ("seconds", "waited")} for row in rows])
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        note("kills", summary(killed_runs(Path(place), asked.points, asked.seed)))
