from __future__ import annotations

import pytest
import yaml

from medseg.contracts import Refused
from medseg.evaluation.metrics import METRICS
from medseg.reporting.runs import load_runs
from medseg.reporting.statistics import compare
from medseg.reporting.variants import further_differences


def dice(case, value):
    return (case, "", "cell", "truth_dice", value, "1")


@pytest.fixture
def run_with(make_run):
    """A run folder whose config holds more keys; the data section keeps its fold."""

    def make(name, more, *, seed=0, value=0.5, recipe="fused", **kind):
        folder = make_run([dice("a", value), dice("b", value / 2)], recipe, seed, name=f"{name}{seed}", **kind)
        config = yaml.safe_load((folder / "config.yaml").read_text())
        (folder / "config.yaml").write_text(yaml.safe_dump({**config, **more}, sort_keys=False))
        return folder

    return make


def names(runs):
    return list(dict.fromkeys(load_runs(runs)["recipe"]))


def test_two_networks_of_one_recipe_are_paired_over_seeds_and_cases(run_with):
    runs = [
        run_with(name, {"network": {"name": name, "channels": [8, 16]}}, seed=seed, value=value)
        for name, value in (("unet", 0.4), ("dynunet", 0.8))
        for seed in (0, 1)
    ]
    first, second = compare(load_runs(runs), METRICS).to_dict("records")
    assert (first["recipe"], second["recipe"]) == ("fused network.name=unet", "fused network.name=dynunet")
    # cases .4, .2 against .8, .4: differences .4 and .2
    assert second["difference"] == pytest.approx(0.3)
    assert second["runs"] == 2


def test_what_computes_and_what_a_config_lacks_names_no_row(run_with):
    old = {"network": {"name": "unet"}, "training": {"workers": 0, "batch_size": 2}, "tracking": {"wandb": True}}
    new = {"network": {"name": "unet", "norm": "batch"}, "training": {"workers": 4, "batch_size": 8}, "tracking": None}
    assert names([run_with("old", old), run_with("new", new)]) == [
        "fused training.batch_size=2",
        "fused training.batch_size=8",
    ]


def test_runs_that_differ_in_nothing_that_counts_are_refused(run_with):
    runs = [run_with(name, {"training": {"workers": workers}}) for name, workers in (("x", 0), ("y", 4))]
    with pytest.raises(Refused) as refusal:
        load_runs(runs)
    assert refusal.value.complaints == (
        f"runs: expected one per experiment, recipe, seed, fold and config, got {runs[0]} and {runs[1]} (compared)",
    )


def test_a_section_that_is_off_differs_by_its_keys(run_with):
    runs = [run_with("x", {"energy": None}), run_with("y", {"energy": {"steps": 5, "on": True}})]
    assert names(runs) == ["fused energy.steps=none, energy.on=none", "fused energy.steps=5, energy.on=true"]


def test_of_many_keys_the_fewest_name_the_row_and_all_are_told(run_with):
    first = {"a": 1, "b": [1, 2], "c": 1, "d": 1}
    runs = [run_with("x", first), run_with("y", {"a": 1, "b": [1], "c": 2, "d": 2, "e": 3} | {"a": 2})]
    frame = load_runs([*runs, run_with("z", first, recipe="staple")])
    assert list(dict.fromkeys(frame["recipe"])) == ["fused a=1, ...", "fused a=2, ...", "staple"]
    x, y = runs
    assert further_differences(frame) == [
        f"a: 1 ({x}), 2 ({y})",
        f"b: [1, 2] ({x}), [1] ({y})",
        f"c: 1 ({x}), 2 ({y})",
        f"d: 1 ({x}), 2 ({y})",
    ]
    assert further_differences(load_runs(runs[:1])) == []


def test_one_key_alone_may_not_tell_three_runs_apart(run_with):
    configs = [{"a": 1, "b": 1, "c": 0, "d": 0}, {"a": 1, "b": 2, "c": 0, "d": 1}, {"a": 2, "b": 2, "c": 1, "d": 1}]
    runs = [run_with(name, config) for name, config in zip("xyz", configs, strict=True)]
    assert names(runs) == ["fused a=1, b=1, ...", "fused a=1, b=2, ...", "fused a=2, b=2, ..."]


def test_a_key_that_only_seeds_change_names_no_row(run_with):
    runs = [
        run_with(name, {"network": name, "split_seed": seed}, seed=seed)
        for name in ("unet", "other")
        for seed in (0, 1)
    ]
    assert names(runs) == ["fused network=unet", "fused network=other"]
