"""The benchmark of disturbed images: as they are they score as the run does, and a curve's area is counted right."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from medseg.annotators.evaluation import evaluate_annotators
from medseg.annotators.simulation.samples import write_samples
from medseg.experiment.methods import load_config
from medseg.experiment.train import train

CONFIG = """
experiment: toy
recipe: fused
data: {{cohort: {cohort}, grid: {{mode: resize, size: [16, 16]}}, split: {{val: 0.2, test: 0.3}},
        augment: {{flip_axes: [0]}}}}
network: {{channels: [4, 8]}}
training: {{batch_size: 2, steps: {{warmup: 2, joint: 4}}, steps_per_epoch: 2, accelerator: cpu, selector_steps: 2}}
"""


@pytest.fixture
def disturbed(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("disturbed")


def test_the_area_under_the_curve_counts_pairs(disturbed: ModuleType) -> None:
    """Of 2 x 2 pairs the other is above in two, and level in one."""
    assert disturbed.auroc([1.0, 2.0], [2.0, 3.0]) == pytest.approx((2 + 1 + 0.5) / 4)
    assert disturbed.auroc([1.0, 2.0], [0.0]) == 0


def test_the_table_has_every_view_and_disturbance(
    tmp_path: Path, disturbed: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_samples(tmp_path / "cohort", seed=1, spatial_dims=2, size=24, cases=10, annotators=("good", "over"))
    (tmp_path / "x.yaml").write_text(CONFIG.format(cohort=tmp_path / "cohort"))
    run = tmp_path / "run"
    train(load_config(tmp_path / "x.yaml"), run, progress=False)
    monkeypatch.setattr(sys, "argv", ["disturbed.py", str(run), "--out", str(tmp_path / "out")])
    disturbed.main()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in capsys.readouterr().out.splitlines()]
    table = {row[0]: row[1:] for row in rows if len(row) > 1}
    assert {"none", "flips", "learned 1", "learned 2", "learned 4", "energy", "entropy"} <= set(table)
    assert table["view"][:-1] == list(disturbed.KINDS)
    as_it_is = disturbed.judged(evaluate_annotators(run, draw=False).scores)
    assert float(table["none"][0]) == pytest.approx(as_it_is, abs=1e-3)


def test_a_mask_is_turned_as_its_image_is(disturbed: ModuleType) -> None:
    image = np.zeros((31, 31))
    image[4:9, 12:18] = 1
    mask = disturbed.turned(image.astype(np.uint8), 0)
    seen = disturbed.turned(image, 1)
    assert ((seen > 0.5) == (mask == 1)).mean() > 0.99 and not mask[4:9, 12:18].all()
