"""`medseg demo`: method one and its baselines on generated slices with a known truth, in a few minutes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from medseg.config import RunConfig, load_config
from medseg.data.samples import BIASED_RATERS, write_samples
from medseg.experiment.compare import compare_runs
from medseg.experiment.evaluate import evaluate
from medseg.experiment.train import train

RECIPES = ("shared_truth_global", "shared_truth_pixel", "soft_mean", "majority_vote", "staple", "oracle")

CONFIG = """\
experiment: demo
recipe: {recipe}
data:
  cohort: {cohort}
  split: {{val: 0.15, test: 0.3}}
  grid: {{mode: resize, size: [64, 64]}}
network: {{channels: [8, 16, 32, 64]}}
confusion: {{rate: 30}}
training:
  batch: 8
  epochs: {{warmup: 20, joint: 30}}
  learning_rate: 0.01
"""


def demo(out: Path, cases: int = 64, recipes: Sequence[str] = RECIPES) -> str:
    """Write the cohort, train and evaluate each recipe, draw the pictures; return the table.

    Raises Refused where ``out`` already holds a demo's cohort or runs.
    """
    torch.set_num_threads(1)  # networks this small gain nothing from a second thread, and lose much beside other work
    cohort = write_samples(out / "cohort", seed=0, spatial_dims=2, size=64, cases=cases, raters=BIASED_RATERS)
    runs = []
    for recipe in recipes:
        run = out / recipe
        print(f"training {recipe}", flush=True)
        train(_config(out, cohort, recipe), run, progress=sys.stderr.isatty())
        evaluate(run, draw=not runs)
        runs.append(run)
    table = compare_runs(runs, "soft_mean", out / "comparison.csv", details=False)
    return f"\n{table}\n\nall metrics: medseg compare {' '.join(map(str, runs))}\npictures: {runs[0]}/report/index.html"


def _config(out: Path, cohort: Path, recipe: str) -> RunConfig:
    path = out / f"{recipe}.yaml"
    path.write_text(CONFIG.format(recipe=recipe, cohort=cohort))
    return load_config(path)
