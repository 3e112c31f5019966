from __future__ import annotations

import pytest

from medseg.evaluation.metrics import METRICS, score_of
from medseg.reporting.runs import load_runs
from medseg.reporting.summary import format_summary, summarise

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


def dice(case: str, value, metric="truth_dice", annotator="", label="cell", unit="1"):
    return (case, annotator, label, metric, value, unit)


def lines_of(scores) -> list[list[str]]:
    """The cells of every line of the terminal's table, the heading first (two spaces or more between columns)."""
    text = format_summary(scores).splitlines()
    starts = [text[0].index(name) for name in ("metric", "annotator", "class", "mean")]
    starts += [
        text[0].index("  worst  ") + 2,
        *(text[0].index(name) for name in ("worst case", "cases", "unit", "better")),
    ]
    ends = [*starts[1:], None]
    return [[line[start:end].strip() for start, end in zip(starts, ends, strict=True)] for line in text]


def test_the_worst_case_depends_on_the_metric():
    rows = {line[0]: line for line in lines_of(SCORES)}
    assert rows["truth_dice"][4:6] == ["0.5000", "c2"]
    assert rows["truth_hd95"][4:6] == ["7.000", "c2"]
    assert rows["vote_area_ratio"][4:6] == ["0.6000", "c2"]


@pytest.mark.parametrize("metric", [name for name, row in METRICS.items() if row.direction == "neither"])
def test_the_terminal_names_no_worst_case_of_what_has_no_worse(metric):
    scores = [score_of(metric, value, case=case) for case, value in (("c1", 0.25), ("c2", 1.5))]
    (_, row) = lines_of(scores)
    assert row == [metric, "", "", "0.8750", "", "", "2", METRICS[metric].unit, "neither"]


def test_a_score_of_the_whole_run_does_not_stand_twice():
    (_, row) = lines_of([score_of("confusion_rmse", 0.25, annotator="ann")])
    assert row == ["confusion_rmse", "ann", "", "0.2500", "", "", "1", "1", "lower"]


def test_the_undefined_are_counted_and_never_averaged():
    rows = {line[0]: line for line in lines_of(SCORES)}
    assert rows["truth_dice"][3] == "0.7000 (1 of 3 empty)"
    assert (rows["truth_dice"][6], rows["annotator_nll"][6]) == ("2", "0")
    assert rows["annotator_nll"][3] == "n/a (1 of 1 empty)"
    assert "nan" not in format_summary(SCORES)


def test_nothing_is_cut_wrapped_or_read_as_markup_however_narrow_the_terminal(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    name = "[bold]" + "a very long name " * 20
    text = format_summary([score_of("annotator_nll", 0.5, case="c1", annotator=name)])
    assert len(text.splitlines()) == 2
    assert name in text


def test_a_summary_counts_the_undefined_and_names_the_worst_case(make_run):
    rows = [dice("a", 0.9), dice("b", 0.3), dice("c", "nan"), dice("a", 1.3, "relative_area", "ann", "")]
    first, second = summarise(load_runs([make_run(rows)]))
    assert first["mean"] == "0.6000 (1 of 3 empty)"
    assert (first["worst"], first["worst case"], first["cases"]) == ("0.3000", "b", "2")
    assert (second["annotator"], second["mean"], second["worst"]) == ("ann", "1.300", "")


def test_a_summary_of_coverage_is_a_share_of_objects_without_a_worst_one(make_run):
    rows = [dice("a/rod-1", 1, "covered_80"), dice("a/rod-2", 0, "covered_80")]
    (row,) = summarise(load_runs([make_run(rows)]))
    assert (row["mean"], row["worst"], row["worst case"]) == ("0.5000", "", "")
