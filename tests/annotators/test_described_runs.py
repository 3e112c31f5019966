"""Whole runs of cohorts that say something of people: what they learn, resumed bit by bit; where nothing changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from medseg.annotators.simulation.samples import write_samples
from medseg.training.checkpoint import load_weights

from ..faults.tiny_runs import medseg

CONFIG = """
experiment: told
recipe: {recipe}
data: {{cohort: {cohort}, grid: {{mode: resize, size: [16, 16]}}, split: {{val: 0.2, test: 0.2}}}}
network: {{channels: [4, 8], features: 4, residual_units: 1}}
training:
  {{batch_size: 2, steps: {{warmup: 2, joint: 4}}, steps_per_epoch: 3, accelerator: cpu, checkpoint_every: 1,
    learning_rate: 0.02}}
"""
PEOPLE = "people: {good: {experience: 12, tool: pen}, over: {experience: 1}}\n"


@pytest.fixture(scope="module")
def silent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A cohort of three annotators of whom nothing is said."""
    root = tmp_path_factory.mktemp("silent") / "cohort"
    return write_samples(root, seed=1, spatial_dims=2, size=16, cases=8, annotators=("good", "over", "under"))


@pytest.fixture(scope="module")
def told(silent: Path) -> Path:
    """The same, and something is said of two."""
    root = shutil.copytree(silent, silent.parent / "told" / "cohort")
    with (root / "cohort.yaml").open("a") as file:
        file.write(PEOPLE)
    return root


def train(cohort: Path, run: Path, *words: str, recipe: str = "fused") -> dict[str, torch.Tensor]:
    """The weights that are left."""
    path = run.with_suffix(".yaml")
    path.write_text(CONFIG.format(cohort=cohort, recipe=recipe))
    assert medseg("train", path, *words, "--out", run) == (0, [])
    return load_weights(run / "weights.pt")


@pytest.fixture(scope="module")
def whole(told: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("whole") / "run"
    train(told, run)
    return run


def test_a_run_learns_by_what_is_said_and_is_evaluated_and_predicts(whole: Path, told: Path, undrawn: None) -> None:
    weights = load_weights(whole / "weights.pt")
    assert weights["confusion.said"].tolist() == [[1, 0], [-1, 0], [0, 0]]  # all of whom it is said have a pen
    moved = weights["confusion.said_weight"]
    assert moved[:, 0].abs().min() > 0 and not moved[:, 1].any()
    assert json.loads((whole / "model.json").read_text())["described"]["words"] == {"tool": {"pen": 1.0}}
    assert medseg("evaluate", whole) == (0, [])
    out = whole.parent / "maps"
    assert medseg("predict", whole, "--images", told / "images", "--out", out, "--as", "new: {experience: 4}") == (
        0,
        [],
    )
    assert {path.name for path in (out / "annotators").iterdir()} == {"good", "over", "under", "new"}


def test_a_run_that_was_stopped_leaves_out_whom_it_would_have_left_out(whole: Path, tmp_path: Path) -> None:
    """As killed in the middle of the second epoch."""
    stopped = shutil.copytree(whole, tmp_path / "run")
    for name in ("weights.pt", "joint/last.ckpt"):
        (stopped / name).unlink()
    first = torch.load(stopped / "joint/previous.ckpt")
    assert first["position"]["global_step"] == 5
    assert medseg("train", stopped / "config.yaml", "--out", stopped, "--resume") == (0, [])
    torch.testing.assert_close(load_weights(stopped / "weights.pt"), load_weights(whole / "weights.pt"), rtol=0, atol=0)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [("anchored", ()), ("fused", ("data.annotators=[under]",))],
)
def test_where_it_is_of_no_use_every_bit_is_as_if_nothing_was_said(
    recipe: str, words: tuple[str, ...], silent: Path, told: Path, tmp_path: Path
) -> None:
    """Recipes without styles, and runs of annotators of whom nothing is said."""
    found, expected = (train(each, tmp_path / each.parent.name, *words, recipe=recipe) for each in (told, silent))
    assert found.keys() == expected.keys()
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    contents = [json.loads((tmp_path / each.parent.name / "model.json").read_text()) for each in (told, silent)]
    assert contents[0] == contents[1] and "described" not in contents[0]
