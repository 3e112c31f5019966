"""A run that is to be made, and the plan of a sweep: recipes x seeds x folds x values of any key."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from medseg.contracts import Refused, complaint

NOT_IN_NAMES = re.compile(r"[^\w.=+-]+")
"""What of a value is written as one underscore in the name of a folder."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One run."""

    config: Path
    """Of what."""
    run: Path
    """Into which folder."""
    overrides: tuple[str, ...]
    """``dotted.key=value``."""

    @property
    def done(self) -> bool:
        """Whether it is evaluated."""
        return (self.run / "scores.csv").is_file()

    @property
    def log(self) -> Path:
        """What its process says."""
        return self.run.parent / "logs" / f"{self.run.name}.log"

    @property
    def lock(self) -> Path:
        """Held by its process."""
        return self.log.with_suffix(".lock")


def plan(
    config: Path,
    out: Path,
    *,
    recipes: Sequence[str],
    seeds: int,
    folds: Sequence[int] = (),
    of_folds: int | None = None,
    split_seeds: bool = False,
    vary: Mapping[str, Sequence[str]] | None = None,
    experiment: str = "",
    overrides: Sequence[str] = (),
) -> list[Job]:
    """A job for every seed, fold, choice of values and recipe, in this order: whoever looks early sees all recipes.

    folds: which of ``of_folds`` (none: the config's own split). split_seeds: every seed draws its own split.
    vary: dotted key -> values, each with each; the experiment of such runs is ``experiment``,key=value..., by which
    tables tell them apart. Raises Refused where two choices would have one folder.
    """
    jobs = []
    keys, values = list(vary or {}), itertools.product(*(vary or {}).values())
    choices = [tuple(zip(keys, each, strict=True)) for each in values]
    for seed, fold, choice, recipe in itertools.product(range(seeds), folds or (0,), choices, recipes):
        own = [f"recipe={recipe}", f"seed={seed}", *(f"{key}={value}" for key, value in choice)]
        own += [f"data.split.seed={seed}"] if split_seeds else []
        own += [f"data.split.folds={of_folds}", f"data.split.fold={fold}"] if folds else []
        labels = [NOT_IN_NAMES.sub("_", f"{key}={value}") for key, value in choice]
        own += [f"experiment={json.dumps(','.join([experiment, *labels]))}"] if labels else []
        run = out / "-".join([recipe, *labels, f"seed{seed}", f"fold{fold}"])
        jobs.append(Job(config=config, run=run, overrides=(*overrides, *own)))
    _refuse_twice(jobs)
    return jobs


def _refuse_twice(jobs: Sequence[Job]) -> None:
    names = [job.run.name for job in jobs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise Refused(complaint("runs of the sweep", "each once", f"{name} twice", "sweep") for name in twice)
