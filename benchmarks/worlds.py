"""The worlds in which recipes are judged: train and evaluate every recipe in each of them, then print one table.

    python benchmarks/worlds.py --out runs/worlds
    python benchmarks/worlds.py --out runs/worlds --only digits70,bubil --recipes anchored,soft_mean --seeds 5
    python benchmarks/worlds.py --out runs/worlds --table

A world is a config of configs/worlds; its line ``Cohort:`` is the command that makes the cohort where it is missing.
A world with folds is run in each of them; in one without, every seed draws its own split. Runs that have scores are
not run again, and those that were interrupted go on. ``--table`` runs nothing and shows what is there.
``key=value`` overrides the configs of all worlds. The table is written to worlds.csv too.
"""

from __future__ import annotations

import argparse
import itertools
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from medseg.annotators.config import RunConfig
from medseg.cohorts import did_you_mean, find_cohort, load_cohort
from medseg.config import recipes
from medseg.contracts import Refused, complaint
from medseg.experiment.methods import load_config
from medseg.experiment.sweeping.jobs import Job, plan
from medseg.experiment.sweeping.running import run_jobs

CONFIGS = Path(__file__).parents[1] / "configs" / "worlds"
COHORT = "# Cohort:"


@dataclass(frozen=True, kw_only=True)
class World:
    """One config of configs/worlds."""

    path: Path
    """The file."""
    config: RunConfig
    """What is in it."""

    @property
    def name(self) -> str:
        """As the file is named."""
        return self.path.stem

    def knows_truth(self) -> bool:
        """Whether there is something that the oracle could be shown; the cohort must be there."""
        cohort = load_cohort(find_cohort(self.config.data.cohort))
        return bool(self.config.data.truth) or any(case.truth for case in cohort.cases)


def load_worlds(names: Sequence[str], overrides: Sequence[str] = (), folder: Path = CONFIGS) -> list[World]:
    """Those of these names, in their order (none: all). Raises Refused for names of none, and for bad overrides."""
    paths = {path.stem: path for path in sorted(folder.glob("*.yaml"))}
    if unknown := [name for name in names if name not in paths]:
        expected = f"one of {', '.join(paths)}"
        raise Refused(complaint("world", expected, f"{name}{did_you_mean(name, paths)}", "--only") for name in unknown)
    return [World(path=paths[name], config=load_config(paths[name], overrides)) for name in names or paths]


def cohort_commands(path: Path) -> list[list[str]]:
    """The commands of a config's line ``Cohort:``, with MEDSEG_DATA put in. Raises Refused where that is not set."""
    (line,) = (line for line in path.read_text().splitlines() if line.startswith(COHORT))
    if "$MEDSEG_DATA" in line and "MEDSEG_DATA" not in os.environ:
        raise Refused([complaint("MEDSEG_DATA", "the folder of the data sets (data/README.md)", "nothing", path.stem)])
    words = shlex.split(os.path.expandvars(line.removeprefix(COHORT)))
    programs = {"medseg": [sys.executable, "-m", "medseg"], "python": [sys.executable]}
    commands: list[list[str]] = [[]]
    for word in words:
        commands += [[]] if word == "&&" else []
        commands[-1] += [] if word == "&&" else programs[word] if not commands[-1] else [word]
    return commands


def make_cohort(world: World) -> None:
    """Run the commands where the cohort is not there yet. Raises Refused where one fails."""
    try:
        find_cohort(world.config.data.cohort)
    except Refused:
        for command in cohort_commands(world.path):
            done = subprocess.run(command, text=True, capture_output=True)
            if done.returncode:
                raise Refused([complaint("cohort", "one that is made", done.stderr.strip(), world.name)]) from None


def jobs_of(
    world: World, out: Path, *, wanted: Sequence[str], seeds: int, folds: int | None, overrides: Sequence[str]
) -> list[Job]:
    """The runs of one world. wanted: recipes (none: all); the oracle where it has something to see alone."""
    chosen = [name for name in wanted or recipes(RunConfig) if name != "oracle" or world.knows_truth()]
    total = world.config.data.split.folds
    return plan(
        world.path,
        out / world.name,
        recipes=chosen,
        seeds=seeds,
        folds=range(min(total, folds or total)) if total else (),
        of_folds=total,
        split_seeds=not total,
        overrides=overrides,
    )


def evaluated_runs(world: World, out: Path, wanted: Sequence[str]) -> list[Path]:
    """The folders of a world that hold scores, of these recipes (none: all), those of one recipe together."""
    runs = sorted(path.parent for path in (out / world.name).glob("*/scores.csv"))
    return [run for run in runs if not wanted or run.name.partition("-seed")[0] in wanted]


def listed(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


def main() -> None:
    """Parse the command line, make the cohorts, run what is missing, show what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("overrides", nargs="*", help="dotted.key=value, for all worlds")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=listed, default=[], help="worlds, parted by commas")
    parser.add_argument("--recipes", type=listed, default=[], help="all by default")
    parser.add_argument("--default", help="the recipe that is set beside the best fixed one; that of the config else")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--folds", type=int, help="only so many of the folds that a world has")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_intermixed_args()
    ended(_run, arguments)


def ended(run: Callable[[argparse.Namespace], list[Job]], arguments: argparse.Namespace) -> NoReturn:
    """Run, and end the program: with the sentences of what is refused, or the number of runs that failed."""
    try:
        failed = run(arguments)
    except Refused as refused:
        sys.exit("\n".join(f"error: {line}" for line in refused.complaints))
    sys.exit(f"{len(failed)} runs failed" if failed else 0)


def _run(arguments: argparse.Namespace) -> list[Job]:
    worlds = load_worlds(arguments.only, arguments.overrides)
    known = recipes(RunConfig)
    if unknown := [name for name in [*arguments.recipes, *filter(None, [arguments.default])] if name not in known]:
        expected = f"one of {', '.join(known)}"
        raise Refused(
            complaint("recipe", expected, f"{name}{did_you_mean(name, known)}", "recipes") for name in unknown
        )
    failed: list[Job] = []
    if not arguments.table:
        of_worlds: list[list[Job]] = []
        for world in worlds:
            make_cohort(world)
            of_worlds.append(
                jobs_of(
                    world,
                    arguments.out,
                    wanted=arguments.recipes,
                    seeds=arguments.seeds,
                    folds=arguments.folds,
                    overrides=arguments.overrides,
                )
            )
        in_turn = [job for jobs in itertools.zip_longest(*of_worlds) for job in jobs if job is not None]
        failed = run_jobs(in_turn, arguments.out, processes=arguments.processes)
    _show(worlds, arguments)
    return failed


def _show(worlds: Sequence[World], arguments: argparse.Namespace) -> None:
    from standings import format_standings, standings

    defaults = {world.name: arguments.default or world.config.recipe for world in worlds}
    runs = {world.name: evaluated_runs(world, arguments.out, arguments.recipes) for world in worlds}
    table = standings(runs, defaults)
    if not table.empty:
        table.to_csv(arguments.out / "worlds.csv", index=False)
    print(format_standings(table, defaults))


if __name__ == "__main__":
    main()
