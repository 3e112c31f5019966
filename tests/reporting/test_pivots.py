from __future__ import annotations

from medseg.evaluation import METRICS
from medseg.reporting.pivots import pivots
from medseg.reporting.runs import load_runs


def test_metrics_by_classes_and_annotators_by_metrics_with_their_intervals(make_run):
    rows = [
        (f"c{case}", who, label, metric, value + case / 10, "1")
        for case in (0, 1)
        for who, label, metric, value in (
            ("ann", "cell", "annotator_dice", 0.2), ("ann", "core", "annotator_dice", 0.4),
            ("ben", "cell", "annotator_dice", 0.6), ("ann", "", "annotator_nll", 1.0),
            ("", "cell", "truth_dice", 0.5), ("", "core", "truth_dice", 0.3), ("", "", "ged2_u", -0.1),
        )
    ]  # fmt: skip
    rows.append(("", "ann", "", "confusion_rmse", 0.125, "1"))
    whole, people, dice = pivots(load_runs([make_run(rows)]), METRICS)
    assert whole.columns == ("metric", "better", "all classes", "cell", "core")
    cells = {row[0]: row[1:] for row in whole.rows}
    assert cells["truth_dice"] == (
        "higher",
        "0.4500 [0.4000, 0.5000]",
        "0.5500 [0.5000, 0.6000]",
        "0.3500 [0.3000, 0.4000]",
    )
    assert cells["ged2_u"] == ("lower", "-0.0500 [-0.1000, 0.0000]", "", "")
    assert people.columns == ("annotator", "confusion_rmse", "annotator_nll", "annotator_dice")
    assert people.rows[0] == ("ann", "0.1250", "1.050 [1.000, 1.100]", "0.3500 [0.3000, 0.4000]")
    assert people.rows[1] == ("ben", "", "", "0.6500 [0.6000, 0.7000]")
    assert dice.heading == "Of each annotator: annotator_dice" and dice.columns == ("annotator", "cell", "core")
    assert dice.rows[1] == ("ben", "0.6500 [0.6000, 0.7000]", "")


def test_one_class_needs_no_column_and_undefined_values_are_counted(make_run):
    rows = [("c1", "", "metric", "truth_dice", 0.5, "1"), ("c2", "", "metric", "truth_dice", "nan", "1")]
    (whole,) = pivots(load_runs([make_run(rows)]), METRICS)
    assert whole.columns == ("metric", "better", "all classes")
    assert whole.rows == [("truth_dice", "higher", "0.5000 (1 of 2 empty)")]
    (undefined,) = pivots(load_runs([make_run(rows[1:], name="other")]), METRICS)
    assert undefined.rows == [("truth_dice", "higher", "n/a (1 of 1 empty)")]
