from __future__ import annotations

import json
from pathlib import Path

from medseg.training.metrics import append_row, rewind_rows


def steps(path: Path) -> list[int]:
    return [json.loads(line)["step"] for line in path.read_text().splitlines()]


def test_a_row_is_one_line_of_json_and_nan_is_null(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_row(path, {"stage": "joint", "epoch": 1, "val/nll": float("nan"), "train/nll": 0.5}, 4)
    assert path.read_text() == '{"step": 4, "stage": "joint", "epoch": 1, "val/nll": null, "train/nll": 0.5}\n'


def test_rewinding_keeps_what_the_resumed_run_will_not_write_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for step in (4, 8, 12):
        append_row(path, {}, step)
    rewind_rows(path, 8)
    assert steps(path) == [4, 8]


def test_a_line_that_was_cut_off_is_dropped(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_row(path, {}, 4)
    with path.open("a") as file:
        file.write('{"step": 8, "val/n')
    rewind_rows(path, 100)
    append_row(path, {}, 8)
    assert steps(path) == [4, 8]


def test_there_may_be_nothing_to_rewind(tmp_path: Path) -> None:
    rewind_rows(tmp_path / "metrics.jsonl", 0)
    assert not (tmp_path / "metrics.jsonl").exists()
