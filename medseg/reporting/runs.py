"""Run folders -> one frame with every score of every run, and of the rivals that were scored beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

import pandas as pd

from medseg.contracts import Refused, Score, complaint
from medseg.reporting.variants import read_config, told_apart

COLUMNS = tuple(field.name for field in fields(Score))
LATER = "seen"
"""The last column, which tables of earlier versions have not: there it is not known."""


def load_runs(folders: Sequence[Path]) -> pd.DataFrame:
    """Every score of every run folder, a row each; after them those of the rivals (rivals.csv), where there are.

    Columns: run (the folder), experiment, recipe, seed, fold of config.yaml, then those of scores.csv. A rival is a
    recipe of its own, named as the column ``rival`` of rivals.csv says; one that several runs of a seed and fold
    scored alike is there once. Where two experiments have runs of the same recipe, seed and fold, recipes are named
    experiment/recipe; where one experiment has, by the keys of their configs too, see ``variants.told_apart``. Raises
    Refused where two folders are still runs of the same, and for other columns than those that `medseg evaluate`
    writes.
    """
    places = [Path(folder).resolve() for folder in folders]
    if twice := sorted({str(place) for place in places if places.count(place) > 1}):
        raise Refused(complaint("runs", "each once", f"{place} twice", "compared") for place in twice)
    runs = [_read(Path(folder), "scores.csv", COLUMNS) for folder in folders]
    rivals = [_read_rivals(Path(folder)) for folder in folders if (Path(folder) / "rivals.csv").is_file()]
    parts = [told_apart(pd.concat(runs, ignore_index=True))]
    if rivals:
        parts.append(told_apart(_once(pd.concat(rivals, ignore_index=True))))
    return pd.concat(parts, ignore_index=True)


def _read(folder: Path, name: str, columns: Sequence[str]) -> pd.DataFrame:
    config = read_config(folder)
    try:
        scores = pd.read_csv(folder / name, dtype="str", keep_default_na=False, encoding="utf-8")
    except (OSError, ValueError) as error:  # pandas' own errors of parsing are ValueErrors
        raise Refused([complaint(name, "a table", str(error).splitlines()[0], str(folder / name))]) from None
    if tuple(scores.columns) not in (tuple(columns), tuple(columns)[:-1]):
        expected = f"{','.join(columns)} (medseg evaluate {folder})"
        raise Refused([complaint("columns", expected, ",".join(scores.columns), str(folder / name))])
    scores = scores.reindex(columns=[*columns], fill_value="")
    _refuse_cut(folder / name)
    try:
        values = scores["value"].astype(float)
    except ValueError as error:
        raise Refused([complaint("value", "a number", str(error), str(folder / name))]) from None
    fold = config["data"].get("split", {}).get("fold", 0)
    origin = {"run": str(folder), "experiment": config["experiment"], "recipe": config["recipe"]}
    return scores.assign(**origin, value=values, seed=int(config.get("seed", 0)), fold=int(fold))


def seen_in_training(frame: pd.DataFrame) -> list[str]:
    """A line for each run of ``frame`` that was scored on cases which it has seen in training."""
    cases = frame["case"].str.partition("/")[0]
    seen = frame.assign(case=cases)[frame[LATER].isin(["train", "validation"])]
    return [
        f"warning: {group['case'].nunique()} cases of {run} were seen in training: no test"
        for run, group in seen.groupby("run", sort=False)
    ]


def _refuse_cut(path: Path) -> None:
    """Raise Refused where a table ends in the middle of a line."""
    if not path.read_bytes().endswith(b"\n"):
        expected = "a whole table, which ends with a line's end (medseg evaluate)"
        raise Refused([complaint(path.name, expected, "one that is cut", str(path))])


def _read_rivals(folder: Path) -> pd.DataFrame:
    rivals = _read(folder, "rivals.csv", ("rival", *COLUMNS))
    return rivals.assign(recipe=rivals["rival"]).drop(columns="rival")


def _once(rivals: pd.DataFrame) -> pd.DataFrame:
    """Each rival's table of a seed and fold once, however many runs hold an equal one."""
    tables: dict[str, pd.DataFrame] = {}
    for _, table in rivals.groupby(["run", "recipe"], sort=False):
        tables.setdefault(table.drop(columns=["run", "experiment", LATER]).to_csv(index=False), table)
    return pd.concat(tables.values(), ignore_index=True)
