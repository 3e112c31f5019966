"""Runs of one recipe, seed and fold whose configs differ -> a name for the row of each, and what else differs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import pandas as pd

from medseg.contracts import IDLE, Refused, complaint, read_yaml

NAMING = {"experiment", "recipe", "seed", "data.split.fold"}
"""Keys that other columns of a table speak of."""
MOST_KEYS = 3
"""So many keys stand in a name; of more, the fewest that tell the runs apart, and three dots."""

DOTS = ", ..."

Values = Mapping[str, Any]
"""A config as nested keys and values."""


def told_apart(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with other names of recipes where runs have recipe, seed and fold in common.

    frame: columns run, experiment, recipe, seed, fold. Where such runs are of several experiments, recipes become
    experiment/recipe; where that is not enough, keys of the runs' configs follow: ``fused network.name=dynunet``. A key
    that a config lacks tells nothing apart. Raises Refused where two folders are still
    runs of the same.
    """
    experiments = dict(zip(frame["run"], frame["experiment"], strict=True))
    if any(len({experiments[run] for run in runs}) > 1 for runs in _same(frame)):
        frame = frame.assign(recipe=frame["experiment"] + "/" + frame["recipe"])
    if _same(frame):
        names = _named(_runs(frame))
        frame = frame.assign(recipe=frame["recipe"] + frame["run"].map(names).fillna(""))
    if same := _same(frame):
        expected = "one per experiment, recipe, seed, fold and config"
        raise Refused([complaint("runs", expected, " and ".join(same[0]), "compared")])
    return frame


def further_differences(frame: pd.DataFrame) -> list[str]:
    """A line for each key that differs where ``told_apart`` left some out of a name, with the runs of one seed."""
    cut = frame.loc[frame["recipe"].str.endswith(DOTS), ["experiment", "seed", "fold", "run"]].drop_duplicates()
    configs = {run: read_config(Path(run)) for run in cut["run"]}
    cut["trained"] = [configs[run]["recipe"] for run in cut["run"]]
    lines = []
    for _, of_recipe in cut.groupby(["experiment", "trained"], sort=False):
        _, runs = next(iter(of_recipe.groupby(["seed", "fold"], sort=False)["run"]))
        for key in _differing([configs[run] for run in runs]):
            lines.append(f"{key}: " + ", ".join(f"{_value(configs[run], key)} ({run})" for run in runs))
    return lines


def read_config(folder: Path) -> dict[str, Any]:
    """What a run's config.yaml holds. Raises Refused where that is no config."""
    path = folder / "config.yaml"
    values = read_yaml(path)
    whole = isinstance(values, dict) and {"experiment", "recipe"} <= set(values)
    if not whole or not isinstance(values.get("data"), dict):
        raise Refused([complaint("config", "that of a trained run", "another content", str(path))])
    return values


def _runs(frame: pd.DataFrame) -> pd.DataFrame:
    """A row per run."""
    return frame[["recipe", "seed", "fold", "run"]].drop_duplicates()


def _same(frame: pd.DataFrame) -> list[list[str]]:
    """The folders of runs that have recipe, seed and fold in common, two or more of each."""
    groups = _runs(frame).groupby(["recipe", "seed", "fold"], sort=False)["run"]
    return [list(runs) for _, runs in groups if len(runs) > 1]


def _named(runs: pd.DataFrame) -> dict[str, str]:
    """Run -> what is added to its recipe, of all runs of recipes of which some are the same."""
    names: dict[str, str] = {}
    for _, of_recipe in runs.groupby("recipe", sort=False):
        groups = _same(of_recipe)
        configs = {run: read_config(Path(run)) for run in of_recipe["run"]} if groups else {}
        together = [[configs[run] for run in group] for group in groups]
        keys = list(dict.fromkeys(key for group in together for key in _differing(group)))
        shown = _fewest(keys, together)
        if shown:
            dots = "" if len(shown) == len(keys) else DOTS
            for run, config in configs.items():
                names[run] = " " + ", ".join(f"{key}={_value(config, key)}" for key in shown) + dots
    return names


def _fewest(keys: Sequence[str], groups: Sequence[Sequence[Values]]) -> Sequence[str]:
    """All keys, or of more than MOST_KEYS the first few that tell the configs of each group apart."""
    if len(keys) <= MOST_KEYS:
        return keys
    for number in range(1, MOST_KEYS + 1):
        for some in combinations(keys, number):
            if all(len({tuple(_value(each, key) for key in some) for each in group}) == len(group) for group in groups):
                return some
    return keys


def _differing(configs: Sequence[Values]) -> list[str]:
    """Dotted keys of which all configs say something, and not all the same."""
    keys = dict.fromkeys(key for config in configs for key in _leaves(config) if key not in NAMING)
    sections = {key.rpartition(".")[0] for key in keys}
    values = {key: [_value(config, key) for config in configs] for key in keys if key not in sections}
    return [key for key, found in values.items() if all(found) and len(set(found)) > 1]


def _leaves(values: Values, above: str = "") -> Iterator[str]:
    """The dotted keys of all that is no section, but for those in IDLE."""
    idle = IDLE.get(above[:-1], ()) if above else [name for name, keys in IDLE.items() if keys is None]
    for key, value in values.items():
        if key in (idle or ()):
            continue
        if isinstance(value, dict) and value:
            yield from _leaves(value, f"{above}{key}.")
        else:
            yield f"{above}{key}"


def _value(values: Values, dotted: str) -> str:
    """What a config says of a key, as text: "none" in a section that is none, "" where it says nothing."""
    found: Any = values
    for key in dotted.split("."):
        if found is None:
            return "none"
        if not isinstance(found, Mapping) or key not in found:
            return ""
        found = found[key]
    return "none" if found is None else _text(found)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Iterable) and not isinstance(value, str | Mapping):
        return f"[{', '.join(map(_text, value))}]"
    return "given" if isinstance(value, Mapping) else str(value)
