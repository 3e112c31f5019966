"""The options of `medseg sweep`; what is heavy is imported when it is run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from medseg.experiment.refusing import refusing


def sweep(
    config: Annotated[Path, typer.Argument(help="A YAML file (see configs/).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder for the runs; what is done in it is left alone.")],
    overrides: Annotated[list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Dotted overrides.")] = None,
    recipes: Annotated[str | None, typer.Option(help="Parted by commas; that of the config by default.")] = None,
    seeds: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ...")] = 3,
    folds: Annotated[int, typer.Option(min=0, help="Each of so many folds; the config's own split by default.")] = 0,
    vary: Annotated[list[str] | None, typer.Option(metavar="KEY=V1,V2", help="Values of a dotted key.")] = None,
    split_seeds: Annotated[bool, typer.Option("--split-seeds", help="Every seed draws its own split.")] = False,
    processes: Annotated[int | None, typer.Option(min=1, help="So many runs at a time; one per core.")] = None,
    slurm: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="SLURM runs them: a parameter of sbatch.")
    ] = None,
    reference: Annotated[str | None, typer.Option(help="The recipe that others are paired with.")] = None,
) -> None:
    """A config under many recipes, seeds, folds and values: trained, evaluated, compared; goes on where it stopped."""
    with refusing(out):
        from medseg.experiment.sweep import parameters, sweep as run_sweep, varied

        made = run_sweep(
            config,
            out,
            recipes=recipes.split(",") if recipes else (),
            seeds=seeds,
            folds=folds,
            vary=varied(vary or []),
            split_seeds=split_seeds,
            overrides=overrides or [],
            processes=processes,
            slurm=parameters(slurm or []),
            reference=reference,
        )
        typer.echo(made)
        if made.failed:
            typer.echo(
                f"error: {len(made.failed)} of {len(made.jobs)} runs failed; the same command tries again", err=True
            )
            raise typer.Exit(1)
