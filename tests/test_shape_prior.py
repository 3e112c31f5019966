"""The benchmark of the prior by pixels: what it lays in the place of an object, and how alike it calls two shapes."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from .amodal.completion.conftest import crossed

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "shape_prior.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("shape_prior", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_unlike_shapes_are_as_large_as_the_objects_in_whose_place_they_stand(script: ModuleType) -> None:
    rod = replace(crossed(), visible=np.ones((6, 40), bool), amodal=np.ones((6, 40), bool))
    square = replace(rod, visible=np.ones((16, 16), bool), amodal=np.ones((16, 16), bool))
    disc = np.hypot(*np.indices((21, 21)) - 10) <= 10
    made = dict(script.unlike([rod, square], {"discs": [disc]}))
    assert [*made] == ["discs", "blob", "union of two", "half"]
    for name, shapes in made.items():
        for like, shape in zip((rod, square), shapes, strict=True):
            share = shape.visible.sum() / like.visible.sum()
            assert share == pytest.approx(0.5 if name == "half" else 1, abs=0.15), (name, share)
            assert shape.amodal is shape.visible and not shape.occluder.any() and shape.name == like.name


def test_two_shapes_are_as_alike_as_their_iou_says(script: ModuleType) -> None:
    some = torch.tensor([[1.0, 1, 0, 0], [0, 0, 0, 0]])[:, None]
    others = torch.tensor([[1.0, 0, 0, 0], [1, 1, 0, 0], [0, 1, 1, 1]])[:, None]
    assert script._ious(some, others).tolist() == pytest.approx(np.array([[1 / 2, 1, 1 / 4], [0, 0, 0]]))
