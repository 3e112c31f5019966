"""The benchmark of a step runs every one of its variants, as the loop would."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "step.py"


def test_every_variant_makes_its_steps(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = importlib.util.spec_from_file_location("step_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    step = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(step)
    monkeypatch.setattr(step, "SIDE", 32)
    step.measure(2, 2, 2)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    measured = {row[0]: row for row in rows if row and row[0] in step.VARIANTS}
    assert measured.keys() == step.VARIANTS.keys()
    assert measured["soft_mean"][1] == "1.00" and float(measured["soft_mean"][-1]) == 0
    assert all(float(row[1]) > 0 and float(row[-2]) > 0 for row in measured.values())
