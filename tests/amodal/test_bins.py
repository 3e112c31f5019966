from __future__ import annotations

import pandas as pd

from medseg.amodal.bins import bin_rows
from medseg.reporting import markdown
from medseg.reporting.runs import load_runs


def completed(case: str, occluded, amodal_iou, occluded_iou) -> list[tuple]:
    scores = {"occluded_fraction": occluded, "amodal_iou": amodal_iou, "occluded_iou": occluded_iou}
    return [(case, "", "rod", metric, value, "1") for metric, value in scores.items()]


def format_bins(frame: pd.DataFrame) -> str:
    return markdown(bin_rows(frame))


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]


def test_means_over_objects_then_seeds_by_hand(make_run):
    def test_set(*of_objects: tuple) -> list[tuple]:
        return [row for case, *figures in of_objects for row in completed(case, *figures)]

    runs = [
        make_run(test_set(("a/1", 0.05, 0.9, 0.4), ("a/2", 0.0, 1.0, "nan"), ("b/1", 0.3, 0.8, 0.6)), seed=0),
        make_run(test_set(("a/1", 0.05, 0.7, 0.2), ("a/2", 0.0, 0.8, "nan"), ("b/1", 0.3, 0.6, 0.4)), seed=1),
    ]
    head, _, objects, means = cells(format_bins(load_runs(runs)))
    assert head == ["amodal / occluded IoU", "0-0.1", "0.1-0.2", "0.2-0.3", "0.3-0.5", "0.5-1"]
    assert objects == ["objects", "2", "0", "0", "1", "0"]
    assert means == ["soft_mean", "0.8500 / 0.3000", "", "", "0.7000 / 0.5000", ""]


def test_a_bin_has_its_lower_end(make_run):
    rows = [
        row for i, occluded in enumerate((0.1, 0.2, 0.3, 0.5, 1.0)) for row in completed(f"a/{i}", occluded, 0.5, 0.5)
    ]
    assert cells(format_bins(load_runs([make_run(rows)])))[2] == ["objects", "0", "1", "1", "1", "2"]


def test_rivals_share_the_counts_and_another_test_set_has_its_own(make_run):
    rivals = dict.fromkeys(("hull", "visible"), completed("a/1", 0.6, 0.5, 0.1))
    runs = [
        make_run(completed("a/1", 0.6, 0.9, 0.8), "three_stages", rivals=rivals),
        make_run(completed("z/1", 0.15, 0.9, 0.8), "pcnet", experiment="other"),
    ]
    assert [(row[0], row[2], row[5]) for row in cells(format_bins(load_runs(runs)))[2:]] == [
        ("objects", "0", "1"),
        ("three_stages", "", "0.9000 / 0.8000"),
        ("objects", "1", "0"),
        ("pcnet", "0.9000 / 0.8000", ""),
        ("objects", "0", "1"),
        ("hull", "", "0.5000 / 0.1000"),
        ("visible", "", "0.5000 / 0.1000"),
    ]


def test_runs_without_occluded_objects_have_no_bins(make_run):
    assert bin_rows(load_runs([make_run([("a", "", "cell", "truth_dice", 0.5, "1")])])) == []


def test_the_table_fits(make_run):
    rows = [
        row for i, occluded in enumerate((0.05, 0.1, 0.2, 0.3, 0.5)) for row in completed(f"a/{i}", occluded, 0.5, 0.5)
    ]
    text = format_bins(load_runs([make_run(rows, "hull_in_occluder")]))
    assert max(map(len, text.splitlines())) <= 120
