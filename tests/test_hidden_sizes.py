"""The benchmark that lays how much training hides beside how much is really hidden."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from medseg.amodal.shapes import write_shapes

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"
CONFIG = """\
experiment: sizes
recipe: pcnet
data:
  cohort: {cohort}
  split: {{val: 0.25, test: 0.25}}
  frame: {{size: [32, 32], spacing: 2.0}}
"""


def test_drawn_objects_stand_beside_the_really_occluded_ones_and_no_test_case_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)
    table = importlib.import_module("hidden_sizes").sizes_table
    cohort = write_shapes(tmp_path / "cohort", seed=3, spatial_dims=2, cases=4, size=80)
    (tmp_path / "sizes.yaml").write_text(CONFIG.format(cohort=cohort))

    def row(*overrides: str) -> dict[str, list[float]]:
        lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table(tmp_path / "sizes.yaml", overrides)]
        assert lines[0][2:5] == ["0", "1 to 2", "3 to 5"] and lines[0][-1] == "120 or more"
        return {name: [float(cell) for cell in cells] for name, *cells in lines[2:]}

    found = row("data.occlusion.nothing=0", "data.occlusion.touching=0")
    assert [*found] == ["train, really", "val, really", "train, drawn"] and all(
        cells[0] > 0 for cells in found.values()
    )
    assert all(sum(cells[1:]) == pytest.approx(100, abs=5) for cells in found.values())
    assert found["train, drawn"][1] == 0  # whatever was drawn hides something
    alone = ("data.occlusion.another=0", "data.occlusion.strangers=0")
    assert row("data.occlusion.touching=1", *alone)["train, drawn"][1] == 100
