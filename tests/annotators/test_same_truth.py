"""Recipes of one seed begin with the same truth; where no two labels differ the default learns that of soft_mean."""

from __future__ import annotations

from pathlib import Path

import torch

from medseg.annotators.simulation.samples import write_samples

from ..faults.tiny_runs import medseg

CONFIG = """
experiment: alone
recipe: {recipe}
data: {{cohort: {cohort}, labels_per_image: 1, grid: {{mode: resize, size: [48, 48]}}, split: {{val: 0.2, test: 0.2}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training:
  {{batch_size: 2, steps: {{warmup: 2, joint: 4}}, steps_per_epoch: 3, accelerator: cpu, learning_rate: 0.02,
    clip_norm: 0.1, dice_weight: 0}}
"""


def truth_of(cohort: Path, run: Path, recipe: str) -> dict[str, torch.Tensor]:
    """The weights of the true-label network after six steps."""
    path = run.with_suffix(".yaml")
    path.write_text(CONFIG.format(cohort=cohort, recipe=recipe))
    assert medseg("train", path, "--out", run) == (0, [])
    last = torch.load(run / "joint" / "last.ckpt", weights_only=True)["model"]
    return {name: weight for name, weight in last.items() if name.startswith("network.")}


def test_with_one_label_per_image_the_default_learns_the_truth_that_soft_mean_learns(tmp_path: Path) -> None:
    """Styles beside it change neither where it begins nor how large a step it takes; each weight moves by .1 or so."""
    cohort = write_samples(
        tmp_path / "cohort", seed=1, spatial_dims=2, size=48, cases=24, annotators=("good", "over", "under")
    )
    baseline, anchored, fused = (
        truth_of(cohort, tmp_path / recipe, recipe) for recipe in ("soft_mean", "anchored", "fused")
    )
    assert baseline.keys() == anchored.keys() == fused.keys()
    assert all(torch.equal(weight, baseline[name]) for name, weight in anchored.items())
    assert max((weight - baseline[name]).abs().max() for name, weight in fused.items()) < 0.02
