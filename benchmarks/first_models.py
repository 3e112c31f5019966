"""From a folder to a first model without a config: what three commands cost and are worth, folder by folder.

    python benchmarks/first_models.py --out runs/first [--steps WARMUP JOINT] [DIR ...]

Of eight generated folders in eight layouts (newcomers_folders.py: 24 rendered cases each, five simulated annotators,
each with a style), and of each DIR: medseg index DIR --out COHORT, medseg train COHORT --out RUN, medseg evaluate RUN,
which ends with the report. A row per folder; what has scores already is not run again. --steps: so many instead of
the planned ones, for a look at what the commands cost. Dice: of the recovered truth, with the known one, or with the
annotators' vote where none is known; slope: 1 where the annotators' styles are recovered in full
(benchmarks/styles.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from newcomers_folders import FOLDERS, generated
from styles import area_slope, median_areas

COSTS = "costs.json"


def commands(folder: Path, cohort: Path, run: Path, overrides: Sequence[str] = ()) -> dict[str, tuple[str, ...]]:
    """Verb -> what is typed behind `medseg`."""
    options = FOLDERS[folder.name].options if folder.name in FOLDERS else ()
    return {
        "index": ("index", str(folder), "--out", str(cohort), *options),
        "train": ("train", str(cohort), *overrides, "--out", str(run)),
        "evaluate": ("evaluate", str(run)),
    }


def walked(folder: Path, out: Path, overrides: Sequence[str] = ()) -> Path:
    """The three commands; the run folder, with their costs in it."""
    cohort, run = out / "cohorts" / folder.name, out / folder.name
    if (run / "scores.csv").is_file():
        return run
    shutil.rmtree(cohort, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)
    words = commands(folder, cohort, run, overrides)
    costs = {verb: _timed(["-m", "medseg", *each]) for verb, each in words.items()}
    (run / COSTS).write_text(json.dumps(costs), "utf-8")
    return run


def _timed(words: Sequence[str]) -> tuple[float, float]:
    """Seconds, and seconds of the processor. Raises SystemExit where the command fails."""
    began, before = time.monotonic(), os.times()
    if subprocess.run([sys.executable, *words], check=False).returncode:
        raise SystemExit(1)
    after = os.times()
    used = after.children_user + after.children_system - before.children_user - before.children_system
    return time.monotonic() - began, used


def row(run: Path) -> dict[str, object]:
    """What stands in the table of a run."""
    scores, costs = pd.read_csv(run / "scores.csv"), json.loads((run / COSTS).read_text("utf-8"))
    splits = json.loads((run / "splits.json").read_text("utf-8"))["splits"]
    mean = scores.groupby("metric")["value"].mean()
    return {
        "folder": run.name,
        "cases": sum(map(len, splits.values())),
        **{f"CPU s of {verb}": round(used) for verb, (_, used) in costs.items()},
        "s": round(sum(passed for passed, _ in costs.values())),
        "report, MB": round((run / "report" / "index.html").stat().st_size / 1e6, 1),
        "Dice": round(float(mean.get("truth_dice", mean["vote_dice"])), 3),
        "annotator_dice": round(float(mean["annotator_dice"]), 3),
        "slope": round(area_slope(median_areas(scores)), 2),
        "alarms": len((run / "report" / "alarms.txt").read_text("utf-8").splitlines()),
    }


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", nargs="*", type=Path, help="further folders that medseg index can read")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of folders")
    parser.add_argument("--steps", nargs=2, type=int, metavar=("WARMUP", "JOINT"), help="instead of the planned ones")
    arguments = parser.parse_args()
    names = [name for name in FOLDERS if arguments.only is None or name in arguments.only]
    further = [folder for folder in arguments.folders if arguments.only is None or folder.name in arguments.only]
    chosen = [generated(name, arguments.out) for name in names] + further
    stages = zip(("warmup", "joint"), arguments.steps or (), strict=False)
    overrides = [f"training.steps.{stage}={steps}" for stage, steps in stages]
    table = pd.DataFrame([row(walked(folder, arguments.out, overrides)) for folder in chosen])
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
