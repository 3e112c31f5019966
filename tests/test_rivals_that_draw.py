"""benchmarks/rivals_that_draw.py: every member of an ensemble is a draw, and what is printed are means by kind."""

from __future__ import annotations

import importlib
import math
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from medseg.amodal.completion.calibration import Calibration
from medseg.amodal.completion.completer import Completer
from medseg.contracts import ObjectRules

from .amodal.completion.conftest import completer, crossed

RULES = ObjectRules(smallest_occluded=9)
"""Of the rod 3 x 4 pixels are hidden: an overlap."""


class Says(nn.Module):
    """The same probability everywhere."""

    def __init__(self, prob: float) -> None:
        super().__init__()
        self.logit = math.log(prob / (1 - prob))

    def forward(self, visible: Tensor, occluder: Tensor, class_index: Tensor) -> Tensor:
        return torch.full_like(visible, self.logit)


@pytest.fixture
def rivals(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(Path(__file__).parents[1] / "benchmarks")
    return importlib.import_module("rivals_that_draw")


def saying(*probs: float) -> list[Completer]:
    return [replace(completer(), model=Says(prob), calibration=Calibration(shift=2.0)) for prob in probs]


def test_an_ensemble_answers_by_its_mean_and_its_members_are_the_draws(rivals: ModuleType):
    amodal_object = crossed()
    (answer,) = rivals.Ensemble.of(saying(0.9, 0.1)).answers([amodal_object], 4)
    found, behind = answer.completion, amodal_object.occluder & ~amodal_object.visible
    np.testing.assert_allclose(found.probs[behind], 0.5, atol=1e-6)
    # cut at 1/2, .88, .26 and .65: the sure one is above each of its two levels, the other below
    assert [bool(sample[behind].all()) for sample in found.samples] == [True, False, True, False]
    assert [bool(sample[behind].any()) for sample in found.samples] == [True, False, True, False]
    assert rivals.Ensemble.of(saying(0.9, 0.1)).answers([amodal_object], 0)[0].completion.samples.shape[0] == 0


def test_the_means_are_those_of_each_kind_of_object(rivals: ModuleType):
    hidden = crossed()
    touching = replace(hidden, amodal=hidden.visible)
    answers = rivals.Ensemble.of(saying(0.001)).answers([hidden, touching], 10)
    rows = {kind: (count, dict(zip(rivals.COLUMNS, values, strict=True))) for kind, count, values in
            rivals.means([hidden, touching], answers, RULES)}  # fmt: skip
    assert {kind: count for kind, (count, _) in rows.items()} == {"all": 2, "overlap": 1, "contact": 1}
    # nothing is added: 24 of 36 pixels of the one, all of the other
    assert [rows[kind][1]["amodal_iou"] for kind in rivals.KINDS] == pytest.approx([5 / 6, 2 / 3, 1])
    assert rows["all"][1]["best_of_10_iou"] == 0 and math.isnan(rows["contact"][1]["best_of_10_iou"])
    assert [rows[kind][1]["covered_90"] for kind in rivals.KINDS] == [0.5, 0, 1]
