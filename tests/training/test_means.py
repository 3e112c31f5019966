from __future__ import annotations

import math

import torch
from lightning_fabric import Fabric

from medseg.training.means import Means

FABRIC = Fabric(accelerator="cpu", devices=1)


def test_a_mean_is_weighted_by_the_cases_of_each_batch() -> None:
    means = Means()
    means.add({"nll": torch.tensor(1.0)}, 4)
    means.add({"nll": torch.tensor(4.0)}, 1)
    assert means.compute(FABRIC, ["nll"]) == {"nll": (4 * 1.0 + 1 * 4.0) / 5}


def test_without_a_case_there_is_no_number() -> None:
    assert math.isnan(Means().compute(FABRIC, ["nll"])["nll"])


def test_means_go_on_after_a_resume() -> None:
    means = Means.resumed({"nll": 8.0}, 5, FABRIC)
    means.add({"nll": torch.tensor(2.0)}, 3)
    assert means.compute(FABRIC, ["nll"]) == {"nll": 14 / 8}


def test_a_figure_keeps_no_graph_alive() -> None:
    means = Means()
    means.add({"loss": torch.ones((), requires_grad=True) * 2}, 1)
    assert not means.sums["loss"].requires_grad
