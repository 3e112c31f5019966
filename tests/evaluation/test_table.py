from __future__ import annotations

import numpy as np
import pytest

from medseg.contracts import Refused
from medseg.evaluation.metrics import score_of
from medseg.evaluation.table import read_scores, write_confusion, write_rivals, write_scores

NAN = float("nan")
SCORES = [
    score_of("truth_dice", 0.9, case="c1", label="cell, round"),
    score_of("truth_dice", 0.5, case="c2", label="cell, round"),
    score_of("truth_dice", NAN, case="c3", label="cell, round"),
    score_of("truth_hd95", 2.0, case="c1", label="cell, round", unit="mm"),
    score_of("truth_hd95", 7.0, case="c2", label="cell, round", unit="mm"),
    score_of("vote_area_ratio", 1.1, case="c1"),
    score_of("vote_area_ratio", 0.6, case="c2"),
    score_of("annotator_nll", NAN, case="c3", annotator="ann"),
]


def test_scores_survive_the_file(tmp_path):
    path = tmp_path / "scores.csv"
    write_scores(path, SCORES)
    assert path.read_text().splitlines()[:2] == [
        "case,annotator,label,metric,value,unit,direction,seen",
        'c1,,"cell, round",truth_dice,0.9,1,higher,',
    ]
    assert str(read_scores(path)) == str(SCORES)
    assert [file.name for file in tmp_path.iterdir()] == ["scores.csv"]


def test_rivals_have_a_column_of_their_own_before_those_of_scores(tmp_path):
    drawn = score_of("annotator_dice", 0.25, case="c1", annotator="ann", label="cell")
    write_rivals(tmp_path / "rivals.csv", {"vote": [drawn], "hull, convex": SCORES[:1]})
    assert (tmp_path / "rivals.csv").read_text().splitlines() == [
        "rival,case,annotator,label,metric,value,unit,direction,seen",
        "vote,c1,ann,cell,annotator_dice,0.25,1,higher,",
        '"hull, convex",c1,,"cell, round",truth_dice,0.9,1,higher,',
    ]


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
        f"columns: expected case,annotator,label,metric,value,unit,direction,seen, got case,metric ({path})",
    )
    path.write_text(
        "case,annotator,label,metric,value,unit,direction\nc1,,,ged2_v,0.1,1,lower\nc1,,,ged2_u,?,1,lower\nc2\n"
    )
    with pytest.raises(Refused) as refusal:
        read_scores(path)
    assert refusal.value.complaints == (
        f"value: expected a number or nan, got '?' ({path}:3)",
        f"value: expected a number or nan, got None ({path}:4)",
    )


def test_confusion_rows_say_observed_before_true(tmp_path):
    estimated = np.array([[[0.9, 0.3], [0.1, 0.7]]])
    write_confusion(tmp_path / "confusion.csv", estimated, None, annotators=["ann"], classes=["bg", "cell"])
    assert (tmp_path / "confusion.csv").read_text().splitlines() == [
        "annotator,observed,true,estimated,empirical",
        "ann,bg,bg,0.9,nan",
        "ann,bg,cell,0.3,nan",
        "ann,cell,bg,0.1,nan",
        "ann,cell,cell,0.7,nan",
    ]


def test_a_table_from_before_scores_said_what_was_seen_is_read(tmp_path):
    path = tmp_path / "scores.csv"
    path.write_text("case,annotator,label,metric,value,unit,direction\nc1,,,ged2_v,0.1,1,lower\n")
    (score,) = read_scores(path)
    assert (score.value, score.seen) == (0.1, "")
