from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
import pytest

from medseg.contracts import Refused, Score
from medseg.evaluation.metrics import score_of
from medseg.evaluation.table import write_rivals, write_scores
from medseg.experiment.compare import compare_runs

VALUES = {"amodal_iou": 0.9, "occluded_iou": 0.5, "occluded_fraction": 0.25}


def scores_of(values: Mapping[str, float], factor: float = 1.0) -> list[Score]:
    return [score_of(metric, factor * value, case="a/rod-1", label="rod") for metric, value in values.items()]


def completed(run: Path, recipe: str, rival: str = "") -> Path:
    run.mkdir()
    (run / "config.yaml").write_text(f"experiment: toy\nrecipe: {recipe}\nseed: 0\ndata: {{}}\n")
    write_scores(run / "scores.csv", scores_of(VALUES))
    if rival:
        write_rivals(run / "rivals.csv", {rival: scores_of(VALUES, 0.5)})
    return run


def test_completions_are_compared_with_their_rivals_and_by_bins(tmp_path):
    run = completed(tmp_path / "run", "three_stages", rival="hull")
    text = compare_runs([run], "three_stages", tmp_path / "table.csv", details=False)
    opening, overview, heading, bins = text.split("\n\n")
    assert opening == "The completed objects: mean of one seed"
    assert [line.split("|")[1].strip() for line in overview.splitlines()[2:]] == ["three_stages", "hull"]
    assert heading == "By the fraction of the object that is occluded"
    assert bins.splitlines()[3].split("|")[4].strip() == "0.9000 / 0.5000"
    assert "differences to three_stages" in compare_runs([run])
    assert set(pd.read_csv(tmp_path / "table.csv")["recipe"]) == {"three_stages", "hull"}


def test_a_rival_can_be_the_reference(tmp_path):
    run = completed(tmp_path / "run", "three_stages", rival="hull")
    assert "amodal_iou (higher is better), differences to hull" in compare_runs([run], "hull")
    with pytest.raises(Refused) as refusal:
        compare_runs([run], "hul")
    assert refusal.value.complaints == ("reference: expected one of hull, three_stages, got hul (--reference)",)


def test_two_folders_of_the_same_run_are_refused(tmp_path):
    runs = [completed(tmp_path / name, "three_stages") for name in ("one", "two")]
    with pytest.raises(Refused) as refusal:
        compare_runs(runs)
    assert refusal.value.complaints == (
        f"runs: expected one per experiment, recipe, seed, fold and config, got {runs[0]} and {runs[1]} (compared)",
    )
