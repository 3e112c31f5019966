"""Whole runs: unlabelled cases that change nothing unless asked for; students resumed bit by bit; still teachers."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch import Tensor

from medseg.annotators.config import RunConfig
from medseg.annotators.evaluation import evaluate_annotators
from medseg.annotators.loading.partly_labelled import PartlyLabelledSource
from medseg.annotators.simulation.samples import write_samples
from medseg.contracts import Refused
from medseg.experiment.train import train
from medseg.training.checkpoint import load

USES = ("student", "uncertain", "mean_teacher", "weighted")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures of two annotators."""
    root = tmp_path_factory.mktemp("cohorts") / "labelled"
    write_samples(root, seed=1, spatial_dims=2, size=16, cases=10, annotators=("good", "over"))
    return root


@pytest.fixture(scope="module")
def with_unlabelled(cohort: Path) -> Path:
    """The same, and three pictures without masks, which are the first three mirrored; one of them is to be tested."""
    root = shutil.copytree(cohort, cohort.with_name("both"))
    manifest = root / "manifest.csv"
    header, *rows = csv.reader(manifest.read_text().splitlines())
    images = list(dict.fromkeys(row[header.index("image")] for row in rows))
    for number, image in enumerate(images[:3]):
        place = f"images/bare{number}.png"
        Image.open(root / image).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(root / place)
        cells = {"case": f"bare{number}", "split": "test" if number == 2 else "", "image": place}
        rows.append([cells.get(column, "") for column in header])
    with manifest.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return root


def config(cohort: Path, **changed: Any) -> RunConfig:
    values = {
        "experiment": "bare",
        "recipe": "fused",
        "data": {
            "cohort": str(cohort),
            "split": {"val": 0.2, "test": 0.2},
            "grid": {"size": [16, 16]},
            "augment": {"flip_axes": [0, 1], "noise": 0.1},
            **changed.pop("data", {}),
        },
        "network": {"channels": [4, 8], "features": 4, "residual_units": 1, "dropout": 0.2},
        "confusion": {"trunk": 4, "embedding": 2},
        "training": {
            "batch_size": 2,
            "steps": {"warmup": 2, "joint": 4},
            "steps_per_epoch": 3,
            "accelerator": "cpu",
            "checkpoint_every": 100,
        },
        **changed,
    }
    return RunConfig.model_validate(values)


def taught(cohort: Path, use: str, **unlabelled: Any) -> RunConfig:
    settings = {"use": use, "steps": 6, "passes": 2, "held_out": 0.4, **unlabelled}
    return config(cohort, data={"labelled_share": 0.5}, unlabelled=settings)


@pytest.fixture(scope="module")
def trained(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The run of a use, trained once."""

    @cache
    def run(use: str) -> Path:
        folder = tmp_path_factory.mktemp("trained") / use
        train(taught(cohort, use), folder, progress=False)
        return folder

    return run


def weights(run: Path) -> dict[str, Tensor]:
    return load(run / "weights.pt")


def test_they_change_nothing_unless_they_are_asked_for(cohort: Path, with_unlabelled: Path, tmp_path: Path) -> None:
    for name, where in (("without", cohort), ("with", with_unlabelled)):
        train(config(where), tmp_path / name, progress=False)
    torch.testing.assert_close(weights(tmp_path / "with"), weights(tmp_path / "without"), rtol=0, atol=0)
    found = evaluate_annotators(tmp_path / "with", draw=False)
    expected = evaluate_annotators(tmp_path / "without", draw=False)
    assert [(row.case, row.metric) for row in found.scores] == [(row.case, row.metric) for row in expected.scores]
    assert list((tmp_path / "with").rglob("sample_*.png")) and not list((tmp_path / "with").rglob("bare*"))


def test_a_split_of_unlabelled_cases_alone_has_nothing_to_be_scored(with_unlabelled: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train(config(with_unlabelled, data={"split": {"val": 0.2, "test": 0.0}}), run, progress=False)
    assert json.loads((run / "splits.json").read_text())["splits"]["test"] == ["bare2"]
    with pytest.raises(Refused, match="test split: expected at least one case with labels, got none; there are cases"):
        evaluate_annotators(run, draw=False)


@pytest.mark.parametrize("use", USES)
def test_a_student_that_was_stopped_goes_on_as_if_it_had_not(
    cohort: Path, trained: Callable[[str], Path], use: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, whole = taught(cohort, use), trained(use)
    made, real = [], PartlyLabelledSource.batch

    def stopping(self: PartlyLabelledSource, target: str, *place: int, **share: int) -> Any:
        if target.endswith("+unlabelled"):
            made.append(place)
            if len(made) == 5:
                os.kill(os.getpid(), signal.SIGTERM)
        return real(self, target, *place, **share)

    monkeypatch.setattr(PartlyLabelledSource, "batch", stopping)
    with pytest.raises(SystemExit):
        train(asked, tmp_path / "parts", progress=False)
    kept = load(tmp_path / "parts/student/last.ckpt")
    assert (kept["position"]["epoch"], kept["position"]["step"]) == (1, 2)
    train(asked, tmp_path / "parts", resume=True, progress=False)
    torch.testing.assert_close(weights(tmp_path / "parts"), weights(whole), rtol=0, atol=0)
    ends = [load(run / "student/last.ckpt") for run in (tmp_path / "parts", whole)]
    for part in ("model", "average", "objective"):
        torch.testing.assert_close(ends[0][part], ends[1][part], rtol=0, atol=0)
    if use == "weighted":
        learned = ends[0]["objective"]["teaching.weights"]
        assert len(learned) == 10 and (learned != 1).sum() == 3  # half of six training cases have no labels


@pytest.mark.parametrize("use", ["student", "mean_teacher"])
def test_a_teacher_is_what_the_recipe_left_or_follows_the_student(trained: Callable[[str], Path], use: str) -> None:
    run = trained(use)
    before, after = load(run / "joint/best.ckpt"), load(run / "student/last.ckpt")["model"]
    names = [name for name in before if name.startswith("network.")]
    still = [torch.equal(after[f"teacher.{name.removeprefix('network.')}"], before[name]) for name in names]
    assert names and (all(still) if use == "student" else not any(still))
    assert not any(torch.equal(after[name], before[name]) for name in names)


def test_before_the_student_all_is_as_without_one(trained: Callable[[str], Path]) -> None:
    alone, beside = (load(trained(use) / "joint/best.ckpt") for use in ("none", "student"))
    torch.testing.assert_close({name: beside[name] for name in alone}, alone, rtol=0, atol=0)


def test_a_student_s_run_is_evaluated_like_any_other(trained: Callable[[str], Path]) -> None:
    assert len({row.case for row in evaluate_annotators(trained("student"), draw=False).scores if row.case}) == 2


def test_a_cohort_without_unlabelled_cases_is_refused(cohort: Path, tmp_path: Path) -> None:
    asked = config(cohort, unlabelled={"use": "student"})
    with pytest.raises(Refused, match="cases without labels: expected at least one in the train split"):
        train(asked, tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
