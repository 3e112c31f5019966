"""benchmarks/results.py finds its figures on the page, and tells one that has moved."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "results.py"


@pytest.fixture(scope="module")
def results() -> ModuleType:
    spec = importlib.util.spec_from_file_location("results_benchmark", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look their annotations up
    spec.loader.exec_module(module)
    return module


def test_every_figure_is_on_the_page(results: ModuleType) -> None:
    page = results.PAGE.read_text("utf-8")
    assert all(0 <= results.stated(figure, page) <= 2 for figure in results.FIGURES)
    assert {figure.command for figure in results.FIGURES} == set(results.COMMANDS)


def test_a_number_is_found_by_heading_row_and_column(results: ModuleType) -> None:
    first = "# A\n| recipe | x |\n| --- | --- |\n| s | 1 |\n\n"
    page = first + "## B\n\n| recipe | y | x |\n| --- | --- | --- |\n| s | 2 | **.5** (3) |\n"
    figure = results._figures("demo", "t.csv", "B", {"m": "x"}, {"s": 0.1})[0]
    assert results.stated(figure, page) == 0.5
    with pytest.raises(LookupError, match="no number in row s, column z"):
        results.stated(results._figures("demo", "t.csv", "B", {"m": "z"}, {"s": 0.1})[0], page)


@pytest.mark.parametrize(("found", "far"), [(0.52, 0), (0.58, 0), (0.62, 1)])
def test_what_is_further_away_than_its_tolerance_is_counted(
    results: ModuleType, found: float, far: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(words: list[str], **_: object) -> None:
        out = Path(words[-1])
        out.mkdir()
        pd.DataFrame([{"metric": "m", "recipe": "s", "mean": found}]).to_csv(out / "t.csv")

    monkeypatch.setattr(results.subprocess, "run", run)
    monkeypatch.setattr(results, "FIGURES", results._figures("demo", "t.csv", "B", {"m": "x"}, {"s": 0.1}))
    assert results.check(["demo"], "## B\n\n| recipe | x |\n| --- | --- |\n| s | .5 |\n") == far
    assert ("differs by more than 0.1" in capsys.readouterr().out) == bool(far)
