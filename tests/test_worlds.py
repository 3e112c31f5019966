"""The worlds: planned in full, gone on with where they stopped, shown as they stand."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pandas as pd
import psutil
import pytest

from medseg.contracts import Refused

from .reporting.conftest import make_run

__all__ = ["make_run"]

ROOT = Path(__file__).parents[1]
BENCHMARKS = ROOT / "benchmarks"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """A script of benchmarks/ as a module."""
    monkeypatch.syspath_prepend(BENCHMARKS)
    return importlib.import_module


# ------------------------------------------------------------------------------------------ the plan
def test_a_world_is_run_in_its_folds_or_with_a_split_of_every_seed_and_the_oracle_where_it_sees(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    worlds = load("worlds")
    folded, split = worlds.load_worlds(["bubil", "digits70"])
    monkeypatch.setattr(worlds.World, "knows_truth", lambda world: world.name == "digits70")

    def runs(world: object, folds: int | None) -> list[str]:
        wanted = ["oracle", "soft_mean"]
        jobs = worlds.jobs_of(world, Path("out"), wanted=wanted, seeds=2, folds=folds, overrides=[])
        return [job.run.as_posix() for job in jobs]

    assert len(runs(folded, None)) == 2 * 5
    assert runs(folded, 1) == [f"out/bubil/soft_mean-seed{seed}-fold0" for seed in (0, 1)]
    assert runs(split, None) == [
        f"out/digits70/{recipe}-seed{seed}-fold0" for seed in (0, 1) for recipe in ("oracle", "soft_mean")
    ]
    everything = worlds.jobs_of(split, Path("out"), wanted=[], seeds=1, folds=None, overrides=[])
    assert {"recipe=staple", "recipe=oracle"} <= {word for job in everything for word in job.overrides}


def test_the_line_cohort_makes_the_cohort_that_its_config_names(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MEDSEG_DATA", "/data")
    worlds = load("worlds")
    for world in worlds.load_worlds([]):
        commands = worlds.cohort_commands(world.path)
        assert all(command[0] == sys.executable for command in commands)
        assert world.config.data.cohort in " ".join(commands[-1])
    (bad,) = worlds.load_worlds(["bubil_bad"])
    index, simulate = worlds.cohort_commands(bad.path)
    assert index[1:5] == ["-m", "medseg", "index", "/data/bubil_fibroblast"]
    assert simulate[3] == "simulate" and "person5_imagej=over:15" in simulate[-1]
    monkeypatch.delenv("MEDSEG_DATA")
    with pytest.raises(
        Refused, match=r"^MEDSEG_DATA: expected the folder of the data sets .*, got nothing \(bubil_bad\)"
    ):
        worlds.cohort_commands(bad.path)


def test_names_of_no_world_and_of_no_recipe_are_answered(
    load: Callable[[str], ModuleType], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    worlds = load("worlds")
    with pytest.raises(Refused, match=r"world: expected one of bubil, .*, got bubli; did you mean bubil\? \(--only\)"):
        worlds.load_worlds(["bubli"])
    words = ["worlds.py", "--out", str(tmp_path), "--table", "--recipes", "staple,stapel"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit, match=r"error: recipe: .*, got stapel; did you mean staple\? \(recipes\)"):
        worlds.main()


def test_a_truth_is_known_where_the_cohort_or_the_config_has_one(load: Callable[[str], ModuleType], pictures) -> None:
    worlds, root = load("worlds"), str(pictures.tables())
    (world,) = worlds.load_worlds(["bubil"], [f"data.cohort={root}"])
    assert not world.knows_truth()
    (judged,) = worlds.load_worlds(["bubil"], [f"data.cohort={root}", "data.truth=[ann]"])
    assert judged.knows_truth()
    pictures.yaml += "truth: bob\n"
    pictures.tables()
    assert world.knows_truth()


# ------------------------------------------------------------------------------------------ the runs
def awaited(place: Path) -> str:
    """What a process writes, as soon as it is there."""
    ends = time.monotonic() + 60
    while not (place.is_file() and place.read_text()):
        assert time.monotonic() < ends
        time.sleep(0.05)
    return place.read_text()


# ----------------------------------------------------------------------------------------- the table
def rows(metric: str, values: list[float], unit: str = "1") -> list[tuple]:
    """Of the cases c0, c1 ..., of one class."""
    return [(f"c{number}", "", "cell", metric, value, unit) for number, value in enumerate(values)]


def areas(slope: float) -> list[tuple]:
    """Three annotators of relative area .5, 1, 1.5; predicted: the slope times their distance from 1."""
    drawn = {"ann": 0.5, "bob": 1.0, "cat": 1.5}
    return [
        row
        for name, area in drawn.items()
        for row in (
            ("c0", name, "", "relative_area", area, "1"),
            ("c0", name, "", "predicted_relative_area", 1 + slope * (area - 1), "1"),
        )
    ]


@pytest.fixture
def stood(make_run: Callable[..., Path], tmp_path: Path) -> Path:
    """Two seeds of two cases. The oracle is best; of the rest soft_mean has the mean .7, anchored .75, staple .4."""
    dice = {
        "anchored": [[0.8, 0.8], [0.6, 0.8]],
        "soft_mean": [[0.7, 0.9], [0.5, 0.7]],
        "staple": [[0.4, 0.4], [0.4, 0.4]],
        "oracle": [[0.9, 0.9], [0.9, 0.9]],
    }
    for recipe, of_seeds in dice.items():
        for seed, values in enumerate(of_seeds):
            name = f"digits70/{recipe}-seed{seed}-fold0"
            scores = [*rows("truth_dice", values), *rows("vote_dice", [0.1, 0.1]), *areas(0.5 + 0.25 * seed)]
            nats = [("c0", "ann", "", "annotator_nll", 0.2 if recipe == "anchored" else 0.3, "nats/voxel")]
            more = [*nats, *rows("truth_hd95", [2.0, 4.0 + seed], "px"), ("c0", "", "", "ged2_v", 0.5, "1")]
            run = make_run([*scores, *more], recipe=recipe, seed=seed, experiment="digits70", name=name)
            (run / "cpu_seconds.txt").write_text("1.50\n2.50\n" if seed else "6.00\n")
    make_run(rows("vote_dice", [0.5]), recipe="staple", experiment="lidc2d", name="lidc2d/staple-seed0-fold0")
    return tmp_path


def test_the_standings_by_hand(load: Callable[[str], ModuleType], stood: Path) -> None:
    worlds, standings = load("worlds"), load("standings")
    chosen = worlds.load_worlds(["digits70", "lidc2d", "bubil"])
    runs = {world.name: worlds.evaluated_runs(world, stood, []) for world in chosen}
    assert [len(folders) for folders in runs.values()] == [8, 1, 0]
    table = standings.standings(runs, dict.fromkeys(runs, "anchored")).set_index(["world", "recipe"])
    ours = table.loc["digits70", "anchored"]
    assert (ours["runs"], ours["metric"], ours["best_fixed"]) == (2, "truth_dice", "soft_mean")
    assert (ours["mean"], ours["worst_seed"]) == (pytest.approx(0.75), pytest.approx(0.7))
    assert ours["annotator_nll"] == pytest.approx(0.2) and ours["nats_difference"] == pytest.approx(-0.1)
    assert (ours["hd95"], ours["ged2_v"]) == (pytest.approx((2 + 4 + 2 + 5) / 4), 0.5)
    assert ours["difference"] == pytest.approx((0.1 - 0.1 + 0.1 + 0.1) / 4)
    assert ours["difference_low"] <= ours["difference"] <= ours["difference_high"]
    assert ours["cpu_seconds"] == pytest.approx((6 + 4) / 2)
    assert ours["area_slope"] == pytest.approx(0.625)  # of the medians over both seeds
    assert table.loc["digits70", "soft_mean"]["difference"] == 0
    other = table.loc["lidc2d", "staple"]
    assert (other["metric"], other["mean"], other["best_fixed"]) == ("vote_dice", 0.5, "staple")
    assert other[["annotator_nll", "hd95", "area_slope", "cpu_seconds"]].isna().all()


def test_the_table_is_shown_at_any_time_and_nothing_is_run(
    load: Callable[[str], ModuleType], stood: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    worlds = load("worlds")
    monkeypatch.setattr(worlds, "run_jobs", lambda *_, **__: pytest.fail("run"))

    def shown(*words: str) -> str:
        monkeypatch.setattr(sys, "argv", ["worlds.py", "--out", str(stood), "--table", *words])
        with pytest.raises(SystemExit) as ended:
            worlds.main()
        assert ended.value.code == 0
        return capsys.readouterr().out

    text = shown("--default", "anchored")
    assert "| digits70 | anchored | soft_mean  | truth_dice | +0.0500 [" in text
    assert "| lidc2d   | staple" in text and "bubil" not in text
    assert set(pd.read_csv(stood / "worlds.csv")["recipe"]) == {"anchored", "soft_mean", "staple", "oracle"}
    assert "soft_mean" not in shown("--only", "digits70", "--recipes", "anchored,staple")
    assert shown("--only", "bubil") == "no evaluated runs yet\n"


@pytest.mark.slow
@pytest.mark.data
def test_a_world_that_was_killed_goes_on(tmp_path: Path) -> None:
    """One that trains is killed with its parent; the same command ends it, and the table has its row."""
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set: the folder that holds mnist_t10k")
    words = [sys.executable, BENCHMARKS / "worlds.py", "training.steps={warmup: 150, joint: 150}", "--out", "runs",
             "--only", "digits70", "--recipes", "soft_mean", "--seeds", "1", "--processes", "1",
             "training.checkpoint_every=1"]  # fmt: skip
    run = tmp_path / "runs" / "digits70" / "soft_mean-seed0-fold0"
    parent = subprocess.Popen(words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    holder = int(awaited(run / ".training.by").split()[1])
    awaited_step = run / "joint" / "previous.ckpt"
    ends = time.monotonic() + 60
    while not awaited_step.exists():
        assert time.monotonic() < ends
        time.sleep(0.05)
    child = psutil.Process(holder)
    parent.kill()
    parent.communicate()
    child.wait(30)
    assert not (run / ".training.by").exists() and not (run / "weights.pt").exists()
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "| digits70 | soft_mean | 1    | truth_dice |" in done.stdout
    assert len((run / "cpu_seconds.txt").read_text().split()) == 2


@pytest.mark.slow
@pytest.mark.data
def test_a_recipe_finds_the_truth_and_the_styles_where_the_vote_does_not(tmp_path: Path) -> None:
    """Five annotators of known error, seventy digits, three hundred steps."""
    if "MEDSEG_DATA" not in os.environ:
        pytest.skip("MEDSEG_DATA is not set: the folder that holds mnist_t10k")
    words = ["training.steps={warmup: 100, joint: 200}", "--out", "runs", "--only", "digits70", "--seeds", "1",
             "--recipes", "shared_truth_pixel,majority_vote", "--default", "shared_truth_pixel"]  # fmt: skip
    done = subprocess.run([sys.executable, BENCHMARKS / "worlds.py", *words], cwd=tmp_path, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    table = pd.read_csv(tmp_path / "runs" / "worlds.csv").set_index("recipe")
    ours, vote = table.loc["shared_truth_pixel"], table.loc["majority_vote"]
    assert ours["mean"] > 0.92 and ours["difference_low"] > 0.02 and ours["best_fixed"] == "majority_vote"
    assert ours["annotator_nll"] < 0.5 * vote["annotator_nll"]
    assert ours["area_slope"] == pytest.approx(1, abs=0.15) and vote["area_slope"] == 0
