from __future__ import annotations

import numpy as np
import pytest

from medseg.contracts import Refused, Score
from medseg.evaluation.table import format_summary, read_scores, summary, write_confusion, write_scores

NAN = float("nan")
SCORES = [
    Score("c1", "", "cell, round", "truth_dice", 0.9, "1"),
    Score("c2", "", "cell, round", "truth_dice", 0.5, "1"),
    Score("c3", "", "cell, round", "truth_dice", NAN, "1"),
    Score("c1", "", "cell, round", "truth_hd95", 2.0, "mm"),
    Score("c2", "", "cell, round", "truth_hd95", 7.0, "mm"),
    Score("c1", "", "", "vote_area_ratio", 1.1, "1"),
    Score("c2", "", "", "vote_area_ratio", 0.6, "1"),
    Score("c3", "ann", "", "annotator_nll", NAN, "nats/voxel"),
]


def test_scores_survive_the_file(tmp_path):
    path = tmp_path / "scores.csv"
    write_scores(path, SCORES)
    assert path.read_text().splitlines()[:2] == [
        "case,annotator,label,metric,value,unit",
        'c1,,"cell, round",truth_dice,0.9,1',
    ]
    assert str(read_scores(path)) == str(SCORES)
    assert [file.name for file in tmp_path.iterdir()] == ["scores.csv"]


def test_a_failed_write_leaves_the_old_table(tmp_path):
    path = tmp_path / "scores.csv"
    write_scores(path, SCORES)

    def broken():
        yield SCORES[0]
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_scores(path, broken())
    assert len(read_scores(path)) == len(SCORES)


def test_a_table_that_is_not_one_is_refused_with_its_lines(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("case,metric\nc1,truth_dice\n")
    with pytest.raises(Refused) as refusal:
        read_scores(path)
    assert refusal.value.complaints == (
        f"columns: expected case,annotator,label,metric,value,unit, got case,metric ({path})",
    )
    path.write_text("case,annotator,label,metric,value,unit\nc1,,,ged2_v,0.1,1\nc1,,,ged2_u,?,1\nc2\n")
    with pytest.raises(Refused) as refusal:
        read_scores(path)
    assert refusal.value.complaints == (
        f"value: expected a number or nan, got '?' ({path}:3)",
        f"value: expected a number or nan, got None ({path}:4)",
    )


def test_the_worst_case_depends_on_the_metric():
    rows = {row.metric: row for row in summary(SCORES)}
    assert (rows["truth_dice"].worst, rows["truth_dice"].worst_case) == (0.5, "c2")
    assert (rows["truth_hd95"].worst, rows["truth_hd95"].worst_case) == (7.0, "c2")
    assert (rows["vote_area_ratio"].worst, rows["vote_area_ratio"].worst_case) == (0.6, "c2")


def test_the_undefined_are_counted_and_never_averaged():
    rows = {row.metric: row for row in summary(SCORES)}
    assert rows["truth_dice"].mean == pytest.approx(0.7)
    assert (rows["truth_dice"].count, rows["truth_dice"].undefined) == (2, 1)
    assert np.isnan(rows["annotator_nll"].mean)
    lines = format_summary(summary(SCORES)).splitlines()
    assert "0.7000 (1 of 3 empty)" in lines[1]
    assert "n/a (1 of 1 empty)" in lines[4]
    assert "nan" not in "\n".join(lines)


def test_confusion_rows_say_observed_before_true(tmp_path):
    estimated = np.array([[[0.9, 0.3], [0.1, 0.7]]])
    write_confusion(tmp_path / "confusion.csv", estimated, None, ["ann"], ["bg", "cell"])
    assert (tmp_path / "confusion.csv").read_text().splitlines() == [
        "annotator,observed,true,estimated,empirical",
        "ann,bg,bg,0.9,nan",
        "ann,bg,cell,0.3,nan",
        "ann,cell,bg,0.1,nan",
        "ann,cell,cell,0.7,nan",
    ]
