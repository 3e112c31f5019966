"""One change at a time from the default: what a norm, a block, an average ... does where labels are few and noisy.

    python benchmarks/ingredients.py --out runs/ingredients
    python benchmarks/ingredients.py --out runs/ingredients --only norm,average --worlds digits70 --seeds 3
    python benchmarks/ingredients.py --out runs/ingredients --table

A row is a choice of ``FAMILIES``, a table a config of configs/ingredients: its cohort, split and small network, and
fewer steps than it has, the same for all rows. Every run is `medseg train` and `medseg evaluate` of that config with
overrides, in a process of its own; those that have scores are not run again. ``--table`` runs nothing. All is written
to ingredients.csv too. Differences to the default are paired by seed, case and class, with 95 % intervals. CPU seconds
are those of the whole training: reading, fusing, validation.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import pandas as pd
from standings import TRUTH, VOTE
from worlds import World, ended, listed, load_worlds, make_cohort

from medseg.contracts import Refused, complaint
from medseg.experiment.methods import metrics
from medseg.experiment.sweeping.jobs import Job
from medseg.experiment.sweeping.one_run import cpu_seconds
from medseg.experiment.sweeping.running import run_jobs
from medseg.reporting import compare, interval_text, load_runs, markdown, number_text
from medseg.training.checkpoint import load_weights

CONFIGS = Path(__file__).parents[1] / "configs" / "ingredients"
WORLDS: Mapping[str, tuple[str, ...]] = {
    "digits70": ("training.steps.warmup=150", "training.steps.joint=350", "data.split.seed={seed}"),
    "bubil": ("training.steps.warmup=150", "training.steps.joint=250"),
    "lidc2d": ("training.steps.warmup=150", "training.steps.joint=350", "data.labels_per_image=1"),
}
"""World -> what is changed of its config for every row: lidc2d keeps a quarter of its labels, one of four per image."""

NORMS = ("instance", "batch", "group", "frn", "mimic", "rescale", "none")
DEFAULT = "default"
FAMILIES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    DEFAULT: {DEFAULT: ()},
    "norm": {norm: (f"network.norm={norm}",) for norm in NORMS[1:]},
    **{
        f"norm_batch_{size}": {
            f"{norm}, batch {size}": (f"network.norm={norm}", f"training.batch_size={size}") for norm in NORMS
        }
        for size in (1, 2)
    },
    "block": {
        "plain": ("network.residual_units=0",),
        "preactivation": ("network.block=preactivation",),
        "inverted_residual": ("network.block=inverted_residual",),
    },
    "classifier": {"hadamard": ("network.classifier=hadamard",)},
    "average": {
        "no average": ("training.average=none",),
        "periodic average": ("training.average=periodic",),
        "mean at the end": (
            "training.average=periodic", "training.periodic.put_back=false", "training.periodic.period=200",
        ),
    },
    "rand": {
        f"rand n={n} m={m}": (f"data.augment.rand={{n: {n}, m: {m}}}",) for n in (1, 2) for m in (3, 6)
    },
    "energy": {f"energy {weight}": (f"training.energy.weight={weight}",) for weight in (0.01, 0.1)},
}  # fmt: skip
"""Family -> row -> what is changed of the default."""

NATS, ECE = "annotator_nll", {TRUTH: "truth_ece", VOTE: "annotator_ece"}


def rows_of(families: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Row -> overrides, the default first. Raises Refused for families that there are not."""
    if unknown := [name for name in families if name not in FAMILIES]:
        raise Refused(complaint("family", f"one of {', '.join(FAMILIES)}", name, "--only") for name in unknown)
    chosen = dict.fromkeys([DEFAULT, *(families or FAMILIES)])
    return {row: overrides for family in chosen for row, overrides in FAMILIES[family].items()}


def jobs_of(world: World, out: Path, rows: Mapping[str, Sequence[str]], seeds: int) -> list[Job]:
    """A run for every seed and row of a world, all rows of one seed first."""
    jobs = []
    for seed in range(seeds):
        common = [override.format(seed=seed) for override in WORLDS[world.name]]
        for row, overrides in rows.items():
            name = row.replace(", ", "_").replace(" ", "_")
            own = (*common, *overrides, f"seed={seed}", f"experiment={json.dumps(row)}")
            jobs.append(Job(config=world.path, run=out / world.name / f"{name}-seed{seed}", overrides=own))
    return jobs


