"""Write the folder old_runs/: a tiny run of each method as this version leaves it, and what it answers.

    python -m tests.faults.old_runs

Do so only where RUN_VERSION has grown, and keep the old ones beside the new: they are there to be read for ever.
"""

from __future__ import annotations

import contextlib
import json
import platform
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.amodal.shapes import write_shapes
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import RUN_VERSION, Volume
from medseg.images import read_image, write_labels

ROOT = Path(__file__).with_name("old_runs")
CONFIGS = {
    "annotators": """\
experiment: old
recipe: soft_mean
data:
  cohort: cohort
  split: {val: 0.2, test: 0.2}
  grid: {mode: resize, size: [16, 16]}
network: {channels: [4, 8], features: 4, residual_units: 1}
training: {batch_size: 2, steps: {warmup: 5, joint: 15}, steps_per_epoch: 5, accelerator: cpu, learning_rate: 0.01}
""",
    "amodal": """\
experiment: old
recipe: without_visible
data:
  cohort: cohort
  split: {val: 0.25, test: 0.25}
  frame: {size: [16, 16], spacing: 4.0}
network: {channels: [4, 8], coarse: 4, fine: 2}
training: {batch_size: 4, epochs: {complete: 6, occluded: 6}, objects_per_epoch: 32, accelerator: cpu}
""",
}
KEPT = ("config.yaml", "environment.json", "model.json", "splits.json", "metrics.jsonl", "scores.csv", "rivals.csv",
        "calibration.json", "weights.pt", "weights.pt.sha256")  # fmt: skip


def write_input(folder: Path) -> tuple[Path, Path]:
    """An image to predict and a label map to complete, made of sums alone."""
    rows, columns = np.mgrid[:24, :24]
    image = ((7 * rows + 13 * columns + rows * columns) % 251).astype(np.uint8)
    labels = np.zeros((24, 24), np.uint8)
    labels[4:20, 6:12], labels[9:14, 2:22], labels[9:14, 6:12] = 1, 2, 255
    for name, array in (("image", image), ("labels", labels)):
        write_labels(folder / name / "a.png", Volume(array=array, affine=np.eye(4), spacing_mm=None))
    return folder / "image", folder / "labels"


def answer(run: Path, folder: Path) -> list[float]:
    """Five probabilities of what a run of method one or two makes of ``write_input``."""
    image, labels = write_input(folder)
    words = ("predict", run, "--images", image) if run.name == "annotators" else ("complete", run, "--labels", labels)
    told(*words, "--out", folder / "out")
    (path, *_) = sorted((folder / "out").glob("probabilities/**/*.tif"))
    return [round(float(value), 4) for value in read_image(path).array.ravel()[[222, 250, 275, 300, 320]]]


def told(*words: object) -> None:
    done = CliRunner().invoke(app, list(map(str, words)))
    assert done.exit_code == 0, done.output


def main() -> None:
    torch.set_num_threads(1)
    for method, config in CONFIGS.items():
        target = ROOT / f"version_{RUN_VERSION}" / method
        with tempfile.TemporaryDirectory() as place, contextlib.chdir(place):
            (write_samples if method == "annotators" else write_shapes)(
                Path("cohort"), seed=1, spatial_dims=2, size=24 if method == "annotators" else 64, cases=8,
                **({"annotators": ("good", "over")} if method == "annotators" else {}),
            )  # fmt: skip
            Path("x.yaml").write_text(config)
            sys.argv = ["medseg", "train", "x.yaml", "--out", "run"]
            told(*sys.argv[1:])
            told("evaluate", "run")
            target.mkdir(parents=True)
            for name in filter(lambda name: Path("run", name).exists(), KEPT):
                shutil.copy(Path("run", name), target / name)
            for path in sorted(Path("run").glob("joint/last.ckpt*")):  # of method one alone: the other's are large
                (target / "joint").mkdir(exist_ok=True)
                shutil.copy(path, target / "joint")
            noted = json.loads((target / "environment.json").read_text())
            (target / "environment.json").write_text(json.dumps(noted | {"platform": platform.system()}, indent=1))
            (target / "answer.json").write_text(json.dumps(answer(target, Path(place, "asked"))) + "\n")


if __name__ == "__main__":
    main()
