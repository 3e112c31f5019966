"""A tiny run of three annotators, trained once."""

from __future__ import annotations

from pathlib import Path

import pytest

from medseg.annotators.simulation.samples import write_samples
from medseg.experiment.methods import load_config
from medseg.experiment.train import train

CONFIG = """\
experiment: diagnosed
recipe: fused
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.3}}, grid: {{mode: resize, size: [24, 24]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 2, steps: {{warmup: 1, joint: 1}}, accelerator: cpu}}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("diagnosed")
    write_samples(root / "cohort", seed=1, spatial_dims=2, size=32, cases=10, annotators=("good", "over:2", "blank"))
    (root / "run.yaml").write_text(CONFIG.format(cohort=root / "cohort"))
    train(load_config(root / "run.yaml"), root / "run", progress=False)
    return root / "run"