def table_of(world: World, jobs: Sequence[Job]) -> pd.DataFrame:
    """A row per choice: its scores, what it costs, and the differences to the default."""
    folders = [job.run for job in jobs if job.done]
    if not folders:
        return pd.DataFrame()
    frame = load_runs(folders)
    metric = TRUTH if (frame["metric"] == TRUTH).any() else VOTE
    judged = frame[frame["metric"].isin([metric, NATS, ECE[metric]])].assign(recipe=lambda rows: rows["experiment"])
    compared = compare(judged, metrics(), DEFAULT).to_dict("records")
    found: dict[tuple[str, str], Mapping[Any, Any]] = {(each["metric"], each["recipe"]): each for each in compared}
    rows = []
    for name, of_row in judged.groupby("recipe", sort=False):
        row, runs = str(name), [Path(run) for run in of_row["run"].unique()]
        of_metric, of_nats = found[metric, row], found.get((NATS, row), {})
        interval = (of_metric["difference_low"], of_metric["difference_high"])
        rows.append(
            {"world": world.name, "row": row, "seeds": len(runs), "metric": metric}
            | {"mean": of_metric["mean"], "worst_seed": of_metric["worst_seed"], "difference": of_metric["difference"]}
            | {"low": interval[0], "high": interval[1], "nats": of_nats.get("mean", float("nan"))}
            | {"ece": found.get((ECE[metric], row), {}).get("mean", float("nan"))}
            | {"cpu_seconds": median(map(cpu_seconds, runs)), "parameters": parameters(runs[0])}
        )
    return pd.DataFrame(rows)


def parameters(run: Path) -> int:
    """Numbers in its weights; made-up images are none of them."""
    weights = load_weights(run / "weights.pt")
    return sum(weight.numel() for name, weight in weights.items() if not name.startswith("replay"))


def cells(row: Mapping[Any, Any]) -> dict[str, str]:
    """A row as it is shown."""
    change = "" if row["row"] == DEFAULT else number_text(row["difference"], sign=True)
    interval = "" if row["row"] == DEFAULT else interval_text(row["low"], row["high"], sign=True)
    words = {"world": row["world"], "choice": row["row"], "seeds": str(row["seeds"])}
    shown = {row["metric"]: "mean", "worst seed": "worst_seed"}
    numbers = {name: number_text(row[column]) for name, column in shown.items()}
    rest = {"nats": number_text(row["nats"]), "ECE": number_text(row["ece"])}
    cost = {"CPU s": f"{row['cpu_seconds']:.0f}", "parameters": f"{row['parameters']:,}"}
    return words | numbers | {"difference": f"{change} {interval}".strip()} | rest | cost


def main() -> None:
    """Parse the command line, run what is missing, show what is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", type=listed, default=[], help=f"families of {', '.join(FAMILIES)}")
    parser.add_argument("--worlds", type=listed, default=[*WORLDS], help=f"of {', '.join(WORLDS)}")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing")
    arguments = parser.parse_args()
    ended(_run, arguments)


def _run(arguments: argparse.Namespace) -> list[Job]:
    rows, worlds = rows_of(arguments.only), load_worlds(arguments.worlds, folder=CONFIGS)
    jobs = {world.name: jobs_of(world, arguments.out, rows, arguments.seeds) for world in worlds}
    failed: list[Job] = []
    if not arguments.table:
        for world in worlds:
            make_cohort(world)
        in_turn = [job for of_row in zip(*jobs.values(), strict=True) for job in of_row]
        failed = run_jobs(in_turn, arguments.out, processes=arguments.processes)
    tables = [table_of(world, jobs[world.name]) for world in worlds]
    for table in (table for table in tables if not table.empty):
        print(markdown([cells(row) for row in table.to_dict("records")]), end="\n\n")
    if any(not table.empty for table in tables):
        pd.concat(tables, ignore_index=True).to_csv(arguments.out / "ingredients.csv", index=False)
    return failed


if __name__ == "__main__":
    main()
