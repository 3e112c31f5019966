from __future__ import annotations

import json
from pathlib import Path

import pytest

from medseg.annotators.curve_alarms import doubts_of_training
from medseg.contracts import Refused


def curve(folder: Path, val: list[float | None], train: float = 1.0, **further: float) -> list[str]:
    rows = [{"stage": "warmup", "best/nll": 9.0, "val/nll": 9.0, "train/nll": 9.0}] + [
        {"stage": "joint", "best/loss": 0, "val/loss": value, "train/loss": train, **further} for value in val
    ]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return doubts_of_training(folder, 2, disputed=True)


def test_a_curve_that_still_falls_in_its_second_half_has_not_converged(tmp_path: Path) -> None:
    assert curve(tmp_path, [0.9, 0.5, 0.45, 0.4]) == [
        "not converged: loss on validation cases still fell in the second half of the training, from 0.5 to 0.4 "
        "(training cases: 1); train again with more training.steps"
    ]
    assert curve(tmp_path, [0.9, 0.5, 0.45, 0.4], train=0.3)  # by 20 %, although training cases are better
    assert curve(tmp_path, [0.9, 0.5, 0.47, 0.46])  # by 8 %, and training cases are no better
    assert curve(tmp_path, [0.9, 0.5, 0.47, 0.46], train=0.45) == []  # something is learned by heart
    assert curve(tmp_path, [0.9, 0.5, 0.49, 0.48]) == []  # by 4 %
    assert curve(tmp_path, [0.9, 0.4, 0.5, 0.6]) == []  # best before
    assert curve(tmp_path, [0.9, 0.5, 0.4]) == []  # too few looks
    assert curve(tmp_path, [0.9, None, 0.5, None, 0.4]) == []  # what is not finite is no look


def test_a_diagonal_that_stays_where_it_began_is_named_where_labels_differ(tmp_path: Path) -> None:
    """It begins at 1 / (1 + e^-6) = .9975 of two classes."""
    told = curve(tmp_path, [1.0], **{"val/trace": 0.997})
    assert [line.split(" on")[0] for line in told] == [
        "the confusion matrices never left the identity (their diagonal is 0.9970"
    ]
    assert doubts_of_training(tmp_path, 2, disputed=False) == []
    assert curve(tmp_path, [1.0], **{"val/trace": 0.99}) == []
    assert curve(tmp_path, [1.0]) == []  # a recipe without matrices


def test_a_run_without_curves_leaves_no_doubt_and_a_broken_file_is_refused(tmp_path: Path) -> None:
    assert doubts_of_training(tmp_path, 2, disputed=True) == []
    (tmp_path / "metrics.jsonl").write_text("")
    assert doubts_of_training(tmp_path, 2, disputed=True) == []
    (tmp_path / "metrics.jsonl").write_text('{"step": 3')
    with pytest.raises(Refused, match="metrics.jsonl: expected what training writes"):
        doubts_of_training(tmp_path, 2, disputed=True)


def test_truth_and_styles_are_judged_each_by_the_stage_that_learns_them(tmp_path: Path) -> None:
    def rows(stage: str, criterion: str, val: list[float], **further: float) -> list[dict[str, object]]:
        values = {f"best/{criterion}": 0, f"train/{criterion}": 1.0}
        return [{"stage": stage, f"val/{criterion}": value, **values, **further} for value in val]

    def told(truth: list[float], styles: list[float], trace: float) -> list[str]:
        written = rows("joint", "truth_nll", truth) + rows("styles", "nll", styles, **{"val/trace": trace})
        (tmp_path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in written))
        return [line.split(";")[-1].split(" (")[0].strip() for line in doubts_of_training(tmp_path, 2, disputed=True)]

    falls, stands = [0.9, 0.5, 0.45, 0.4], [0.9, 0.4, 0.5, 0.6]
    assert told(stands, stands, 0.9) == []
    assert told(falls, stands, 0.9) == ["train again with more training.steps"]
    assert told(stands, falls, 0.9) == ["train again with more training.steps.styles"]
    assert len(told(falls, falls, 0.9975)) == 3
