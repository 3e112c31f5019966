"""A training in two processes: the first one alone reads the cohort before it, and speaks for both."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from medseg.annotators.simulation.samples import write_samples
from medseg.cohorts.cohort import load_cohort
from medseg.cohorts.snapshots import fingerprint
from medseg.training.checkpoint import load

from ..forked import pair

ROOT, SCRIPT = Path(__file__).parents[2], Path(__file__).with_name("counted_run.py")
CONFIG = """\
experiment: two
recipe: soft_mean
data:
  cohort: {cohort}
  split: {{val: 0.2, test: 0.2}}
  grid: {{mode: resize, size: [16, 16]}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, steps: {{warmup: 1, joint: 1}}, devices: 2, strategy: ddp, accelerator: cpu}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=24, cases=5, annotators=("good", "over"))
    path = tmp_path / "two.yaml"
    path.write_text(CONFIG.format(cohort=tmp_path / "cohort"))
    return path


def noting(folder: Path) -> dict[str, str]:
    """The environment of a process that writes into ``notes`` who read the cohort."""
    return {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "NOTES": f"{folder}/notes"}


def test_the_first_process_alone_reads_the_cohort(config: Path) -> None:
    """For real: lightning starts the second process, which the other tests do not leave to it."""
    command = [sys.executable, str(SCRIPT), "train", str(config), "--out", str(config.parent / "run")]
    environment = os.environ | noting(config.parent)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    notes = (config.parent / "notes").read_text().splitlines()
    assert notes == ["checked in process 0", "fingerprinted in process 0"]
    checkpoint = load(config.parent / "run" / "joint" / "last.ckpt")
    assert checkpoint["processes"] == 2
    assert checkpoint["made_with"]["fingerprint of the data"] == fingerprint(load_cohort(config.parent / "cohort"))


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["data.split.by=site"], "column to split by: expected patient, got site (data.split.by)"),
        (["data.annotators=[god]"], "data.annotators: expected one of good, over, got god (samples_2d)"),
        (["training.batch_size=3"], "batch size: expected a multiple of the 2 processes, got 3 (training.batch_size)"),
    ],
    ids=["of the first process", "of each process", "before anything is read"],
)
def test_a_refusal_ends_both_processes_and_is_said_once(config: Path, overrides: list[str], sentence: str) -> None:
    run = config.parent / "run"
    ends, said = pair(SCRIPT, "train", config, *overrides, "--out", run, environment=noting(config.parent))
    assert ends[0] == 1 and ends[1] != 0, said
    assert [line for line in said.splitlines() if line.startswith("error:")] == [f"error: {sentence}"]
    assert "Traceback" not in said
    assert not (run / "weights.pt").exists()
