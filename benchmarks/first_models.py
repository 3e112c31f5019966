"""From a folder to a first model without a config: what three commands cost and are worth, folder by folder.

    python benchmarks/first_models.py --out runs/first [DIR ...]

Of three generated folders in three layouts (24 rendered cases each, five simulated annotators, each with a style),
and of each DIR: medseg index DIR --out COHORT, medseg train COHORT --out RUN, medseg evaluate RUN. A row per folder;
what has scores already is not run again. Dice: of the recovered truth, with the known one, or with the annotators' vote
where none is known; slope: 1 where the annotators' styles are recovered in full (benchmarks/styles.py).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
from styles import area_slope, median_areas

from medseg.annotators.simulation.samples import write_samples

CASES = 24
ANNOTATORS = ("good", "over:{}", "under:{}", "jitter:{}", "displaced:{}")
COSTS = "costs.json"
ONE_OBJECT = ("--classes", "background=0,object=1/2/3")
"""The three organs of a rendered case are one class."""


def masks_of(samples: Path) -> dict[str, Path]:
    """Annotator, or truth, -> folder of masks."""
    return {path.name: path for path in (samples / "annotations").iterdir()} | {"truth": samples / "truth"}


def folder_per_annotator(samples: Path, out: Path) -> None:
    """``images/c1.png`` and ``masks/anna/c1.png``."""
    shutil.copytree(samples / "images", out / "images")
    for name, masks in masks_of(samples).items():
        shutil.copytree(masks, out / "masks" / name)


def one_folder(samples: Path, out: Path) -> None:
    """``c1.nii.gz`` and ``c1_anna.nii.gz``."""
    shutil.copytree(samples / "images", out)
    for name, masks in masks_of(samples).items():
        for mask in masks.iterdir():
            case, _, suffix = mask.name.partition(".")
            shutil.copy(mask, out / f"{case}_{name}.{suffix}")


def table_of_paths(samples: Path, out: Path) -> None:
    """``list.csv`` with a column ``image`` and one per annotator, of files that lie in another folder."""
    files = out.with_name(f"{out.name}_files")
    folder_per_annotator(samples, files)
    out.mkdir()
    rows = [
        {"image": f"../{files.name}/images/{image.name}"}
        | {name: f"../{files.name}/masks/{name}/{image.name}" for name in masks_of(samples)}
        for image in sorted((files / "images").iterdir())
    ]
    pd.DataFrame(rows).to_csv(out / "list.csv", index=False)


FOLDERS: dict[str, tuple[int, int, Callable[[Path, Path], None]]] = {
    "pictures": (2, 64, folder_per_annotator),
    "volumes": (3, 24, one_folder),
    "table": (2, 64, table_of_paths),
}
"""Name -> dimensions, size, and how its files are laid out."""


def generated(name: str, out: Path) -> Path:
    """One of ``FOLDERS``, written where it is not there yet."""
    dims, size, lay_out = FOLDERS[name]
    folder = out / "folders" / name
    if not folder.exists():
        samples = out / f".samples-{name}"
        strength = f"{size / 32:g}"
        annotators = [name.format(strength) for name in ANNOTATORS]
        seed = list(FOLDERS).index(name)
        write_samples(samples, seed=seed, spatial_dims=dims, size=size, cases=CASES, annotators=annotators)
        lay_out(samples, folder)
        shutil.rmtree(samples)
    return folder


def walked(folder: Path, out: Path) -> Path:
    """The three commands; the run folder, with their costs in it."""
    cohort, run = out / "cohorts" / folder.name, out / folder.name
    if (run / "scores.csv").is_file():
        return run
    shutil.rmtree(cohort, ignore_errors=True)
    shutil.rmtree(run, ignore_errors=True)
    classes = ONE_OBJECT if folder.name in FOLDERS else ()
    words = {"index": (folder, "--out", cohort, *classes), "train": (cohort, "--out", run), "evaluate": (run,)}
    costs = {verb: _timed(["-m", "medseg", verb, *map(str, each)]) for verb, each in words.items()}
    (run / COSTS).write_text(json.dumps(costs), "utf-8")
    return run


def _timed(words: list[str]) -> tuple[float, float]:
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
    arguments = parser.parse_args()
    folders = [generated(name, arguments.out) for name in FOLDERS] + arguments.folders
    chosen = [folder for folder in folders if arguments.only is None or folder.name in arguments.only]
    table = pd.DataFrame([row(walked(folder, arguments.out)) for folder in chosen])
    print(table.to_string(index=False))


if __name__ == "__main__":
    main()
