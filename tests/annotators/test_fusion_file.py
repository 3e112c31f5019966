"""A fusion in a run folder: read as it was written, and what is said of a truth in the middle."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from medseg.annotators.config import RunConfig
from medseg.annotators.fitting import fit_fusion, fit_mean_shape
from medseg.annotators.fusion import Fusion
from medseg.annotators.fusion_file import read_fusion, write_fusion
from medseg.annotators.report import truth_table
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Refused
from medseg.experiment.methods import load_config
from medseg.experiment.train import doubts, train

DISC = np.hypot(*np.mgrid[-10:11, -10:11])
CASES = [np.stack([r + 2 > DISC, r - 2 > DISC]).astype(int) for r in (5, 6)]


def test_a_fusion_is_read_as_it_was_written(tmp_path: Path):
    fusion = fit_fusion(CASES, 2)
    write_fusion(tmp_path / "fusion.json", fusion)
    again = read_fusion(tmp_path / "fusion.json")
    assert again is not None
    for name, array in fusion.arrays().items():
        np.testing.assert_array_equal(again.arrays()[name], array)
    (tmp_path / "fusion.json").write_text('{"edges": [1.0], "log_confusion": [[[[0.0]]]]}')
    assert read_fusion(tmp_path / "fusion.json") is None  # of an earlier version, without a prior
    (tmp_path / "fusion.json").write_text('{"edges": [1.0], "log_confusion": [[[[0.0]]]], "log_prior": [[0.0]]}')
    with pytest.raises(Refused, match=r"fusion.json: expected what training writes"):
        read_fusion(tmp_path / "fusion.json")


@pytest.mark.parametrize("fusion", [fit_fusion(CASES, 2), fit_mean_shape(CASES, 2, reach=2.0)])
def test_one_of_before_there_was_a_reach_is_read_too(fusion: Fusion):
    arrays = {name: array for name, array in fusion.arrays().items() if name not in ("reach", "told")}
    assert Fusion.of(arrays).reach == 0 and np.isnan(Fusion.of(arrays).told)
    assert Fusion.of(fusion.arrays()).reach == fusion.reach


@pytest.mark.parametrize("recipe", ["fused", "soft_mean"])
def test_a_truth_in_the_middle_is_said_at_the_end_of_training_and_in_the_report(tmp_path: Path, recipe: str):
    """Of a run whose labels' truth it is: soft_mean has its fusion for what is told of the annotators alone."""
    names = ("over:2", "under:1.5", "fractured_over")
    write_samples(tmp_path / "cohort", seed=0, spatial_dims=2, size=48, cases=48, annotators=names)
    (tmp_path / "run.yaml").write_text(
        f"""\
experiment: middle
recipe: {recipe}
data: {{cohort: {tmp_path}/cohort, split: {{val: 0.2, test: 0.25}}, grid: {{mode: resize, size: [48, 48]}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training: {{batch_size: 4, steps: {{warmup: 1, joint: 1}}}}
"""
    )
    config = load_config(tmp_path / "run.yaml")
    assert isinstance(config, RunConfig)
    train(config, tmp_path / "run", progress=False)
    fusion = read_fusion(tmp_path / "run" / "fusion.json")
    assert fusion is not None and fusion.reach > 0
    said = [line for line in doubts(config, tmp_path / "run") if line.startswith("nobody is seen to be right")]
    assert said == [] if recipe == "soft_mean" else f"images tell {fusion.told:.2f} nats" in said[0]
    table = truth_table(tmp_path / "run")
    assert table is not None and table.rows[0][0].startswith("the mean shape")
    write_fusion(tmp_path / "run" / "fusion.json", replace(fusion, reach=0.0, heard=0.7))
    others = ("nobody is seen", "labels tell little")
    assert not any(line.startswith(others) for line in doubts(config, tmp_path / "run"))
    write_fusion(tmp_path / "run" / "fusion.json", replace(fusion, reach=0.0, heard=0.59))
    said = [line for line in doubts(config, tmp_path / "run") if line.startswith(others)]
    assert said == [] if recipe == "soft_mean" else said[0].startswith("labels tell little of the truth: 0.59 nats")
