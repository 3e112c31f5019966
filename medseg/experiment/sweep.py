"""`medseg sweep`: a config under many recipes, seeds, folds and values -> evaluated runs, and one table over them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from medseg.contracts import NotYaml, Refused, complaint, parse_yaml
from medseg.experiment.compare import compare_runs
from medseg.experiment.methods import load_config
from medseg.experiment.run_folder import refuse_other_config, refuse_unwritable
from medseg.experiment.sweeping.jobs import Job, plan
from medseg.experiment.sweeping.running import run_jobs

TABLE = "comparison.csv"
"""In the folder of a sweep."""

APART = re.compile(r",(?![^\[{]*[\]}])")
"""A comma that is in no brackets."""


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """What became of a sweep."""

    jobs: tuple[Job, ...]
    """All of them, those too that were done before."""
    failed: tuple[Job, ...]
    """Those that are not done."""
    table: str
    """`medseg compare` of all that are done; empty where none is."""

    @property
    def runs(self) -> tuple[Path, ...]:
        """The folders of those that are done."""
        return tuple(job.run for job in self.jobs if job.done)

    def __str__(self) -> str:
        return self.table


def sweep(
    config: Path,
    out: Path,
    *,
    recipes: Sequence[str] = (),
    seeds: int = 3,
    folds: int = 0,
    vary: Mapping[str, Sequence[str]] | None = None,
    split_seeds: bool = False,
    overrides: Sequence[str] = (),
    processes: int | None = None,
    slurm: Mapping[str, Any] | None = None,
    reference: str | None = None,
) -> Sweep:
    """Train and evaluate what is missing in ``out``, each run in a process of its own, and compare all of them.

    recipes: by default that of the config. folds: each of so many; 0: the config's own split. vary: dotted key ->
    values, each with each. split_seeds: every seed draws its own split. processes: so many at a time, by default one
    per core. slurm: parameters of sbatch; then SLURM runs them. reference: see ``compare_runs``.
    A run that fails stops no other. Raises Refused, before anything is run, for a mistake in any of the configs, for
    runs in ``out`` that were made with another config, and where another sweep runs there.
    """
    refuse_unwritable(out)
    own = load_config(config, overrides)
    jobs = plan(
        config,
        out,
        recipes=recipes or [own.recipe],
        seeds=seeds,
        folds=range(folds),
        of_folds=folds,
        split_seeds=split_seeds,
        vary=vary,
        experiment=own.experiment,
        overrides=overrides,
    )
    _check(jobs)
    failed = run_jobs(jobs, out, processes=processes or os.cpu_count() or 1, slurm=slurm)
    done = [job.run for job in jobs if job.done]
    table = compare_runs(done, reference, out / TABLE) if done else ""
    return Sweep(jobs=tuple(jobs), failed=tuple(failed), table=table)


def _check(jobs: Sequence[Job]) -> None:
    """Raise Refused for mistakes in any of the configs, and for runs that were made with others."""
    complaints: list[str] = []
    for job in jobs:
        try:
            resolved = load_config(job.config, job.overrides)
            if (job.run / "config.yaml").is_file():
                refuse_other_config(job.run, resolved)
        except Refused as refused:
            complaints += refused.complaints
    if complaints:
        raise Refused(dict.fromkeys(complaints))


def assigned(texts: Sequence[str], option: str) -> dict[str, str]:
    """``key=value`` texts of an option as key -> value. Raises Refused for others, and for a key that comes twice."""
    pairs = [text.partition("=") for text in texts]
    keys = [key for key, _, _ in pairs]
    complaints = [
        complaint(option, "key=value", text, "sweep")
        for text, (key, _, value) in zip(texts, pairs, strict=True)
        if not (key and value)
    ]
    complaints += [
        complaint(option, "a key once", f"{key} twice", "sweep") for key in dict.fromkeys(keys) if keys.count(key) > 1
    ]
    if complaints:
        raise Refused(complaints)
    return {key: value for key, _, value in pairs}


def varied(texts: Sequence[str]) -> dict[str, list[str]]:
    """``key=v1,v2`` texts as key -> values; a comma in brackets parts nothing. Raises Refused as ``assigned``."""
    return {key: APART.split(value) for key, value in assigned(texts, "--vary").items()}


def parameters(texts: Sequence[str]) -> dict[str, Any] | None:
    """``key=value`` texts as parameters of sbatch, numbers as numbers; None where there are none."""
    try:
        return {key: parse_yaml(value).values for key, value in assigned(texts, "--slurm").items()} or None
    except NotYaml as error:
        raise Refused([complaint("--slurm", "a value", str(error), "sweep")]) from None
