"""Reliability diagrams: counts of cases, the table, the picture."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from medseg.annotators.calibration import ANNOTATORS, TRUTH, counts_of_case, summed, write_calibration
from medseg.annotators.nouns import Prediction
from medseg.annotators.pictures.believed import draw_calibration

FOREGROUND = np.array([[0.05, 0.95, 0.95, 0.45]], np.float32)
LABELS = np.array([[[0, 1, 0, -1]], [[-1, -1, -1, -1]]])


def prediction() -> Prediction:
    probs = np.stack([1 - FOREGROUND, FOREGROUND])
    joint = np.zeros((2, 2, 2), np.float32)
    return Prediction(case="c1", truth_probs=probs, annotator_probs=np.stack([probs, probs]), joint_probs=joint,
                      affine=np.eye(4), spacing_mm=None)  # fmt: skip


def test_stated_and_observed_by_hand_over_two_cases(tmp_path: Path) -> None:
    known = counts_of_case(prediction(), LABELS, np.array([[0, 1, 1, 1]]))
    assert known[ANNOTATORS][0].sum() == 3 and known[TRUTH][0].sum() == 4
    counts = summed([known, counts_of_case(prediction(), LABELS, None)])
    write_calibration(tmp_path / "calibration.csv", counts)
    with (tmp_path / "calibration.csv").open() as file:
        rows = [(row["against"], row["low"], row["voxels"], float(row["stated"]), float(row["observed"]))
                for row in csv.DictReader(file)]  # fmt: skip
    assert [row[:3] for row in rows if row[0] == ANNOTATORS] == [(ANNOTATORS, "0.0", "2"), (ANNOTATORS, "0.9", "4")]
    assert [row[1:3] for row in rows if row[0] == TRUTH] == [("0.0", "1"), ("0.4", "1"), ("0.9", "2")]
    assert [row[3] for row in rows] == pytest.approx([0.05, 0.95, 0.05, 0.45, 0.95])
    assert [row[4] for row in rows] == [0, 0.5, 0, 1, 1]


def test_the_diagram_is_drawn_from_the_table_and_left_out_without_one(tmp_path: Path) -> None:
    assert draw_calibration(tmp_path) == []
    (tmp_path / "report").mkdir()
    write_calibration(tmp_path / "report" / "calibration.csv", {})
    assert draw_calibration(tmp_path) == []
    write_calibration(tmp_path / "report" / "calibration.csv", counts_of_case(prediction(), LABELS, None))
    (path,) = draw_calibration(tmp_path)
    assert Image.open(path).size[0] > 300
