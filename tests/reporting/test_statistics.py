from __future__ import annotations

import numpy as np
import pytest

from medseg.contracts import Refused
from medseg.evaluation.metrics import METRICS
from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare, format_overview, format_table, overviews


def dice(case: str, value, metric="truth_dice", annotator="", label="cell", unit="1"):
    return (case, annotator, label, metric, value, unit)


def test_means_worst_seed_and_paired_difference_by_hand(make_run):
    runs = [
        make_run([dice("a", 0.5), dice("b", 0.7)], "soft_mean", seed=0),
        make_run([dice("a", 0.6), dice("b", 0.6)], "soft_mean", seed=1),
        make_run([dice("a", 0.9), dice("b", 0.9)], "shared_truth_global", seed=0),
        make_run([dice("a", 0.7), dice("b", 0.5)], "shared_truth_global", seed=1),
    ]
    base, ours = compare(load_runs(runs), METRICS).to_dict("records")
    assert (base["recipe"], ours["recipe"], ours["reference"]) == ("soft_mean", "shared_truth_global", "soft_mean")
    assert base["mean"] == pytest.approx(0.6)
    assert ours["mean"] == pytest.approx(0.75)
    assert ours["worst_seed"] == pytest.approx(0.6)
    assert ours["difference"] == pytest.approx((0.4 + 0.2 + 0.1 - 0.1) / 4)
    assert ours["difference_low"] < ours["difference"] < ours["difference_high"]
    assert base["difference"] == base["difference_high"] == 0
    assert ours["runs"] == 2


def test_a_difference_is_paired_only_where_both_are_defined(make_run):
    runs = [
        make_run([dice("a", 0.5), dice("b", 0.1), dice("c", 0.4)], "soft_mean"),
        make_run([dice("a", 0.6), dice("b", "nan"), dice("d", 1.0)], "oracle"),
    ]
    ours = compare(load_runs(runs), METRICS).to_dict("records")[1]
    assert ours["mean"] == pytest.approx(0.8)
    assert ours["difference"] == pytest.approx(0.1)
    assert (ours["values"], ours["undefined"]) == (3, 1)


def test_seeds_and_folds_without_a_partner_are_no_pair(make_run):
    runs = [make_run([dice("a", 0.5)], "soft_mean", seed=0), make_run([dice("a", 0.9)], "oracle", seed=1)]
    assert np.isnan(compare(load_runs(runs), METRICS).to_dict("records")[1]["difference"])


@pytest.mark.parametrize(
    ("metric", "worst"), [("truth_dice", 0.7), ("annotator_nll", 1.2), ("vote_area_ratio", 0.7), ("covered_80", 1.2)]
)
def test_the_worst_seed_follows_the_direction(make_run, metric, worst):
    runs = [make_run([dice("a", value, metric)], seed=seed) for seed, value in enumerate((0.7, 1.2, 1.0))]
    assert compare(load_runs(runs), METRICS)["worst_seed"].tolist() == [pytest.approx(worst)]


def test_the_reference_can_be_chosen_and_metrics_of_the_data_rank_nobody(make_run):
    runs = [
        make_run([dice("a", 0.5), dice("a", 0.8, "agreement_dice")], "soft_mean"),
        make_run([dice("a", 0.9), dice("a", 0.8, "agreement_dice")], "oracle"),
    ]
    table = compare(load_runs(runs), METRICS, reference="oracle")
    assert table["metric"].tolist() == ["truth_dice", "truth_dice"]
    assert table["difference"].tolist() == pytest.approx([-0.4, 0])


def test_the_printed_table_fits_and_says_what_is_undefined(make_run):
    many = [dice(f"case{i}", "nan" if i % 2 else 12 + i / 9, "truth_hd95", unit="mm") for i in range(40)]
    none = [dice("case1", "nan", "vote_dice")]
    runs = [make_run(many + none, recipe, seed) for recipe in ("per_annotator_global", "oracle") for seed in (0, 1)]
    text = format_table(compare(load_runs(runs), METRICS))
    assert max(map(len, text.splitlines())) <= 110
    assert "truth_hd95 (lower is better, mm), differences to per_annotator_global" in text
    assert "n/a (2 of 2 empty)" in text
    assert "40/80" in text
    assert "nan" not in text


def test_the_overview_has_a_row_per_recipe_and_a_column_per_metric_that_is_there(make_run):
    runs = [
        make_run([dice("a", 0.5), dice("a", 0.25, "vote_dice"), dice("a", 2.0, "truth_hd95")], "soft_mean", seed=0),
        make_run([dice("a", 0.7), dice("a", 0.75, "vote_dice")], "soft_mean", seed=1),
        make_run([dice("a", 0.9)], "oracle", seed=0),
    ]
    text = format_overview(compare(load_runs(runs), METRICS), METRICS)
    first, of_truth, second, of_borders = text.split("\n\n")
    title, (header, _, base, oracle) = first, of_truth.splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in (header, base, oracle)]
    assert title == "The recovered truth: mean (worst seed)"
    assert cells == [
        ["recipe", "truth_dice", "vote_dice"],
        ["soft_mean", "0.6000 (0.5000)", "0.5000 (0.2500)"],
        ["oracle", "0.9000", ""],
    ]
    assert second == "Its border, and the predicted annotators as a set: mean of one seed"
    assert [cell.strip() for cell in of_borders.splitlines()[2].split("|")[1:-1]] == ["soft_mean", "2.000"]


def test_one_seed_has_no_worst_one(make_run):
    table = compare(load_runs([make_run([dice("a", 0.5)]), make_run([dice("a", 0.9)], "oracle")]), METRICS)
    (shown,) = overviews(table, METRICS)
    assert shown.title == "The recovered truth: mean of one seed"
    assert [row["truth_dice"] for row in shown.rows] == ["0.5000", "0.9000"]
    assert "worst" not in format_table(table)


def test_a_metric_that_nobody_explained_is_refused(make_run):
    runs = [make_run([dice("a", 0.5)])]
    known = {name: row for name, row in METRICS.items() if name != "truth_dice"}
    with pytest.raises(Refused) as refusal:
        compare(load_runs(runs), known)
    assert refusal.value.complaints == (f"metric: expected a row of the table of metrics, got truth_dice ({runs[0]})",)


def test_completions_and_their_samples_have_an_overview_each(make_run):
    def scores(iou, **of_samples):
        rows = {"amodal_iou": iou, "area_ratio": 1.0, **of_samples}
        return [dice("a/rod-1", value, metric) for metric, value in rows.items()]

    runs = [make_run(scores(0.9, covered_80=1, diversity=0.25), "three_stages"), make_run(scores(0.8), "pcnet")]
    tables = format_overview(compare(load_runs(runs), METRICS), METRICS).split("\n\n")
    titles, (completions, samples) = tables[::2], tables[1::2]
    assert titles == ["The completed objects: mean of one seed", "Their samples: mean of one seed"]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in completions.splitlines()[::2]] == [
        ["recipe", "amodal_iou", "area_ratio"],
        ["three_stages", "0.9000", "1.000"],
    ]
    assert [[cell.strip() for cell in line.split("|")[1:-1]] for line in samples.splitlines()[::2]] == [
        ["recipe", "diversity", "covered_80"],
        ["three_stages", "0.2500", "1.000"],
    ]
