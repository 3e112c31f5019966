"""`import medseg`: some twenty names, imported when they are used, each with a docstring and an example that runs."""

from __future__ import annotations

import ast
import doctest
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
import torch

import medseg
from medseg.experiment.compare import compare_runs

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "python.md"
VERBS = {"index", "load_cohort", "check", "train", "predict", "evaluate", "compare", "complete_map"}
FOR_OTHER_LOOPS = {"GlobalConfusion", "PixelConfusion", "AnnotatorLikelihoodLoss", "simulate_annotator"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder that the page leaves: cohorts, configs and tiny runs; the working directory while examples run."""
    before, threads = Path.cwd(), torch.get_num_threads()
    folder = tmp_path_factory.mktemp("world")
    os.chdir(folder)
    torch.set_num_threads(1)
    found = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")
    assert found.attempted > 50 and found.failed == 0
    yield folder
    os.chdir(before)
    torch.set_num_threads(threads)


def run_python(code: str) -> str:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    ).stdout


def test_the_names_are_those_of_the_stub_and_each_is_there() -> None:
    stub = ast.parse((ROOT / "medseg" / "__init__.pyi").read_text())
    listed = {alias.name for node in ast.walk(stub) if isinstance(node, ast.ImportFrom) for alias in node.names}
    assert listed == set(medseg.__all__) == set(dir(medseg))
    assert listed > VERBS | FOR_OTHER_LOOPS and 20 <= len(listed) <= 30
    for name in sorted(listed):
        assert getattr(medseg, name) is not None
    assert re.fullmatch(r"\d+\.\d+\.\d+", medseg.__version__)


def test_importing_is_light_and_a_mistake_in_a_config_needs_no_torch(tmp_path: Path) -> None:
    heavy = "[name for name in ('torch', 'monai', 'numpy', 'pandas', 'pydantic') if name in sys.modules]"
    assert run_python(f"import sys, medseg; dir(medseg); print({heavy})") == "[]\n"
    config = tmp_path / "walk.yaml"
    config.write_text("recipe: shared_truth_pixle\n")
    tried = (
        f"import sys, medseg\ntry: medseg.train({str(config)!r})\nexcept medseg.Refused as refused: print(refused)\n"
    )
    said = run_python(f"{tried}print('torch' in sys.modules)")
    assert "did you mean shared_truth_pixel?" in said and said.endswith("False\n")


@pytest.mark.parametrize("name", sorted(medseg.__all__))
def test_every_name_is_explained_and_shown(name: str, world: Path) -> None:
    thing = getattr(medseg, name)
    examples = [example.source for example in doctest.DocTestParser().get_examples(PAGE.read_text())]
    assert any(re.search(rf"\bmedseg\.{name}\b", source) for source in examples)
    if not callable(thing):  # a table has its words in its module
        return
    assert thing.__doc__ and len(thing.__doc__.split()) > 5
    assert ">>>" in thing.__doc__
    runner = doctest.DocTestRunner()
    for test in doctest.DocTestFinder().find(thing, name, globs={**sys.modules[thing.__module__].__dict__}):
        assert runner.run(test).failed == 0


def test_compare_is_the_command_as_a_frame(world: Path, tmp_path: Path) -> None:
    runs = [world / "runs" / "pixel", world / "runs" / "soft_mean"]
    compare_runs(runs, "soft_mean", tmp_path / "table.csv")
    ours, theirs = medseg.compare(runs, "soft_mean"), pd.read_csv(tmp_path / "table.csv")
    pd.testing.assert_frame_equal(ours, theirs, check_dtype=False)
    with pytest.raises(medseg.Refused, match="reference: expected one of shared_truth_pixel, soft_mean, got oracle"):
        medseg.compare(runs, reference="oracle")
    with pytest.raises(medseg.Refused, match=r"run folder: expected scores.csv \(medseg.evaluate\), got none"):
        medseg.compare([world / "cells"])


def test_a_run_goes_where_the_command_puts_it(world: Path) -> None:
    run = medseg.train("cells.yaml", ["recipe=soft_mean", "seed=5", "training.steps.joint=2"])
    assert run == Path("runs/cells/soft_mean-seed5") and (world / run / "weights.pt").is_file()
    with pytest.raises(medseg.Refused, match="run folder"):
        medseg.train("cells.yaml", ["recipe=soft_mean", "seed=5"])
    assert medseg.train("cells.yaml", ["recipe=soft_mean", "seed=5"], resume=True) == run
