from __future__ import annotations

import numpy as np
import pytest

from medseg.contracts import Refused
from medseg.reporting.runs import load_runs, seen_in_training


def dice(case: str, value):
    return (case, "", "cell", "truth_dice", value, "1")


def iou(value, case="a/rod-1"):
    return (case, "", "rod", "amodal_iou", value, "1")


def test_runs_are_read_with_their_recipe_seed_and_fold(make_run):
    frame = load_runs([make_run([dice("007", 0.5), dice("NA", "nan")], recipe="oracle", seed=3, fold=1)])
    assert frame["case"].tolist() == ["007", "NA"]
    assert frame["annotator"].tolist() == ["", ""]
    assert frame["value"][0] == 0.5 and np.isnan(frame["value"][1])
    assert frame[["experiment", "recipe", "seed", "fold"]].iloc[0].tolist() == ["toy", "oracle", 3, 1]


def test_two_experiments_of_the_same_recipe_stay_apart(make_run):
    runs = [make_run([dice("a", 0.5)], experiment=name) for name in ("few", "many")]
    assert load_runs(runs)["recipe"].tolist() == ["few/soft_mean", "many/soft_mean"]
    twice = [make_run([dice("a", 0.5)], name="x"), make_run([dice("a", 0.6)], name="y")]
    with pytest.raises(
        Refused, match="runs: expected one per experiment, recipe, seed, fold and config, got .*x and .*y"
    ):
        load_runs(twice)


def test_rivals_are_recipes_of_their_own_after_the_runs(make_run):
    rivals = {"visible": [iou(0.7)], "hull": [iou("nan")]}
    frame = load_runs([make_run([iou(0.9)], "three_stages", seed=2, fold=1, rivals=rivals)])
    assert frame["recipe"].tolist() == ["three_stages", "visible", "hull"]
    assert frame["annotator"].tolist() == ["", "", ""]
    assert frame[["seed", "fold"]].drop_duplicates().to_numpy().tolist() == [[2, 1]]
    assert frame["value"].tolist() == pytest.approx([0.9, 0.7, np.nan], nan_ok=True)


def test_rivals_that_several_runs_scored_alike_are_there_once_per_seed(make_run):
    rivals = {"visible": [iou(0.7)], "hull": [iou("nan"), iou(0.5, "a/rod-2")]}
    runs = [
        make_run([iou(0.9)], recipe, seed, rivals=rivals) for recipe in ("three_stages", "pcnet") for seed in (0, 1)
    ]
    frame = load_runs(runs)
    assert len(frame) == 4 + 2 * 3
    of_rivals = frame[frame["recipe"].isin(["visible", "hull"])]
    assert set(of_rivals["run"]) == {str(runs[0]), str(runs[1])}
    assert sorted(of_rivals["seed"]) == [0, 0, 0, 1, 1, 1]


def test_rivals_that_differ_between_experiments_are_told_apart_and_the_runs_keep_their_names(make_run):
    runs = [
        make_run([iou(0.9)], recipe, experiment=name, rivals={"hull": [iou(value), iou(0.5, "a/rod-2")]})
        for recipe, name, value in (("three_stages", "mfish", 0.7), ("pcnet", "adrenal", 0.8))
    ]
    frame = load_runs(runs)
    assert frame["recipe"].tolist() == ["three_stages", "pcnet", *["mfish/hull"] * 2, *["adrenal/hull"] * 2]


def test_rivals_that_differ_within_an_experiment_are_refused(make_run):
    runs = [
        make_run([iou(0.9)], recipe, rivals={"hull": [iou(value)]})
        for recipe, value in (("three_stages", 0.7), ("pcnet", 0.8))
    ]
    with pytest.raises(Refused, match="runs: expected one per .* got .*three_stages-0-0 and .*pcnet-0-0"):
        load_runs(runs)


def test_an_annotator_of_a_rival_stays_an_annotator(make_run):
    scores = [("a", "ann", "cell", "annotator_dice", 0.5, "1")]
    frame = load_runs([make_run(scores, rivals={"vote": scores})])
    assert frame["recipe"].tolist() == ["soft_mean", "vote"]
    assert frame["annotator"].tolist() == ["ann", "ann"]
    assert "rival" not in frame


def test_scores_without_their_direction_are_to_be_evaluated_again(make_run):
    folder = make_run([dice("a", 0.5)])
    (folder / "scores.csv").write_text("case,annotator,label,metric,value,unit\na,,cell,truth_dice,0.5,1\n")
    with pytest.raises(Refused) as refusal:
        load_runs([folder])
    assert refusal.value.complaints == (
        f"columns: expected case,annotator,label,metric,value,unit,direction,seen (medseg evaluate {folder}), "
        f"got case,annotator,label,metric,value,unit ({folder / 'scores.csv'})",
    )


def test_scores_of_cases_that_were_seen_are_named_and_old_tables_do_not_know(make_run):
    old, new = make_run([dice("a", 0.5)]), make_run([dice("a", 0.5)], recipe="staple")
    head = "case,annotator,label,metric,value,unit,direction,seen\n"
    cases = (("a/x-1", "train"), ("a/x-2", "train"), ("b", "validation"), ("c", "no"), ("", ""))
    rows = [f"{case},,cell,truth_dice,0.5,1,higher,{seen}\n" for case, seen in cases]
    (new / "scores.csv").write_text(head + "".join(rows))
    frame = load_runs([old, new])
    assert frame["seen"].tolist() == ["", "train", "train", "validation", "no", ""]
    assert seen_in_training(frame) == [f"warning: 2 cases of {new} were seen in training: no test"]
