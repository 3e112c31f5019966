"""A third method is one new folder and one row: the verbs check, train, evaluate, predict and compare run it."""

from __future__ import annotations

import csv
import importlib.util
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from medseg.__main__ import app
from medseg.contracts import Volume
from medseg.experiment.methods import METHODS
from medseg.images.files import read_labels, write_labels

CONFIG = """\
experiment: third
recipe: threshold
data: {{cohort: {cohort}, split: {{val: 0.2, test: 0.25}}}}
training: {{epochs: 40, learning_rate: 0.05, schedule: constant, ema_decay: null}}
"""


@pytest.fixture
def third(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The row, and its folder where Python finds it."""
    spec = importlib.util.spec_from_file_location("threshold_method", Path(__file__).parent / "threshold" / "method.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "threshold_method", module)
    spec.loader.exec_module(module)
    monkeypatch.setitem(METHODS, "threshold", "threshold_method")
    yield


def bright_squares(root: Path) -> Path:
    """Eight images: background around 10, a square around 50."""
    for number in range(8):
        rng = np.random.default_rng(number)
        mask = np.zeros((16, 16), np.uint8)
        mask[4:10, 3 : 9 + number % 3] = 1
        image = (10 + 40 * mask + rng.integers(-3, 4, mask.shape)).astype(np.uint8)
        for folder, array in (("images", image), ("annotations/ann", mask)):
            write_labels(root / folder / f"c{number}.png", Volume(array=array, affine=np.eye(4), spacing_mm=None))
    return root


def test_the_verbs_run_a_third_method(third: None, tmp_path: Path) -> None:
    folder, run = bright_squares(tmp_path / "cohort"), tmp_path / "run"
    config = tmp_path / "third.yaml"
    config.write_text(CONFIG.format(cohort=folder))

    def medseg(*words: object) -> str:
        done = CliRunner().invoke(app, [str(word) for word in words])
        assert done.exit_code == 0, done.output
        return done.output

    medseg("index", folder)
    assert "no errors" in medseg("check", folder)
    medseg("train", config, "--out", run)
    assert json.loads((run / "model.json").read_text()) == {"value": 1, "version": 1}
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert rows[-1]["best/cross_entropy"] < rows[0]["val/cross_entropy"]
    assert "truth_dice" in medseg("evaluate", run)
    with (run / "scores.csv").open() as file:
        scores = list(csv.DictReader(file))
    assert [float(row["value"]) for row in scores if row["metric"] == "truth_dice"] == [1.0, 1.0]
    page = run / "report" / "index.html"
    assert "the number that was learned" in page.read_text()
    page.unlink()
    assert medseg("report", run) == f"page: {page}\n" and "the number that was learned" in page.read_text()
    assert "8 cases" in medseg("predict", run, "--images", folder / "images", "--out", tmp_path / "maps")
    drawn = read_labels(folder / "annotations/ann/c3.png").array
    assert (read_labels(tmp_path / "maps/truth/c3.png").array == drawn).all()
    table = medseg("compare", run)
    assert "threshold" in table and "a third method says" in table


def test_a_typo_in_its_recipe_names_the_recipes_of_all_methods(third: None, tmp_path: Path) -> None:
    config = tmp_path / "third.yaml"
    config.write_text(CONFIG.format(cohort="none").replace("recipe: threshold", "recipe: treshold"))
    done = CliRunner().invoke(app, ["train", str(config)])
    assert done.exit_code == 1
    assert "three_stages, without_complete" in done.output and "did you mean threshold?" in done.output
