"""`medseg demo`: both methods and what they are measured against, on generated data with a known truth, in minutes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from medseg.amodal import write_shapes
from medseg.annotators import BIASED_ANNOTATORS, write_samples
from medseg.contracts import watched
from medseg.experiment.compare import compare_runs
from medseg.experiment.evaluate import evaluate_run
from medseg.experiment.methods import load_config
from medseg.experiment.train import train

ANNOTATORS = ("fused", "shared_truth_global", "soft_mean", "majority_vote", "staple", "oracle")
AMODAL = ("three_stages", "pcnet")

ANNOTATORS_CONFIG = """\
experiment: demo
recipe: {recipe}
data:
  cohort: {cohort}
  split: {{val: 0.15, test: 0.3}}
  grid: {{mode: resize, size: [64, 64]}}
network: {{channels: [8, 16, 32, 64]}}
confusion: {{lr_factor: 30}}
training:
  batch_size: 8
  steps: {{warmup: 100, joint: 150}}
  learning_rate: 0.01
"""

AMODAL_CONFIG = """\
experiment: demo
recipe: {recipe}
data:
  cohort: {cohort}
  split: {{val: 0.15, test: 0.25}}
  frame: {{size: [48, 48], spacing: 1.0}}
  occlusion: {{occluded: [0.05, 0.5]}}
network: {{channels: [16, 32, 32], coarse: 16}}
objective: {{warmup: 3}}
training:
  batch_size: 16
  epochs: {{complete: 10, occluded: 18, visible: 2}}
  learning_rate: 0.005
"""


def demo(out: Path, cases: int = 64, maps: int = 60) -> str:
    """Write both cohorts, train and evaluate each recipe, draw the pictures; return the tables.

    cases: images of method one. maps: label maps of method two.
    Raises Refused where ``out`` already holds a demo's cohorts or runs.
    """
    torch.set_num_threads(1)  # networks this small gain nothing from a second thread, and lose much beside other work
    write_samples(out / "cohort", seed=0, spatial_dims=2, size=64, cases=cases, annotators=BIASED_ANNOTATORS)
    annotators = _shown(out, ANNOTATORS_CONFIG, ANNOTATORS, "soft_mean")
    write_shapes(out / "amodal" / "cohort", seed=0, spatial_dims=2, cases=maps, size=128)
    amodal = _shown(out / "amodal", AMODAL_CONFIG, AMODAL, "three_stages")
    titles = ("Method one: the truth behind several annotators", "Method two: what an occluder hides")
    return "\n\n".join(["", titles[0], annotators, titles[1], amodal])


def _shown(out: Path, text: str, recipes: Sequence[str], reference: str) -> str:
    """Train and evaluate every recipe on the cohort below ``out``; the table, and where the pictures are."""
    runs = []
    for recipe in watched(recipes, f"{out.name}: recipes", len(recipes)):
        print(f"training {recipe}", file=sys.stderr, flush=True)
        path, run = out / f"{recipe}.yaml", out / recipe
        path.write_text(text.format(recipe=recipe, cohort=out / "cohort"))
        train(load_config(path), run, progress=sys.stderr.isatty())
        evaluate_run(run, draw=not runs)
        runs.append(run)
    table = compare_runs(runs, reference, out / "comparison.csv", details=False)
    return f"{table}\n\nall metrics: medseg compare {' '.join(map(str, runs))}\npictures: {runs[0]}/report/index.html"
