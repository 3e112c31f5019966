"""How novel an image looks: the three numbers by hand, and of an image of several windows."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import torch

from medseg.annotators.mathematics.trunks import TruthOutput
from medseg.annotators.predicting.novelty import _maps
from medseg.images import read_channels

from ...faults.tiny_runs import medseg
from .test_predictor import run_folder, volume


def said(*logits: float) -> TruthOutput:
    """Of one voxel of one image."""
    tensor = torch.tensor(logits).view(1, -1, 1, 1)
    return TruthOutput(log_probs=tensor.log_softmax(dim=1), features=tensor, log_density=tensor.logsumexp(dim=1))


def test_the_numbers_of_a_voxel_equal_those_by_hand() -> None:
    """p = 1/4, 3/4; the sum of the exponentials is 4."""
    energy, entropy, most = _maps([said(0, math.log(3))]).flatten().tolist()
    assert energy == pytest.approx(-math.log(4))
    assert entropy == pytest.approx(-0.25 * math.log(0.25) - 0.75 * math.log(0.75))
    assert most == pytest.approx(0.75)


def test_of_two_networks_energy_and_probabilities_are_the_mean() -> None:
    """p = 1/4, 3/4 and 3/4, 1/4: 1/2, 1/2 together; energies -log 4 and -log 8."""
    energy, entropy, most = _maps([said(0, math.log(3)), said(math.log(6), math.log(2))]).flatten().tolist()
    assert energy == pytest.approx(-(math.log(4) + math.log(8)) / 2)
    assert (entropy, most) == (pytest.approx(math.log(2)), pytest.approx(0.5))


@pytest.mark.parametrize("further", [(), ("--no-annotators",), ("--samples", 2)])
def test_the_table_agrees_with_the_maps_beside_it(tmp_path: Path, further: tuple[str | int, ...]) -> None:
    images, out = tmp_path / "images", tmp_path / "out"
    images.mkdir()
    for number in range(2):
        nib.save(nib.Nifti1Image(volume(number).array[0], np.eye(4)), images / f"c{number}.nii.gz")
    run = run_folder(tmp_path / "run")
    assert medseg("predict", run, "--images", images, "--out", out, "--novelty", *further)[0] == 0
    with (out / "novelty.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["case"] for row in rows] == ["c0", "c1"]
    assert rows[0]["energy"] != rows[1]["energy"]
    for row in rows:
        entropy = read_channels([out / "entropy" / f"{row['case']}.nii.gz"]).array
        assert float(row["entropy"]) == pytest.approx(float(entropy.mean()), rel=1e-4)
    assert (out / "samples.csv").exists() == ("--samples" in further)
