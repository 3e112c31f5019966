"""What a run may learn beside its recipe, by the commands: the energy of images, changes at test time, averages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import yaml

from medseg.annotators.simulation.samples import write_samples
from medseg.training.checkpoint import load_weights

from ..faults.tiny_runs import medseg

CONFIG = """
experiment: toy
recipe: {recipe}
data: {{cohort: {cohort}, grid: {{mode: patch, size: {size}}}, split: {{val: 0.2, test: 0.2}}}}
network: {{channels: [4, 8]}}
training: {{batch_size: 2, steps: {{warmup: 2, joint: 4}}, steps_per_epoch: 2, accelerator: cpu}}
"""
FURTHER = (
    "training.energy={weight: 0.1, chain: 2, buffer: 6}",
    "training.selector_steps=4",
    "training.average=periodic",
)


def config(folder: Path, recipe: str = "fused", dims: int = 2) -> Path:
    write_samples(folder / "cohort", seed=1, spatial_dims=dims, size=24, cases=8, annotators=("good", "over"))
    path = folder / f"{recipe}.yaml"
    path.write_text(CONFIG.format(cohort=folder / "cohort", recipe=recipe, size=[16] * dims))
    return path


@pytest.mark.parametrize(("recipe", "dims"), [("fused", 2), ("fused", 3), ("shared_truth_pixel", 2), ("soft_mean", 2)])
def test_a_run_with_all_of_it_trains_evaluates_and_predicts(
    tmp_path: Path, recipe: str, dims: int, undrawn: None
) -> None:
    run, out = tmp_path / "run", tmp_path / "out"
    assert medseg("train", config(tmp_path, recipe, dims), *FURTHER, "--out", run) == (0, [])
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    stages = list(dict.fromkeys(row["stage"] for row in rows))
    before = "styles" if recipe == "fused" else "joint"
    assert stages[-2:] == [before, "selector"]
    assert all("val/energy" in row for row in rows if row["stage"] in ("warmup", "joint"))
    weights = load_weights(run / "weights.pt")
    assert weights["replay.images"].shape == (6, 1, *[16] * dims)
    last, selector = (torch.load(run / stage / "last.ckpt")["model"] for stage in (before, "selector"))
    best = torch.load(run / before / "best.ckpt")
    moved = {name.split(".")[0] for name in best if not torch.equal(best[name], selector[name])}
    assert moved == {"selector"} and set(last) == set(best)  # all else stays as the stage before left it
    values = yaml.safe_load((run / "config.yaml").read_text())
    values["inference"]["learned"] = 2
    (run / "config.yaml").write_text(yaml.safe_dump(values))
    assert medseg("evaluate", run) == (0, [])
    words = ("predict", run, "--images", tmp_path / "cohort" / "images", "--out", out, "--learned", 3, "--novelty")
    assert medseg(*words) == (0, [])


def test_a_run_that_was_stopped_goes_on_with_the_images_that_it_had_made_up(tmp_path: Path) -> None:
    path, words = (
        config(tmp_path),
        ("training.energy={weight: 0.1, chain: 2, buffer: 6}", "training.checkpoint_every=1"),
    )
    assert medseg("train", path, *words, "--out", tmp_path / "whole") == (0, [])
    whole = load_weights(tmp_path / "whole" / "weights.pt")
    stopped = tmp_path / "stopped"
    assert medseg("train", path, *words, "--out", stopped) == (0, [])
    for name in ("weights.pt", "joint/last.ckpt", "joint/best.ckpt"):  # as killed after the second of three epochs
        (stopped / name).unlink(missing_ok=name == "weights.pt")
    first = torch.load(stopped / "joint" / "previous.ckpt")
    assert 0 < first["position"]["global_step"] < 6
    (stopped / "joint" / "best.ckpt").write_bytes((tmp_path / "whole" / "joint" / "best.ckpt").read_bytes())
    assert medseg("train", stopped / "config.yaml", "--out", stopped, "--resume") == (0, [])
    torch.testing.assert_close(load_weights(stopped / "weights.pt"), whole, rtol=0, atol=0)


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        (["inference.learned=2"], "inference.learned: expected training.selector_steps above 0 for it, got 0"),
        (
            ["recipe=separate", "training.selector_steps=2"],
            "training.selector_steps: expected 0 (recipe separate has a network per annotator), got 2",
        ),
        (
            ["training.energy={weight: 1, buffer: 1000000}"],
            "training.energy.buffer: expected at most 131072 images of this grid (the term is for small images), "
            "got 1000000",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(tmp_path: Path, overrides: list[str], sentence: str) -> None:
    status, said = medseg("train", config(tmp_path), *overrides, "--out", tmp_path / "run")
    assert status == 1 and any(sentence in line for line in said), said


def test_learned_changes_of_a_run_without_a_selector_are_refused(tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert medseg("train", config(tmp_path), "--out", run) == (0, [])
    words = ("predict", run, "--images", tmp_path / "cohort" / "images", "--out", tmp_path / "out", "--learned", 2)
    expected = f"error: --learned: expected a run with training.selector_steps, got one without ({run})"
    assert medseg(*words) == (1, [expected])
