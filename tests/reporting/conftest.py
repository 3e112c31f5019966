from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
import yaml

from medseg.evaluation.metrics import METRICS

ANNOTATORS, CLASSES = ("ann", "ben"), ("background", "cell")
Row = tuple[str, str, str, str, float, str]


@pytest.fixture
def make_run(tmp_path) -> Callable[..., Path]:
    """A run folder with config.yaml, scores.csv, and rivals.csv if there are rivals.

    rows: (case, annotator, label, metric, value, unit). rivals: name -> rows.
    """

    def make(
        rows: Sequence[Row],
        recipe="soft_mean",
        seed=0,
        fold=0,
        experiment="toy",
        name=None,
        rivals: Mapping[str, Sequence[Row]] | None = None,
    ) -> Path:
        folder = tmp_path / (name or f"{experiment}-{recipe}-{seed}-{fold}")
        (folder / "report" / "panels").mkdir(parents=True)
        config = {"experiment": experiment, "recipe": recipe, "seed": seed, "data": {"split": {"fold": fold}}}
        (folder / "config.yaml").write_text(yaml.safe_dump(config))
        head = "case,annotator,label,metric,value,unit,direction"
        _write(folder / "scores.csv", [head, *map(_line, rows)])
        if rivals:
            lines = [f"{rival},{_line(row)}" for rival, scores in rivals.items() for row in scores]
            _write(folder / "rivals.csv", [f"rival,{head}", *lines])
        return folder

    return make


def _line(row: Row) -> str:
    return ",".join(map(str, (*row, METRICS[row[3]].direction)))


def _write(path: Path, lines: Sequence[str]) -> None:
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def drawn_run(make_run) -> Path:
    """A run folder with two panels (one without known truth), confusion.csv and metrics.jsonl."""
    folder = make_run([("c1", "", "cell", "truth_dice", 0.9, "1"), ("c2", "", "cell", "truth_dice", "nan", "1")])
    mask = np.zeros((24, 30), dtype=np.int64)
    mask[8:16, 10:22] = 1
    for case in ("c1", "c2"):
        panel = {
            "image": np.linspace(0, 1, mask.size, dtype=np.float32).reshape(mask.shape),
            "labels": np.stack([mask, np.full_like(mask, -1)]),
            "truth_labels": mask,
            "annotator_labels": np.stack([mask, np.roll(mask, 3, axis=1)]),
            "entropy": mask * 0.6,
            "annotators": np.array(ANNOTATORS),
            "classes": np.array(CLASSES),
            "aspect": np.array(1.5),
        }
        extra = {"known_truth": np.roll(mask, 1, axis=0)} if case == "c1" else {}
        np.savez(folder / "report" / "panels" / f"{case}.npz", **panel, **extra)
    (folder / "confusion.csv").write_text(
        "annotator,observed,true,estimated,empirical\n"
        "ann,background,background,0.9,0.8\nann,background,cell,0.3,nan\n"
        "ann,cell,background,0.1,0.2\nann,cell,cell,0.7,nan\n"
        "ben,background,background,1.0,nan\nben,background,cell,0.0,nan\n"
        "ben,cell,background,0.0,nan\nben,cell,cell,1.0,nan\n"
    )
    rows = [
        {"step": 10 * epoch, "epoch": epoch, "stage": stage, "train/nll": 1 / (epoch + 1), "learning_rate": 0.1}
        for epoch, stage in enumerate(["warmup", "warmup", "joint", "joint"])
    ]
    rows.append({"step": 30, "epoch": 3, "stage": "joint", "val/nll": 0.4})
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder
