"""benchmarks/alarms.py: which runs have drifted, and how well a figure tells them from sound ones."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import alarms

from .reporting.conftest import make_run

__all__ = ["make_run"]
OF_ANNOTATORS = {"ann": 0.9, "ben": 0.0, "cid": 0.8}


def run_of(make_run: Callable[..., Path], recipe: str, *, judged: float, fused: float, area: float) -> Path:
    run = make_run(
        [
            ("c1", "", "cell", "truth_dice", judged, "1"),
            ("c1", "", "cell", "vote_dice", 0.8, "1"),
            ("c1", "", "", "fused_dice", fused, "1"),
            ("c1", "", "", "fused_area_ratio", area, "1"),
            *(("c1", name, "", "annotator_fused_dice", value, "1") for name, value in OF_ANNOTATORS.items()),
        ],
        recipe=recipe,
    )
    (run / "report" / "alarms.txt").write_text("it has drifted\n" if fused < 0.6 else "")
    return run


def test_a_run_has_drifted_where_another_recipe_of_its_kind_is_clearly_better(make_run) -> None:
    runs = [
        run_of(make_run, "fused", judged=0.9, fused=0.88, area=1.0),
        run_of(make_run, "soft_mean", judged=0.86, fused=0.8, area=1.1),
        run_of(make_run, "anchored", judged=0.7, fused=0.5, area=0.9),
    ]
    table = alarms.table_of_runs(runs)
    assert table["drifted"].tolist() == [False, False, True]
    assert table["rings"].tolist() == [0, 0, 1]
    assert table["agreement"].tolist() == pytest.approx([0.88 / 0.8, 1, 0.5 / 0.8])
    assert alarms.auroc(table) == {"agreement": 1, "area": 1, "vote": 0.5}
    assert all(value != value for value in alarms.auroc(table.loc[~table["drifted"]]).values())
